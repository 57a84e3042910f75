"""What each training cost, and quality against cost."""

import itertools
import math

import numpy as np
import pandas as pd

from results.observations import MACHINE
from results.report.entries import Contest, Entry, short
from results.report.model import Cell, Column, Figure, Figures, LeftOut, Section, Table
from results.report.names import direction, metric_name
from results.report.numbers import number, seconds
from results.report.standings import Standings
from results.report.svg import MUTED, SURFACE, colour, drawing, label_points, log_axis, to_svg

_MOST_METRICS = 2
COSTS = ("images_per_sec", "training_sec", "peak_memory_bytes")


def costs_of(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a training id, the columns of `COSTS`: what its newest final rows say."""
    rows = frame[frame["phase"].eq("training").fillna(False) & frame["metric"].isin(COSTS)]
    rows = rows.drop_duplicates(["training_id", "metric"], keep="last")
    table = rows.pivot(index="training_id", columns="metric", values="value")
    return table.reindex(columns=list(COSTS)).astype(float)


def median_cost(costs: pd.DataFrame, entry: Entry, name: str) -> float:
    """The median over the ok seeds; NaN where machines, or numbers of threads, differ."""
    if len(entry.ok[MACHINE].drop_duplicates()) > 1:
        return math.nan
    return float(costs[name].reindex(entry.ok.index).median())


def section(
    contests: list[Contest], standings: dict[tuple[str, str], Standings], costs: pd.DataFrame
) -> Section | LeftOut:
    """Panels a data set: the first two metrics against seconds of training."""
    title = "Quality against cost"
    figures: list[Figure] = []
    notes: list[str] = []
    for contest in contests:
        if contest.metric is None:
            continue
        machines = sorted(
            {
                f"{name}, {threads} threads" + ("" if pd.isna(processes) else f", {processes} processes")
                for e in contest.drawn
                for name, threads, processes in e.ok[MACHINE]
                .dropna(subset=["device_name", "cpu_threads"])
                .drop_duplicates()
                .itertuples(index=False)
            }
        )
        if len(machines) > 1:
            notes.append(
                f"{contest.title}: left out, because its runs were timed on different machines "
                f"({'; '.join(machines)})."
            )
            continue
        made = (_figure(contest, standings[contest.name, m], costs, i) for i, m in enumerate(contest.metrics))
        drawn = list(itertools.islice((figure for figure in made if figure is not None), _MOST_METRICS))
        figures += drawn
        notes += contest.drawn_note() if drawn else ()
    if not figures:
        why = " ".join(notes) or "No run has both a final score and a training time."
        return LeftOut(title=title, why=why)
    lead = (
        "The variants that no other one beats in both quality and time (the Pareto front) are the only ones "
        "worth choosing from, as far as the means say.",
    )
    handling = (
        "Large marks are means over seeds, small ones single seeds. The dashed line is the Pareto front."
    )
    blocks = (Figures(figures=tuple(figures), notes=tuple(dict.fromkeys(notes))),)
    return Section(key="pareto", title=title, lead=lead, handling=handling, blocks=blocks)


def _figure(contest: Contest, mine: Standings, costs: pd.DataFrame, number_: int) -> Figure | None:
    points = []
    for entry in contest.drawn:
        rows = mine.by_label[entry.label].rows.dropna(subset=["final"])
        spent = costs["training_sec"].reindex(rows["training_id"]).to_numpy(dtype=float)
        values = rows["final"].to_numpy(dtype=float)
        known = np.isfinite(spent) & np.isfinite(values) & (spent > 0)
        if known.any():
            estimate = mine.by_label[entry.label].interval().estimate
            points.append((entry, spent[known], values[known], float(np.median(spent[known])), estimate))
    if len(points) < 2 or mine.better is None:
        return None
    front = _front([(x, mine.sign * y) for *_, x, y in points])
    name = f"{contest.name}-pareto{number_}"
    with drawing() as figure:
        axes = figure.subplots()
        for entry, spent, values, x, y in points:
            shade = colour(entry.style.colour)
            axes.plot(spent, values, ls="none", marker=entry.style.marker, ms=3.2, color=shade, alpha=0.55)
            axes.plot(
                [x], [y], ls="none", marker=entry.style.marker, ms=9, color=shade, mec=SURFACE, mew=0.8,
                zorder=3,
            )  # fmt: skip
        line = sorted((points[i][3], points[i][4]) for i in front)
        axes.plot([x for x, _ in line], [y for _, y in line], ls="--", lw=1.2, color=MUTED, zorder=1)
        log_axis(axes, "x")
        if mine.on_log_axis:
            log_axis(axes, "y")
        axes.margins(x=0.16, y=0.12)
        axes.set_xlabel("seconds of training, median over seeds (log scale)")
        axes.set_ylabel(mine.axis_title)
        label_points(axes, [(x, y, short(e.label, 18), colour(e.style.colour)) for e, _, _, x, y in points])
        svg = to_svg(figure, name)
    best = [points[i][0].label for i in front]
    rows = tuple(
        (
            Cell(text=entry.label, colour=entry.style.colour),
            Cell(text=seconds(x)),
            Cell(text=number(y, 4)),
            Cell(text="yes" if i in front else "no"),
        )
        for i, (entry, _, _, x, y) in enumerate(points)
    )
    columns = (
        Column(title="variant", number=False), Column(title="training time"),
        Column(title=metric_name(mine.metric)), Column(title="on the front", number=False),
    )  # fmt: skip
    return Figure(
        name=name,
        title=f"{metric_name(mine.metric)} against training time on {contest.title}: "
        f"{direction(mine.better)}",
        description=f"On the Pareto front: {', '.join(best)}. "
        + "; ".join(f"{e.label}: {number(y)} in {seconds(x)}" for e, _, _, x, y in points)
        + ".",
        svg=svg,
        table=Table(caption="Means over seeds", columns=columns, rows=rows),
    )


def _front(points: list[tuple[float, float]]) -> list[int]:
    """Indices of the points (both less is better) that no other one beats."""
    return [
        i
        for i, (x, y) in enumerate(points)
        if math.isfinite(y) and not any(
            a <= x and b <= y and (a, b) != (x, y) for a, b in points if math.isfinite(b)
        )
    ]  # fmt: skip
