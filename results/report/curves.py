"""Scores over training: against kimg and against seconds of training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.report.entries import Contest, Entry, short
from results.report.model import Cell, Column, Figure, Figures, LeftOut, Section, Table
from results.report.names import direction, metric_name
from results.report.numbers import number, seconds
from results.report.standings import Standings
from results.report.subsets import Subsets
from results.report.svg import colour, drawing, label_ends, label_points, log_axis, to_svg
from results.selection import curves

_MOST_POINTS = 60  # of one line: an evaluation a point, of long trainings every so many
_MOST_METRICS = 4
_MOST_SEEDS = 20  # thin lines of one entry
_WIDE = 4.0  # slowest over fastest training, from which on time is on a logarithmic axis


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One entry's evaluations, a row each, and their means over seeds at each kimg that all have reached."""

    entry: Entry
    rows: pd.DataFrame
    means: pd.DataFrame


def section(
    subsets: Subsets, contests: list[Contest], standings: dict[tuple[str, str], Standings]
) -> Section | LeftOut:
    """Two panels a data set and metric."""
    title = "Scores over training"
    blocks = []
    for contest in contests:
        figures = tuple(_figures(contest, subsets, standings))
        if figures:
            blocks.append(Figures(figures=figures, notes=contest.drawn_note()))
    if not blocks:
        why = "Nothing was scored on the way; --eval-every of bench.run does that."
        return LeftOut(title=title, why=why)
    lead = (
        "Means over seeds (geometric where the scale is logarithmic) at each evaluation that all of them "
        "reached, against training data seen and against time, because a variant may need few steps and long "
        "ones.",
    )
    handling = "Thin lines are single seeds, thick ones their means."
    return Section(key="curves", title=title, lead=lead, handling=handling, blocks=tuple(blocks))


def _figures(
    contest: Contest, subsets: Subsets, standings: dict[tuple[str, str], Standings]
) -> Iterator[Figure]:
    drawn = 0
    for metric in contest.metrics:
        mine = standings[contest.name, metric]
        rows = curves(subsets.of(metric))
        rows = rows[
            rows["split"].fillna("test").eq("test")
            & rows["protocol_hash"].fillna("").eq(mine.protocol_hash)
            & rows["training_id"].isin(contest.entry_of())
        ][["training_id", "seed", "kimg", "training_sec", "value"]].astype({"training_id": object})
        log = mine.log and mine.better == "lower" and bool((rows["value"] > 0).all())
        lines = [_line(rows, entry, log) for entry in contest.drawn]
        lines = [line for line in lines if line.rows["kimg"].nunique() > 1]
        if not lines:
            continue
        if (drawn := drawn + 1) > _MOST_METRICS:
            return
        yield _against_kimg(mine, lines, log, f"{contest.name}-curve{drawn}-kimg")
        yield _against_time(mine, lines, log, f"{contest.name}-curve{drawn}-time")


def _line(rows: pd.DataFrame, entry: Entry, log: bool) -> _Line:
    mine = rows[rows["training_id"].isin(entry.cells.index)].sort_values("kimg")
    points = mine["kimg"].unique()
    if len(points) > _MOST_POINTS:
        kept = points[np.linspace(0, len(points) - 1, _MOST_POINTS).round().astype(int)]
        mine = mine[mine["kimg"].isin(kept)]
    at = mine.assign(value=np.log(mine["value"]) if log else mine["value"]).groupby("kimg")
    means = at[["training_sec", "value"]].mean()[at.size() == mine["training_id"].nunique()]
    means = means.assign(value=np.exp(means["value"]) if log else means["value"]).reset_index()
    return _Line(entry=entry, rows=mine, means=means)


def _draw(axes, lines: list[_Line], x: str) -> None:  # type: ignore[no-untyped-def]
    for line in lines:
        shade, style = colour(line.entry.style.colour), line.entry.style
        seeds = list(line.rows.groupby("training_id", sort=False)[[x, "value"]])[:_MOST_SEEDS]
        gap = np.full((1, 2), np.nan)  # one artist for all: a line a seed would take most of the time
        broken = np.concatenate([part for _, seed in seeds for part in (seed.to_numpy(dtype=float), gap)])
        axes.plot(broken[:, 0], broken[:, 1], color=shade, lw=0.7, alpha=0.4)
        axes.plot(
            line.means[x], line.means["value"], color=shade, lw=1.9, ls=style.line, marker=style.marker,
            ms=3.6, markevery=max(1, len(line.means) // 8),
        )  # fmt: skip


def _title(mine: Standings, against: str) -> str:
    way = direction(mine.better)
    return f"{metric_name(mine.metric)} against {against} on {mine.contest.title}{f': {way}' if way else ''}"


def _ends(lines: list[_Line], x: str) -> list[tuple[float, float, str, str]]:
    """Where each mean ends: x, y, the name, its colour."""
    return [
        (float(end[x]), float(end["value"]), short(line.entry.label, 18), colour(line.entry.style.colour))
        for line in lines
        if len(line.means) and np.isfinite((end := line.means.iloc[-1])["value"])
    ]


def _against_kimg(mine: Standings, lines: list[_Line], log: bool, name: str) -> Figure:
    with drawing() as figure:
        axes = figure.subplots()
        _draw(axes, lines, "kimg")
        if log:
            log_axis(axes, "y")
        axes.set_xlabel("kimg (generator steps × batch / 1000)")
        axes.set_ylabel(mine.axis_title)
        axes.margins(x=0.02)
        ends = [(y, text, shade) for _, y, text, shade in _ends(lines, "kimg")]
        label_ends(axes, ends, x=float(axes.get_xlim()[1]))
        svg = to_svg(figure, name)
    rows = tuple(
        (
            Cell(text=line.entry.label, colour=line.entry.style.colour),
            Cell(text=f"{row['kimg']:.4g}"), Cell(text=number(row["value"], 4)),
        )
        for line in lines
        for row in _thinned(line.means)
    )  # fmt: skip
    return Figure(
        name=name,
        title=_title(mine, "kimg"),
        description=_described(lines, "kimg"),
        svg=svg,
        table=_table(rows, Column(title="kimg")),
    )


def _against_time(mine: Standings, lines: list[_Line], log: bool, name: str) -> Figure:
    started = [_after_start(line) for line in lines]
    spent = [float(line.means["training_sec"].max()) for line in started if len(line.means)]
    log_time = len(spent) > 1 and max(spent) > _WIDE * min(spent)
    shown = started if log_time else lines
    with drawing() as figure:
        axes = figure.subplots()
        _draw(axes, shown, "training_sec")
        axes.margins(x=0.1)
        if log_time:
            log_axis(axes, "x")
        if log:
            log_axis(axes, "y")
        axes.set_xlabel(f"seconds of training, scoring left out{' (log scale)' if log_time else ''}")
        axes.set_ylabel(mine.axis_title)
        label_points(axes, _ends(shown, "training_sec"))
        svg = to_svg(figure, name)
    rows = tuple(
        (
            Cell(text=line.entry.label, colour=line.entry.style.colour),
            Cell(text=seconds(row["training_sec"])), Cell(text=number(row["value"], 4)),
        )
        for line in lines
        for row in _thinned(line.means)
    )  # fmt: skip
    return Figure(
        name=name,
        title=_title(mine, "time"),
        description=_described(lines, "training_sec"),
        svg=svg,
        table=_table(rows, Column(title="time")),
    )


def _after_start(line: _Line) -> _Line:
    """Without what was scored before the first step, for which a logarithm has no place."""
    rows, means = (part[part["training_sec"] > 0] for part in (line.rows, line.means))
    return _Line(entry=line.entry, rows=rows, means=means)


def _described(lines: list[_Line], x: str) -> str:
    parts = []
    for line in lines:
        if len(line.means) > 1:
            first, last = line.means.iloc[0], line.means.iloc[-1]
            where = f"{last[x]:.3g} kimg" if x == "kimg" else seconds(float(last[x]))
            parts.append(
                f"{line.entry.label} from {number(first['value'])} to {number(last['value'])} in {where}"
            )
    return "Means over seeds: " + "; ".join(parts) + "." if parts else "No evaluation that all seeds reached."


def _thinned(means: pd.DataFrame) -> list[dict[str, float]]:
    return means.iloc[:: max(1, len(means) // 12)].to_dict("records")  # type: ignore[return-value]


def _table(rows: tuple[tuple[Cell, ...], ...], place: Column) -> Table:
    columns = (Column(title="variant", number=False), place, Column(title="mean over seeds"))
    return Table(caption="The thick lines", columns=columns, rows=rows)
