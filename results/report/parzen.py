"""The Parzen-window table beside the published one, and how each value's σ was chosen."""

import json
import math
import re

import numpy as np
import pandas as pd

from results.report.entries import Contest, Entry, short
from results.report.model import Cell, Column, Figure, Figures, LeftOut, Section, Table
from results.report.numbers import DASH, count, like, number
from results.report.standings import Standings
from results.report.svg import colour, drawing, label_points, to_svg
from results.summary import final_scores

PUBLISHED: tuple[tuple[str, str, str], ...] = (
    ("DBN", "138 ± 2", "1909 ± 66"),
    ("Stacked CAE", "121 ± 1.6", "2110 ± 50"),
    ("Deep GSN", "214 ± 1.1", "1890 ± 29"),
    ("Adversarial nets", "225 ± 2", "2057 ± 26"),
)
"""Model, MNIST, TFD: Table 1 of arXiv 1406.2661, in nats; ± is the standard error over test images."""
PUBLISHED_CGAN = ("Conditional adversarial nets", "132 ± 1.8")
"""On MNIST: Table 1 of arXiv 1411.1784."""

_METRIC = "parzen"
_AT = re.compile(r"validation_at_(.+)")


def section(
    frame: pd.DataFrame, contests: list[Contest], standings: dict[tuple[str, str], Standings]
) -> Section | LeftOut:
    """The measured values with the published ones, and a panel of σ curves a data set."""
    title = "Parzen-window log-likelihood"
    mine = [(c, standings[c.name, _METRIC]) for c in contests if _METRIC in c.metrics]
    if not mine:
        return LeftOut(title=title, why="No run was scored by the metric parzen.")
    rows = final_scores(frame)
    rows = rows[rows["metric"].eq(_METRIC) & rows["split"].fillna("test").eq("test")]
    figures = [f for c, s in mine if (f := _figure(c, s, rows)) is not None]
    blocks: list[Table | Figures] = [_table(mine)]
    if figures:
        blocks.append(Figures(figures=tuple(figures)))
    lead = (
        "The 2014 paper's score: a Gaussian of width σ around each of many samples, and the mean "
        "log-probability of real test images under their mixture, in nats; higher is better. σ is chosen on "
        "validation images. It favours blurred means over sharp samples and is kept for comparison with "
        "that paper, not to rank.",
    )
    return Section(key="parzen", title=title, lead=lead, blocks=tuple(blocks))


def _table(mine: list[tuple[Contest, Standings]]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (Cell(text=model), Cell(text="published"), Cell(text="MNIST"), Cell(text=mnist), Cell(text=DASH))
        for model, mnist, _ in PUBLISHED
    ]
    model, value = PUBLISHED_CGAN
    rows.append(
        (Cell(text=model), Cell(text="published"), Cell(text="MNIST"), Cell(text=value), Cell(text=DASH))
    )
    if any(contest.dataset.partition(":")[0] == "tfd" for contest, _ in mine):
        rows += [
            (Cell(text=model), Cell(text="published"), Cell(text="TFD"), Cell(text=tfd), Cell(text=DASH))
            for model, _, tfd in PUBLISHED
        ]
    for contest, standing in mine:
        for entry in contest.entries:
            rows.append(_measured(contest, standing, entry))
    columns = (
        Column(title="model", number=False), Column(title="source", number=False),
        Column(title="data", number=False), Column(title="nats", note="± error over test images"),
        Column(title="over seeds", note="mean, 95 % interval"),
    )  # fmt: skip
    notes = [
        "Published: arXiv 1406.2661, Table 1, and arXiv 1411.1784, Table 1: one training each, 10,000 "
        "samples, 28 × 28 pixels.",
    ]
    if any(contest.dataset != "mnist" for contest, _ in mine):
        notes.append(
            "Nats compare only on the same data at the same resolution: values on other data than MNIST "
            "stand here for their own sake."
        )
    return Table(
        caption="Log-likelihood of test images, published and measured here", columns=columns,
        rows=tuple(rows), notes=tuple(notes),
    )  # fmt: skip


def _measured(contest: Contest, standings: Standings, entry: Entry) -> tuple[Cell, ...]:
    standing = standings.by_label[entry.label]
    values = standing.values()
    one = f"{number(float(values.mean()))} ± {number(standing.within, 2)}" if len(values) else DASH
    value, low, high = like(*standing.interval())
    seeds = count(len(values), "seed")
    over = f"{value} [{low}, {high}], {seeds}" if low != DASH else seeds
    return (
        Cell(text=entry.label, colour=entry.style.colour), Cell(text="measured here"),
        Cell(text=contest.title), Cell(text=one), Cell(text=over),
    )  # fmt: skip


def _curve(details: object) -> list[tuple[float, float]]:
    """σ and mean validation log-likelihood, in the order of σ."""
    try:
        known = json.loads(str(details))
        pairs = [(float(m[1]), float(v)) for key, v in known.items() if (m := _AT.fullmatch(key))]
    except (ValueError, TypeError, AttributeError):
        return []
    return sorted(pair for pair in pairs if all(map(math.isfinite, pair)))


def _figure(contest: Contest, standings: Standings, rows: pd.DataFrame) -> Figure | None:
    curves = {}
    for entry in contest.drawn:
        same = rows["training_id"].isin(standings.by_label[entry.label].rows["training_id"])
        of_seeds = [c for details in rows.loc[same, "details"] if (c := _curve(details))]
        grids = {tuple(sigma for sigma, _ in c) for c in of_seeds}
        if len(grids) == 1:
            values = np.array([[value for _, value in c] for c in of_seeds])
            curves[entry.label] = (entry, np.array(grids.pop()), values.mean(axis=0))
    if not curves:
        return None
    name = f"{contest.name}-sigma"
    best = {label: (s[v.argmax()], v.max()) for label, (_, s, v) in curves.items()}
    with drawing() as figure:
        axes = figure.subplots()
        ends = []
        for entry, sigmas, values in curves.values():
            shade = colour(entry.style.colour)
            axes.plot(sigmas, values, color=shade, marker=entry.style.marker, ms=3.6, lw=1.6)
            axes.plot(*best[entry.label], marker="o", ms=10, mfc="none", mec=shade, mew=1.2)
            top = values.argmax()
            ends.append((float(sigmas[top]), float(values[top]), short(entry.label, 18), shade))
        peak = max(value for _, value in best.values())
        floor = min(float(values.min()) for *_, values in curves.values())
        # Below the best, small σ fall off a cliff that would flatten everything that matters.
        lowest = min(value for _, value in best.values())
        axes.set_ylim(max(floor, lowest - 1.2 * (abs(peak) + abs(lowest))), None)
        axes.set_xscale("log")
        axes.set_xticks([0.1, 0.2, 0.3, 0.5, 1.0], ["0.1", "0.2", "0.3", "0.5", "1"])
        axes.minorticks_off()
        axes.set_xlabel("σ of the Gaussian windows (pixel values 0 … 1)")
        axes.set_ylabel("log-likelihood of validation images [nats]")
        label_points(axes, ends)
        svg = to_svg(figure, name)
    chosen = tuple(
        (
            Cell(text=label, colour=entry.style.colour),
            Cell(text=number(float(best[label][0]))),
            Cell(text=number(float(best[label][1]), 4)),
        )
        for label, (entry, *_) in curves.items()
    )
    columns = (
        Column(title="variant", number=False), Column(title="σ chosen"),
        Column(title="validation log-likelihood there", note="nats"),
    )  # fmt: skip
    return Figure(
        name=name,
        title=f"How σ was chosen on {contest.title}",
        description="Mean over seeds; a ring marks the best σ of each variant: "
        + "; ".join(f"{label} {number(float(sigma))}" for label, (sigma, _) in best.items())
        + ".",
        svg=svg,
        table=Table(caption="Where each curve is highest", columns=columns, rows=chosen),
    )
