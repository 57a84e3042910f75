"""Runs that did not end well, each with its reason; and what was noticed about those that did."""

import pandas as pd

from results.observations import NO_FAILURE
from results.report.entries import Contest
from results.report.model import Cell, Column, LeftOut, Section, Table
from results.report.numbers import DASH, count, cut, number
from results.schema import OUTCOMES

_MOST = 200
_LONGEST = 400  # characters of a reason


def section(frame: pd.DataFrame, contests: list[Contest]) -> Section | LeftOut:
    """Tables of failures, of flags and of warnings."""
    title = "Failures and warnings"
    tables = [t for t in (_failures(frame, contests), _flags(contests), _warnings(frame)) if t is not None]
    if not tables:
        return LeftOut(title=title, why="Every run ended well, and no row carries a warning or a flag.")
    lead = (
        "A failed seed counts against its variant: it is in the counts and comparisons above, only not in "
        "the means. What still runs, or asks for what the machine cannot do, counts neither way.",
    )
    return Section(key="failures", title=title, lead=lead, blocks=tuple(tables))


def _failures(frame: pd.DataFrame, contests: list[Contest]) -> Table | None:
    furthest = frame.groupby("training_id")["kimg"].max()
    rows = []
    for contest in contests:
        for entry in contest.entries:
            failed = entry.cells[entry.cells["outcome"].ne("ok").fillna(True)].sort_values("seed")
            for training, cell in failed.iterrows():
                outcome = "running" if pd.isna(cell["outcome"]) else str(cell["outcome"])
                reason = "" if pd.isna(cell["reason"]) else str(cell["reason"])
                at = furthest.get(training)
                rows.append(
                    (
                        Cell(text=entry.label, colour=entry.style.colour),
                        Cell(text=contest.title),
                        Cell(text=str(cell["seed"]), sort=float(cell["seed"])),
                        Cell(
                            text=outcome, tone="unknown" if outcome in NO_FAILURE else "bad",
                            note=OUTCOMES.get(outcome, "or lost without a word"),
                        ),
                        Cell(text=DASH if pd.isna(at) else number(float(at)), sort=float(at)),
                        Cell(text=cut(reason, _LONGEST) or DASH),
                    )
                )  # fmt: skip
    if not rows:
        return None
    columns = (
        Column(title="variant", number=False), Column(title="data", number=False), Column(title="seed"),
        Column(title="outcome", number=False), Column(title="kimg reached"),
        Column(title="reason", number=False, wide=True),
    )  # fmt: skip
    notes = (f"The first {_MOST} of {len(rows)}.",) if len(rows) > _MOST else ()
    return Table(
        caption=f"{count(len(rows), 'training')} did not end well", columns=columns,
        rows=tuple(rows[:_MOST]), sortable=True, notes=notes,
    )  # fmt: skip


def _flags(contests: list[Contest]) -> Table | None:
    rows = []
    for contest in contests:
        for entry in contest.entries:
            flags = [f for text in entry.cells["flags"].dropna() for f in str(text).split(",") if f]
            for flag in dict.fromkeys(flags):
                share = f"{flags.count(flag)} of {count(len(entry.cells), 'seed')}"
                rows.append(
                    (
                        Cell(text=entry.label, colour=entry.style.colour), Cell(text=contest.title),
                        Cell(text=flag), Cell(text=share),
                    )
                )  # fmt: skip
    if not rows:
        return None
    columns = tuple(Column(title=title, number=False) for title in ("variant", "data", "flag", "how often"))
    notes = (f"The first {_MOST} of {len(rows)}.",) if len(rows) > _MOST else ()
    return Table(caption="Noticed during training", columns=columns, rows=tuple(rows[:_MOST]), notes=notes)


def _warnings(frame: pd.DataFrame) -> Table | None:
    """Each warning once, whatever its numbers, with how many of the runs carry it."""
    counts = frame[frame["final"].fillna(False)]
    warned = counts[counts["warnings"].notna() & counts["purpose"].ne("throughput").fillna(True)]
    if warned.empty:
        return None
    rows = []
    alike = warned["warnings"].str.replace(r"\d+(\.\d+)?", "#", regex=True).rename("alike")
    for (metric, _), same in warned.groupby([warned["metric"], alike], sort=False):
        said = str(same["warnings"].iloc[0])
        if same["warnings"].nunique() > 1:
            said += " (The others with other numbers.)"
        variants = sorted(set(same["variant"]))
        whom = ", ".join(variants[:8]) + (f" and {len(variants) - 8} more" if len(variants) > 8 else "")
        rows.append(
            (
                Cell(text=str(metric)), Cell(text=cut(said, _LONGEST)), Cell(text=whom),
                Cell(text=count(same["training_id"].nunique(), "run")),
            )
        )  # fmt: skip
    columns = (
        Column(title="value", number=False), Column(title="warning", number=False, wide=True),
        Column(title="variants", number=False), Column(title="in"),
    )  # fmt: skip
    notes = (f"The first {_MOST} of {len(rows)}.",) if len(rows) > _MOST else ()
    return Table(
        caption="What to know before trusting a final value", columns=columns, rows=tuple(rows[:_MOST]),
        notes=notes,
    )  # fmt: skip
