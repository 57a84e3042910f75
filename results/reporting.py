"""A store as a report: one self-contained HTML file, or its Markdown twin."""

import os
from pathlib import Path
from typing import Literal

import pandas as pd

from results.atomic import replacing
from results.errors import StoreError
from results.report import costs as quality_cost
from results.report import (
    curves,
    downloads,
    environment,
    failures,
    html,
    main_table,
    markdown,
    monitors,
    pairwise,
    parzen,
    pictures,
    sample_sizes,
    seeds,
    speed,
    what_came_out,
)
from results.report.all_pairs import compared, settled
from results.report.entries import Contest, contests
from results.report.model import LeftOut, Report, Section
from results.report.numbers import count, listed
from results.report.standings import standings_of
from results.report.subsets import Subsets
from results.report.svg import no_drawings
from results.schema import COLUMNS


def write_report(
    frame: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    store: str | os.PathLike[str] | None = None,
    format: Literal["html", "markdown"] = "html",
) -> None:
    """Write the report of a store.

    Verdicts in words come first, then the tables and figures they rest on. What the store has nothing for is
    left out, and the report says so at its end. The HTML needs no other file and no network.

    Parameters
    ----------
    frame
        As ``load`` returns it.
    path
        The file, written atomically. Its folder must be there.
    store
        The folder that was loaded, for the pictures and histories of its runs. None: a report without them.
    format
        "html" or "markdown"; the latter has the same words and tables, and the figures' values as tables.

    Raises
    ------
    StoreError
        An unknown format, not a loaded frame, or the file can't be written.
    """
    if format not in ("html", "markdown"):
        raise StoreError(f"A report is 'html' or 'markdown', not {format!r}.")
    known = [column.name for column in COLUMNS]
    if lacking := [name for name in known if name not in frame]:
        raise StoreError(f"The frame has no column {lacking[0]!r}: it is not a loaded one.")
    folder = None if store is None else Path(store)
    if format == "html":
        text = html.render(_report(frame, folder))
    else:
        with no_drawings():
            text = markdown.render(_report(frame, folder))
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))


def _report(frame: pd.DataFrame, store: Path | None) -> Report:
    subsets = Subsets(frame)
    found = contests(frame, subsets)
    pairs = compared(subsets, found)
    found = [settled(contest, pairs[contest.name]) for contest in found]
    standings = standings_of(subsets, found)
    costs = quality_cost.costs_of(subsets.others)
    parts: list[Section | LeftOut] = []
    if found:
        parts += [
            what_came_out.section(found, standings, pairs, costs),
            main_table.section(subsets, found, standings, costs),
            seeds.section(found, standings),
            curves.section(subsets, found, standings),
            quality_cost.section(found, standings, costs),
            *pictures.section(found, frame, store),
            monitors.section(found, store),
            pairwise.section(found, pairs),
            parzen.section(frame, found, standings),
            sample_sizes.section(frame, found),
        ]
    parts += [
        speed.section(frame),
        failures.section(frame, found),
        environment.section(frame, found, standings),
        downloads.section(frame),
    ]
    return Report(
        title="gan-bench report",
        subtitle=_subtitle(found, frame),
        sections=tuple(part for part in parts if isinstance(part, Section)),
        left_out=tuple(part for part in parts if isinstance(part, LeftOut)),
    )


def _subtitle(found: list[Contest], frame: pd.DataFrame) -> str:
    variants = sorted({entry.variant for contest in found for entry in contest.entries})
    trainings = sum(len(entry.cells) for contest in found for entry in contest.entries)
    if not variants:
        timed = frame["training_id"].nunique()
        return f"{count(timed, 'timed mode')} and no training"
    data_sets = [contest.title for contest in found]
    return f"{listed(variants)} on {listed(data_sets)}: {count(trainings, 'training')}"
