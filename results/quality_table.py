"""Time to quality as a table that fits a terminal and says what its numbers mean."""

import math
from collections.abc import Mapping

import pandas as pd

from results.table import condition_columns
from results.time_to_quality import time_to_quality

_SIGNS = {"lower": "≤", "higher": "≥"}


def quality_table(frame: pd.DataFrame, targets: Mapping[str, float]) -> tuple[pd.DataFrame, str]:
    """Turn a loaded frame and targets into a table of texts and the caption that explains it.

    Parameters
    ----------
    frame, targets
        As of ``time_to_quality``.

    Returns
    -------
    table : DataFrame of str
        One row a row of ``time_to_quality``; conditions that all share stand in the caption.
    caption : str
        Several lines.

    Raises
    ------
    StoreError
        As ``time_to_quality``.
    """
    times = time_to_quality(frame, targets)
    one_protocol = times.groupby(["dataset", "dataset_fingerprint", "metric"], dropna=False)["protocol"]
    alike = one_protocol.transform("nunique") <= 1
    shared, columns = condition_columns(times.assign(protocol=times["protocol"].mask(alike)))
    rows = times.to_dict("records")
    columns["target"] = [f"{row['metric']} {_SIGNS[row['better']]} {row['target']:g}" for row in rows]
    columns["seeds"] = [_seeds(row) for row in rows]
    columns["kimg"] = [_spread(row, "kimg") for row in rows]
    columns["gap"] = [f"{row['resolution_kimg']:.4g}" if row["seeds_reached"] else "–" for row in rows]
    columns["train s"] = [_spread(row, "training_sec") for row in rows]
    lines = [f"All rows: {', '.join(shared)}."] if shared else []
    lines += [
        "Time to quality: when the score first passed the target and stayed there at every later evaluation.",
        "seeds: that did, of all; those that did not count as infinitely long in the medians.",
        "kimg, train s: median over seeds (least to most); train s has compilation in it, and no scoring.",
        "gap: kimg from the evaluation before (the widest over seeds); the target was passed in between.",
    ]
    if times["device_name"].eq("mixed").any():
        lines.append("No seconds where seeds ran on different machines.")
    return pd.DataFrame(columns, dtype=object).astype(str), "\n".join(lines)


def _seeds(row: Mapping[str, object]) -> str:
    text = f"{row['seeds_reached']}/{row['seeds']}"
    return f"{text}: {row['not_reached']}" if row["not_reached"] else text


def _spread(row: Mapping[str, float], name: str) -> str:
    """As "12 (10 to 14)"; "never" for what is infinite."""
    median, low, high = (row[name + part] for part in ("", "_low", "_high"))
    if math.isnan(median) or math.isinf(low):
        return "–"
    if row["seeds"] == 1:
        return f"{median:.4g}"
    median_text, high_text = ("never" if math.isinf(x) else f"{x:.4g}" for x in (median, high))
    return f"{median_text} ({low:.4g} to {high_text})"
