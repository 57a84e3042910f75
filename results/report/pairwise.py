"""Each entry against each, as a table that is coloured like a heat map."""

import math

import pandas as pd

from results.report.all_pairs import Compared
from results.report.entries import Contest
from results.report.model import Cell, Column, LeftOut, Section, Table
from results.report.names import metric_title
from results.report.numbers import DASH, number

_SIGNS = {"better": "✓", "worse": "✗", "cannot be told apart": "≈", "too few seeds": "?", "not worse": "≥"}
_FULL = 1.1  # |log ratio| at which a colour is full: three times as high


def section(contests: list[Contest], comparisons: dict[str, Compared]) -> Section | LeftOut:
    """A table a data set with more than two entries."""
    title = "Each against each"
    tables = [t for c in contests if (t := _table(c, comparisons[c.name])) is not None]
    if not tables:
        why = "No data set has more than two variants that could be compared; the verdicts say it all."
        return LeftOut(title=title, why=why)
    lead = (
        "Read a row: how does this variant do against the one at the top of the column? ✓ better, ✗ worse, "
        "≈ cannot be told apart, ? too few seeds; p-values are corrected for all pairs of the table. The "
        "number is how many times as high its score is (or the difference, with its sign).",
    )
    handling = "Blue is in favour of the row, orange against it; what has no colour may be luck."
    return Section(key="pairs", title=title, lead=lead, handling=handling, blocks=tuple(tables))


def _table(contest: Contest, pairs: Compared) -> Table | None:
    if pairs.rows.empty or len(contest.drawn) < 3:
        return None
    spread = _spread(pairs.rows)
    rows = []
    for of_row in contest.drawn:
        cells = [Cell(text=of_row.label, colour=of_row.style.colour)]
        for of_column in contest.drawn:
            if of_row is of_column:
                cells.append(Cell(text=""))
                continue
            found = pairs.between(of_column.label, of_row.label)
            cells.append(Cell(text=DASH) if found is None else _cell(found, spread))
        rows.append(tuple(cells))
    columns = (
        Column(title="against →", number=False),
        *(Column(title=e.label, number=False) for e in contest.drawn),
    )
    return Table(
        caption=f"{metric_title(contest.metric or '')} on {contest.title}", columns=columns, rows=tuple(rows),
        notes=contest.drawn_note(), heat=True,
    )  # fmt: skip


def _spread(rows: pd.DataFrame) -> float:
    """Of differences (not ratios): the largest, at which a colour is full."""
    linear = rows.loc[rows["scale"].ne("log"), "effect"].abs()
    return float(linear.max()) if len(linear) and linear.max() > 0 else 1.0


def _cell(row: "pd.Series[object]", spread: float) -> Cell:
    effect = float(row["effect"])  # type: ignore[arg-type]
    verdict = str(row["verdict"])
    sign = _SIGNS.get(verdict, "?")
    log = row["scale"] == "log"
    if not math.isfinite(effect) or (log and effect == 0):  # of scores that a float just holds
        return Cell(text=sign, note=verdict)
    text = f"×{number(effect)}" if log else f"{'+' if effect > 0 else ''}{number(effect)}"
    size = min(1.0, abs(math.log(effect)) / _FULL if log else abs(effect) / spread)
    shade = {"better": max(0.25, size), "worse": -max(0.25, size)}.get(verdict, 0.0)
    p = float(row["p_holm"])  # type: ignore[arg-type]
    chance = "" if math.isnan(p) else "p < .001" if p < 0.001 else f"p {p:.2g}"
    return Cell(text=f"{sign} {text}", note=chance, shade=shade)
