"""Every seed as a dot over its variant's interval, a panel a metric."""

import numpy as np

from results.report.entries import Contest, short
from results.report.model import Cell, Column, Figure, Figures, LeftOut, Section, Table
from results.report.names import direction, explanation, metric_title
from results.report.numbers import DASH, count, like, number
from results.report.standings import Standing, Standings
from results.report.svg import INK, MUTED, colour, drawing, log_axis, to_svg

_MOST = 200  # rows of a table


def section(contests: list[Contest], standings: dict[tuple[str, str], Standings]) -> Section | LeftOut:
    """One panel a data set and metric."""
    title = "Every seed"
    blocks = []
    for contest in contests:
        figures = tuple(
            _figure(standings[contest.name, metric], f"{contest.name}-seeds{number}")
            for number, metric in enumerate(contest.metrics)
            if any(len(s.values()) for s in standings[contest.name, metric].by_label.values())
        )
        if figures:
            blocks.append(Figures(figures=figures, notes=contest.drawn_note()))
    if not blocks:
        return LeftOut(title=title, why="No run has a final score.")
    lead = ("Each training run (a seed), and the 95 % interval of the mean over seeds (Student's t).",)
    handling = (
        "A dot is one run, the thin line through it the error of measuring that run; the bar is the "
        "interval, the tick its middle. Bars far apart are a clear difference; where they overlap or nearly "
        "touch, the verdicts decide."
    )
    return Section(key="seeds", title=title, lead=lead, handling=handling, blocks=tuple(blocks))


def _figure(mine: Standings, name: str) -> Figure:
    drawn = [
        s for entry in mine.contest.drawn if len((s := mine.by_label[entry.label]).values()) or _missing(s)
    ]
    with drawing(height=0.95 + 0.36 * len(drawn)) as figure:
        axes = figure.subplots()
        for y, standing in enumerate(drawn):
            _draw(axes, standing, y)
        axes.set_ylim(len(drawn) - 0.5, -0.5)
        axes.set_yticks(range(len(drawn)), [short(s.entry.label, 22) for s in drawn])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        if mine.on_log_axis:
            log_axis(axes, "x")
        way = direction(mine.better)
        axes.set_xlabel(f"{mine.axis_title}{f' ({way})' if way else ''}")
        for y, standing in enumerate(drawn):
            if missing := _missing(standing):
                axes.annotate(
                    missing, (1.0, y), xycoords=("axes fraction", "data"), xytext=(4, 0),
                    textcoords="offset points", ha="left", va="center", fontsize=8.5, color=MUTED,
                    annotation_clip=False,
                )  # fmt: skip
        svg = to_svg(figure, name)
    words = explanation(mine.metric)
    return Figure(
        name=name,
        title=f"{metric_title(mine.metric, mine.unit)} on {mine.contest.title}",
        description=(
            f"{words[:1].upper()}{words[1:]}. {_described(drawn, mine)}" if words else _described(drawn, mine)
        ),
        svg=svg,
        table=_table(mine),
    )


def _draw(axes, standing: Standing, y: int) -> None:  # type: ignore[no-untyped-def]
    shade, style = colour(standing.entry.style.colour), standing.entry.style
    interval = standing.interval()
    if np.isfinite(interval.low) and np.isfinite(interval.high):
        axes.plot([interval.low, interval.high], [y, y], color=shade, lw=9, alpha=0.28, solid_capstyle="butt")
        axes.plot([interval.estimate] * 2, [y - 0.27, y + 0.27], color=INK, lw=1.6, solid_capstyle="butt")
    rows = standing.rows.dropna(subset=["final"])
    values = rows["final"].to_numpy(dtype=float)
    offsets = np.linspace(-0.17, 0.17, len(values)) if len(values) > 1 else np.zeros(len(values))
    errors = rows["final_uncertainty"].to_numpy(dtype=float)
    known = np.isfinite(errors)
    axes.hlines(y + offsets[known], (values - errors)[known], (values + errors)[known], color=shade, lw=0.9)
    axes.plot(values, y + offsets, linestyle="none", marker=style.marker, ms=4.8, color=shade, mew=0)


def _missing(standing: Standing) -> str:
    outcomes = standing.rows.loc[standing.rows["final"].isna(), "outcome"].fillna("running")
    counts = outcomes[outcomes.ne("ok")].value_counts()
    return ", ".join(f"{n} {outcome}" for outcome, n in counts.items())


def _described(drawn: list[Standing], mine: Standings) -> str:
    order = [s for s in drawn if np.isfinite(s.interval().estimate)]
    if not order:
        return "No seed has a value."
    parts = []
    for standing in order:
        value, low, high = like(*standing.interval())
        seeds = count(len(standing.values()), "seed")
        around = f" ({low} to {high}, {seeds})" if low != DASH else f" ({seeds})"
        parts.append(f"{standing.entry.label} {value}{around}")
    return f"{'Geometric means' if mine.log else 'Means'} with 95 % intervals: {'; '.join(parts)}."


def _table(mine: Standings) -> Table:
    rows = []
    for entry in mine.contest.entries:
        standing = mine.by_label[entry.label]
        for row in standing.rows.to_dict("records"):
            value, error = row["final"], row["final_uncertainty"]
            rows.append(
                (
                    Cell(text=entry.label, colour=entry.style.colour),
                    Cell(text=str(row["seed"]), sort=row["seed"]),
                    Cell(text=DASH if value != value else number(value, 4)),
                    Cell(text=DASH if error != error else number(error, 2)),
                    Cell(text=str(row["outcome"])),
                )
            )
    columns = (
        Column(title="variant", number=False),
        Column(title="seed"),
        Column(title="final value"),
        Column(title="error within the run"),
        Column(title="outcome", number=False),
    )
    notes = (f"The first {_MOST} of {len(rows)}.",) if len(rows) > _MOST else ()
    return Table(caption="Every seed's value", columns=columns, rows=tuple(rows[:_MOST]), notes=notes)
