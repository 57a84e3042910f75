"""FID against the number of generated samples: how much of it is bias."""

import json
import re

import numpy as np
import pandas as pd

from results.report.entries import Contest, short
from results.report.model import Cell, Column, Figure, Figures, LeftOut, Section, Table
from results.report.numbers import number
from results.report.svg import colour, drawing, label_ends, to_svg
from results.summary import final_scores

_WIDE = 1.2  # most over fewest samples, below which a line says nothing
_AT = re.compile(r"fid_at_(\d+)")


def section(frame: pd.DataFrame, contests: list[Contest]) -> Section | LeftOut:
    """A panel a data set of the FID∞ rows' own evaluations."""
    title = "FID against the number of samples"
    rows = final_scores(frame)
    rows = rows[rows["metric"].str.startswith("fid_infinity") & rows["split"].fillna("test").eq("test")]
    figures = [f for c in contests if (f := _figure(c, rows)) is not None]
    if not figures:
        return LeftOut(
            title=title, why="No run was scored by fid_infinity at numbers of samples that lie apart."
        )
    lead = (
        "FID of few samples is too high, by about a constant divided by their number. Against 1/n the values "
        "lie on a line; where it meets 1/n = 0 is FID∞. Two values of FID compare only at the same n.",
    )
    return Section(key="sample-sizes", title=title, lead=lead, blocks=(Figures(figures=tuple(figures)),))


def _points(details: object) -> dict[int, float]:
    try:
        known = json.loads(str(details))
        return {int(m[1]): float(v) for key, v in known.items() if (m := _AT.fullmatch(key))}
    except (ValueError, TypeError, AttributeError):
        return {}


def _figure(contest: Contest, rows: pd.DataFrame) -> Figure | None:
    lines = {}
    for entry in contest.drawn:
        mine = rows[rows["training_id"].isin(entry.ok.index)]
        of_seeds = [points for details in mine["details"] if (points := _points(details))]
        if not of_seeds:
            continue
        shared = sorted(set.intersection(*(set(points) for points in of_seeds)))
        if len(shared) > 1 and shared[-1] > _WIDE * shared[0]:
            means = [float(np.mean([points[n] for points in of_seeds])) for n in shared]
            lines[entry.label] = (entry, shared, means, float(mine["value"].mean()))
    if not lines:
        return None
    name = f"{contest.name}-sizes"
    with drawing() as figure:
        axes = figure.subplots()
        ends = []
        for entry, sizes, means, limit in lines.values():
            shade = colour(entry.style.colour)
            x = [1000 / n for n in sizes]
            axes.plot(x, means, ls="none", marker=entry.style.marker, ms=4, color=shade)
            slope = float(np.mean([(m - limit) / at for m, at in zip(means, x, strict=True)]))
            axes.plot([0, max(x)], [limit, limit + slope * max(x)], color=shade, lw=1.3)
            axes.plot([0], [limit], marker="o", ms=8, mfc="none", mec=shade, mew=1.3, clip_on=False)
            ends.append((limit + slope * max(x), short(entry.label, 18), shade))
        axes.set_xlim(0, None)
        axes.set_xlabel("1000 / number of samples (0: endlessly many)")
        axes.set_ylabel("FID")
        label_ends(axes, ends, x=float(axes.get_xlim()[1]))
        svg = to_svg(figure, name)
    sizes = sorted({n for _, shared, _, _ in lines.values() for n in shared})
    shown = sizes[:: max(1, len(sizes) // 5)]
    table_rows = []
    for entry, shared, means, limit in lines.values():
        at = dict(zip(shared, means, strict=True))
        cells = (Cell(text=number(at[n]) if n in at else "–") for n in shown)
        table_rows.append(
            (Cell(text=entry.label, colour=entry.style.colour), *cells, Cell(text=number(limit)))
        )
    columns = (
        Column(title="variant", number=False), *(Column(title=f"n = {n:,}") for n in shown),
        Column(title="FID∞"),
    )  # fmt: skip
    return Figure(
        name=name,
        title=f"FID against 1/n on {contest.title}",
        description="Means over seeds; rings are FID∞: "
        + "; ".join(f"{label} {number(limit)}" for label, (*_, limit) in lines.items())
        + ".",
        svg=svg,
        table=Table(caption="Means over seeds", columns=columns, rows=tuple(table_rows)),
    )
