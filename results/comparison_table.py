"""Verdicts as a table that fits a terminal and says what its numbers mean."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from results.conditions import split_conditions
from results.summary import COSTS
from results.words import UNITS, number, short_name

_ARROWS = {"lower": " ↓", "higher": " ↑"}


def comparison_table(comparisons: pd.DataFrame, *, level: float = 0.95) -> tuple[pd.DataFrame, str]:
    """Turn what ``compare`` or ``compare_stores`` returned into a table of texts and its caption.

    Parameters
    ----------
    comparisons
        One row a comparison.
    level
        That it was made with.

    Returns
    -------
    table : DataFrame of str
        One row a comparison; what all share stands in the caption.
    caption : str
        Several lines.
    """
    rows = comparisons.to_dict("records")
    columns: dict[str, list[str]] = {}
    lines = []
    common, differing = split_conditions(comparisons["conditions"])
    if any(differing):
        columns["of"] = differing
    if common:
        lines.append(f"All rows: {common}.")
    metrics = [_title(row) for row in rows]
    one_metric = len(set(metrics)) == 1
    if one_metric:
        where = "" if pd.isna(rows[0]["split"]) else f" on {rows[0]['split']} data"
        at = "" if rows[0]["metric"] in COSTS else f", {_AT[rows[0]['at']]}"
        lines.append(f"{metrics[0]}: {rows[0]['metric']}{where}{at}.")
    else:
        columns["metric"] = metrics
    one_a, one_b = (comparisons[side].nunique() == 1 for side in ("a", "b"))
    if not one_b:
        columns["compared"] = [row["b"] for row in rows]
    if not one_a:
        columns["with"] = [row["a"] for row in rows]
    columns["verdict"] = [row["verdict"] for row in rows]
    title = metrics[0] if one_metric else "value"
    a = rows[0]["a"] if one_a else "with"
    b = rows[0]["b"] if one_b else "compared"
    columns[f"{title}\n{b}"] = [_interval(row, "value_b") for row in rows]
    columns[f"{title}\n{a}"] = [_interval(row, "value_a") for row in rows]
    linear = [row["scale"] == "linear" for row in rows]
    header = f"{b} − {a}" if all(linear) else f"{b} / {a}"
    mixed = any(linear) and not all(linear)
    columns[header.replace(" ", "\n", 1)] = [_effect(row, mixed=mixed) for row in rows]
    columns["P(better)\n%"] = [_chance(row) for row in rows]
    columns["p\nHolm" if rows[0]["comparisons"] > 1 else "p"] = [
        _p(row["p_holm"]) + ("ʳ" if row["decided_by"] == "ranks" else "") for row in rows
    ]
    columns["rank p\n(least)"] = [f"{_p(row['p_rank'])} ({_p(row['p_rank_smallest'])})" for row in rows]
    columns[f"seeds\n{b}, {a}" if len(f"{b}, {a}") < 16 else "seeds"] = [
        f"{_seeds(row, 'b')}, {_seeds(row, 'a')}" for row in rows
    ]
    legend = _legend(comparisons, level, a, b)
    return pd.DataFrame(columns, dtype=object).astype(str), "\n".join([*lines, *legend])


def _title(row: Mapping[Any, Any]) -> str:
    """As "FID ↓" and "training time [s] ↓"."""
    unit = f" [{UNITS[row['metric']]}]" if row["metric"] in UNITS else ""
    return f"{short_name(row['metric'])}{unit}{_ARROWS.get(row['better'], '')}"


_AT = {
    "final": "at the end of the budget",
    "best": "at the evaluation with the best validation score",
    "trailing": "mean over the last quarter of the budget",
}


def _legend(comparisons: pd.DataFrame, level: float, a: str, b: str) -> list[str]:
    n = int(comparisons["comparisons"].iloc[0])
    lines = [f"[…]: {100 * level:g} % intervals over seeds (Student's t), not corrected for one another."]
    if comparisons["scale"].eq("log").any():
        lines.append("Values are geometric means and their ratio is tested, where all are above 0.")
    if comparisons["scale"].eq("linear").any():
        lines.append("Values that may be below 0, or are logarithms, have means and a difference.")
    lines.append(f"P(better): that a run of '{b}' is better than a run of '{a}', in %.")
    test = "Welch's t test"
    if comparisons["decided_by"].eq("paired").any():
        test += ", paired by seed where both sides are costs of one recipe"
    corrected = f", with Holm's correction for the {n} comparisons here" if n > 1 else ""
    lines.append(f"p: what the verdict is made on: {test}{corrected}.")
    if comparisons["decided_by"].eq("ranks").any():
        lines.append("ʳ: by ranks, in which a failed seed is worse than any score.")
    lines.append("rank p: exact rank test alone, and the least it can be with so many seeds.")
    if comparisons[["failed_a", "failed_b"]].gt(0).any(axis=None):
        lines.append("seeds: all that count, and how many of them failed.")
    return lines


def _interval(row: Mapping[Any, Any], name: str) -> str:
    unit = 2.0**30 if row["metric"] == "peak_memory_bytes" else 1.0
    value, low, high = (row[name + end] / unit for end in ("", "_low", "_high"))
    if math.isnan(value):
        return "–"
    return number(value) if math.isnan(low) else f"{number(value)} [{number(low)}, {number(high)}]"


def _effect(row: Mapping[Any, Any], *, mixed: bool) -> str:
    in_bytes = row["metric"] == "peak_memory_bytes" and row["scale"] == "linear"
    unit = 2.0**30 if in_bytes else 1.0
    value, low, high = (row[f"effect{end}"] / unit for end in ("", "_low", "_high"))
    if math.isnan(value):
        return "–"
    sign = "Δ " if mixed and row["scale"] == "linear" else ""
    return f"{sign}{number(value)}" + ("" if math.isnan(low) else f" [{number(low)}, {number(high)}]")


def _chance(row: Mapping[Any, Any]) -> str:
    value, low, high = (100 * row[f"improvement{end}"] for end in ("", "_low", "_high"))
    return "–" if math.isnan(value) else f"{value:.0f} [{low:.0f}, {high:.0f}]"


def _p(value: float) -> str:
    return "–" if math.isnan(value) else "<0.0001" if value < 1e-4 else f"{value:.2g}"


def _seeds(row: Mapping[Any, Any], side: str) -> str:
    failed = row[f"failed_{side}"]
    return f"{row[f'seeds_{side}']}" + (f" ({failed} failed)" if failed else "")
