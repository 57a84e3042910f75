"""The summary as a table for notebooks and web pages."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from results.table import cost_note, table_parts

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

_DATA = ["dataset", "dataset_fingerprint"]
_COST_BETTER = {"images_per_sec": "higher", "training_sec": "lower", "peak_memory_bytes": "lower"}


def styled(frame: pd.DataFrame) -> Styler:
    """Style a loaded frame's summary: a notebook shows it, ``.to_html()`` returns it.

    The texts are those of ``compact_table``, of all columns: nothing is left out for width. In each column
    the best value is bold, among rows that compare: of a score those of one data set, protocol and split; of
    a cost those of one data set, budget and machine. A single value is not. The best mean may be luck;
    ``results.compare`` says. Whatever a run wrote (names, settings) is escaped.

    Parameters
    ----------
    frame
        As ``load`` returns it.

    Returns
    -------
    pandas.io.formats.style.Styler
        Not styled further than that, so that what is styled on top wins.

    Raises
    ------
    StoreError
        The frame is not a loaded one.
    """
    parts = table_parts(frame)
    table = pd.DataFrame({**parts.conditions, **parts.texts, **parts.flags}, dtype=object)
    better = parts.scores.dropna(subset="better").drop_duplicates("score").set_index("score")["better"]
    bold = pd.DataFrame("", index=table.index, columns=table.columns)
    for header, name in parts.score_names.items():
        rows = parts.groups.assign(value=parts.groups[f"{name}_mean"], protocol=_protocols(parts.groups))
        bold[header] = _bold(rows, [*_DATA, "protocol"], better.get(name))
    for header, name in parts.cost_names.items():
        rows = parts.groups.assign(value=parts.groups[name])
        bold[header] = _bold(rows, [*_DATA, "kimg_budget", "device_name"], _COST_BETTER[name])
    numbers = [*parts.score_names, *parts.cost_names]
    caption = [*parts.caption(), *parts.notes, *cost_note(parts.cost_names)]
    if bold.ne("").any(axis=None):
        caption.append("Bold: the best of its column among rows that compare; it may be luck.")
    return (
        table.style.hide(axis="index")
        .format(escape="html")
        .format_index(escape="html", axis="columns")
        .set_caption("<br>".join(map(escape, caption)))
        .apply(lambda _: bold, axis=None)
        .set_properties(subset=numbers, **{"text-align": "right"})
        .set_table_styles(
            [{"selector": "caption", "props": "caption-side: bottom; text-align: left"}], overwrite=False
        )
    )


def _protocols(groups: pd.DataFrame) -> pd.Series:
    """The column ``protocol``, missing where it is what most cells of the data were scored by."""
    return groups["protocol"].fillna("")


def _bold(rows: pd.DataFrame, alike: list[str], better: str | None) -> list[str]:
    """A style for each row: bold where ``value`` is the best of at least two that are alike."""
    values = rows["value"].astype(float)
    if better is None:
        return [""] * len(rows)
    groups = values.groupby([rows[name] for name in alike], dropna=False)
    best = groups.transform("max" if better == "higher" else "min")
    several = groups.transform("count") > 1
    return ["font-weight: bold" if it else "" for it in (values.eq(best) & several)]
