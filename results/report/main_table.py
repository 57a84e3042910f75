"""The main table: what each variant reached, and what it cost."""

import math

import numpy as np
import pandas as pd

from results.errors import StoreError
from results.observations import MACHINE
from results.report.costs import median_cost
from results.report.entries import Contest, Entry, key_of
from results.report.model import Cell, Column, Section, Table
from results.report.names import metric_name, metric_title
from results.report.numbers import DASH, count, like, number, seconds
from results.report.standings import Standing, Standings
from results.report.subsets import Subsets
from results.summary import GROUP
from results.time_to_quality import time_to_quality
from results.tuning import UNTUNED

_SCORES_FIRST = 2
_AT = {
    "final": ("final", "at the end of the budget"),
    "best": ("best", "where validation is best"),
    "trailing": ("trailing", "mean of the last quarter"),
}


def section(
    subsets: Subsets,
    contests: list[Contest],
    standings: dict[tuple[str, str], Standings],
    costs: pd.DataFrame,
) -> Section:
    """A table a data set."""
    title = "The table"
    tables = []
    for contest in contests:
        tables.append(_of_contest(subsets, contest, standings, costs))
        if (choices := _choices(contest, standings)) is not None:
            tables.append(choices)
    lead = (
        "Values are means over seeds (geometric ones, unless a value is 0 or below or a log-likelihood) with "
        "their 95 % interval in brackets: how far the mean may be off, given how seeds differ. One seed has "
        "no interval; its ± is the error of measuring that one run.",
    )
    handling = "Press a column’s title to sort by it."
    return Section(key="table", title=title, lead=lead, handling=handling, blocks=tuple(tables))


def _of_contest(
    subsets: Subsets,
    contest: Contest,
    standings: dict[tuple[str, str], Standings],
    costs: pd.DataFrame,
) -> Table:
    mine = [standings[contest.name, metric] for metric in contest.metrics]
    reached, reached_note = _time_to_quality(subsets, contest, standings)
    columns = [Column(title="variant", number=False), Column(title="seeds", note="ok of all", number=False)]
    of_metrics = [
        Column(
            title=f"{s.axis_title}\N{NO-BREAK SPACE}{_ARROWS.get(s.better or '', '')}".strip(),
            note=_extractor(s, contest),
        )
        for s in mine
    ]
    of_costs = [
        Column(title="images/s"), Column(title="training", note="median"),
        *([Column(title="time to quality", note=reached_note)] if reached else []),
        Column(title="memory", note="GiB, peak"),
    ]  # fmt: skip
    # The scores that most people look at, what they cost, then the others.
    columns += [*of_metrics[:_SCORES_FIRST], *of_costs, *of_metrics[_SCORES_FIRST:]]
    columns.append(Column(title="settings", number=False, wide=True))
    leaders = {s.metric: _best(s) for s in mine}
    rows = []
    for entry in contest.entries:
        cells = [
            Cell(text=entry.label, sort=entry.label, colour=entry.style.colour, strong=True),
            _seeds(entry),
        ]
        scores = [_score(s.by_label[entry.label], best=leaders[s.metric] == entry.label) for s in mine]
        cells += scores[:_SCORES_FIRST]
        speed, time, memory = (median_cost(costs, entry, name) for name in costs.columns)
        cells.append(_cost(speed, number(speed) if math.isfinite(speed) else DASH))
        cells.append(_cost(time, seconds(time)))
        if reached:
            cells.append(reached.get(entry.label, Cell(text=DASH, sort=math.inf)))
        cells.append(_cost(memory, f"{memory / 2**30:.2f}" if math.isfinite(memory) else DASH))
        cells += [*scores[_SCORES_FIRST:], _settings(entry)]
        rows.append(tuple(cells))
    return Table(
        caption=f"Results on {contest.title}, best {metric_name(contest.metric or 'score')} first",
        columns=tuple(columns), rows=tuple(rows), sortable=True, notes=_notes(contest, mine),
    )  # fmt: skip


_ARROWS = {"lower": "↓", "higher": "↑"}


def _extractor(mine: Standings, contest: Contest) -> str:
    """The network, where one metric was had with several."""
    plain, _, extractor = mine.metric.partition("@")
    same = [metric for metric in contest.metrics if metric.partition("@")[0] == plain]
    return extractor if len(same) > 1 else ""


def _best(mine: Standings) -> str | None:
    """The best mean, of entries that lost no seed: a mean over the survivors flatters."""
    whole = {label for label, s in mine.by_label.items() if not s.failed}
    means = {
        label: mine.sign * s.interval().estimate
        for label, s in mine.by_label.items()
        if label in whole and math.isfinite(s.interval().estimate)
    }
    return min(means, key=means.__getitem__) if len(means) > 1 and mine.better else None


def _seeds(entry: Entry) -> Cell:
    total, ok = len(entry.cells), len(entry.ok)
    others = entry.cells["outcome"].fillna("running")
    counts = others[others.ne("ok")].value_counts()
    note = ", ".join(f"{n} {name}" for name, n in counts.items())
    return Cell(text=f"{ok} of {total}", sort=ok / total, note=note, tone="bad" if note else "")


def _score(standing: Standing, *, best: bool, at: str = "final") -> Cell:
    values = standing.values(at)
    lost = standing.not_finite if at == "final" else 0
    not_finite = f"; {count(lost, 'seed')} not finite" if lost else ""
    if not len(values):
        return Cell(text=DASH, note=not_finite.removeprefix("; "))
    interval = standing.interval(at)
    if math.isfinite(interval.low):
        value, low, high = like(*interval)
        note = f"[{low}, {high}]"
    else:
        value = number(interval.estimate, 4)
        error = float(standing.rows[f"{at}_uncertainty"].mean())
        note = f"± {number(error, 2)} in one run" if math.isfinite(error) and len(values) == 1 else ""
    note = (note + not_finite).removeprefix("; ")
    return Cell(text=value, sort=interval.estimate, note=note, strong=best)


def _cost(value: float, text: str) -> Cell:
    return Cell(text=text, sort=value if math.isfinite(value) else None)


def _settings(entry: Entry) -> Cell:
    return Cell(text=entry.tuning or entry.changed or UNTUNED)


def _notes(contest: Contest, mine: list[Standings]) -> tuple[str, ...]:
    notes = ["↓ lower is better, ↑ higher is better; bold: the best mean of variants that lost no seed."]
    by_network: dict[str, list[str]] = {}
    for s in mine:
        if s.metric.partition("@")[2]:
            by_network.setdefault(s.metric.partition("@")[2], []).append(metric_name(s.metric))
    notes += [f"On features of {name}: {', '.join(names)}." for name, names in by_network.items()]
    if any(s.other_protocols for s in mine):
        names = [metric_name(s.metric) for s in mine if s.other_protocols]
        notes.append(
            f"{', '.join(names)}: some runs were scored under other protocols; those values are not "
            "comparable and not in this table."
        )
    for entry in contest.entries:
        if len(entry.ok[MACHINE].drop_duplicates()) > 1:
            notes.append(
                f"{entry.label}: no costs, because its seeds ran on different machines or numbers of "
                "threads or processes."
            )
    return tuple(notes)


def _time_to_quality(
    subsets: Subsets, contest: Contest, standings: dict[tuple[str, str], Standings]
) -> tuple[dict[str, Cell], str]:
    """When each entry reached what the middle one ends with; nothing where nothing was scored on the way."""
    if contest.metric is None:
        return {}, ""
    mine = standings[contest.name, contest.metric]
    finals = [s.interval().estimate for s in mine.by_label.values()]
    finals = sorted(value for value in finals if math.isfinite(value))
    if len(finals) < 2:
        return {}, ""
    target = _rounded(float(np.median(finals)), up=mine.better != "higher")
    trainings = list(contest.entry_of())
    of_contest = subsets.of(contest.metric)
    of_contest = of_contest[of_contest["training_id"].isin(trainings)]
    on_the_way = of_contest["phase"].eq("score") & of_contest["metric"].eq(contest.metric)
    if of_contest.loc[on_the_way.fillna(False)].groupby("training_id")["kimg"].nunique().max() < 2:
        return {}, ""
    try:
        times = time_to_quality(of_contest, {contest.metric: target})
    except StoreError:
        return {}, ""
    times = times[times["protocol"].fillna("").isin(["", mine.protocol_hash])]
    keys = {entry.key: entry.label for entry in contest.entries}
    cells = {}
    for row in times.to_dict("records"):
        label = keys.get(key_of(row[name] for name in GROUP))
        if label is not None:
            cells[label] = _time_cell(row)
    sign = "≥" if mine.better == "higher" else "≤"
    return cells, f"to {metric_name(contest.metric)} {sign} {number(target)}, about the middle final value"


def _time_cell(row: dict[str, float]) -> Cell:  # type: ignore[type-arg]
    all_of = f"{row['seeds_reached']} of {count(int(row['seeds']), 'seed')}"
    if not math.isfinite(row["kimg"]):
        return Cell(text="not reached", sort=math.inf, note=f"{all_of} did")
    time = seconds(row["training_sec"]) if math.isfinite(row["training_sec"]) else DASH
    return Cell(text=time, sort=row["training_sec"], note=f"{number(row['kimg'])} kimg, {all_of}")


def _rounded(value: float, *, up: bool) -> float:
    """Two significant digits, rounded to the side that is easier to reach."""
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return (math.ceil if up else math.floor)(value / step) * step


def _choices(contest: Contest, standings: dict[tuple[str, str], Standings]) -> Table | None:
    """Final, best and trailing values side by side, where there are any beside the final ones."""
    if contest.metric is None:
        return None
    mine = standings[contest.name, contest.metric]
    rows_of = [mine.by_label[entry.label] for entry in contest.entries]
    known = [at for at in _AT if any(len(s.values(at)) for s in rows_of)]
    if known == ["final"] or not known:
        return None
    columns = [Column(title="variant", number=False)]
    columns += [Column(title=_AT[at][0], note=_AT[at][1]) for at in known]
    if "best" in known:
        columns.append(Column(title="best at", note="kimg, median (range)"))
    rows = []
    for standing in rows_of:
        cells = [Cell(text=standing.entry.label, colour=standing.entry.style.colour, strong=True)]
        cells += [_score(standing, best=False, at=at) for at in known]
        if "best" in known:
            cells.append(_best_at(standing.rows["best_kimg"].dropna().to_numpy(dtype=float)))
        rows.append(tuple(cells))
    rule = (
        "Best: the evaluation with the best validation score, reported on test data, which took no part in "
        "the choice."
        if "best" in known
        else "No best value: nothing was scored on validation data on the way, and a best of test scores "
        "would be too good by luck."
    )
    return Table(
        caption=f"{metric_title(mine.metric)} on {contest.title}: final, best and trailing",
        columns=tuple(columns), rows=tuple(rows), sortable=True, notes=(rule,),
    )  # fmt: skip


def _best_at(kimg: np.ndarray) -> Cell:
    if not len(kimg):
        return Cell(text=DASH)
    middle = float(np.median(kimg))
    note = f"{number(float(kimg.min()))} to {number(float(kimg.max()))}" if len(kimg) > 1 else ""
    return Cell(text=number(middle), sort=middle, note=note)
