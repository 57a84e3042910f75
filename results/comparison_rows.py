"""Comparisons as rows of a table: their columns, and what fills them."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from results.errors import StoreError
from results.observations import Side
from results.verdicts import UNDECIDED, Pair, Tested, judge, seeds_needed
from results.words import in_words

IDENTITY = {"variant": ["variant", "variant_version", "changed"]}
"""What may differ between the two sides, besides the column compared by itself."""

DATA = ["dataset", "dataset_fingerprint", "image_shape"]
SCORE = ["metric", "split", "protocol_hash"]
_REALS = [
    *("value_a", "value_a_low", "value_a_high", "value_b", "value_b_low", "value_b_high"),
    *("effect", "effect_low", "effect_high", "median_effect", "median_effect_low", "median_effect_high"),
    *("p", "p_holm", "p_rank", "p_rank_smallest"),
    *("improvement", "improvement_low", "improvement_high", "seeds_needed"),
]
COLUMNS = [
    *("dataset", "dataset_fingerprint", "metric", "unit", "split", "protocol_hash", "at", "conditions"),
    *("a", "b", "better", "seeds_a", "seeds_b", "failed_a", "failed_b", "scale"),
    *_REALS[:12],
    *("p", "p_holm", "comparisons", "decided_by", "p_rank", "p_rank_smallest"),
    *("improvement", "improvement_low", "improvement_high", "seeds_needed", "verdict", "words"),
]
"""The columns of a table of comparisons, in their order."""

Found = list[tuple[Tested, dict[str, object]]]
"""Comparisons that could be made, each with the columns that describe it."""


def pair_of(rows: pd.DataFrame, a: Side, b: Side, *, same_work: bool = False) -> Pair:
    """Return two sides of the metric of `rows`, which has one better direction."""
    metric = str(rows["metric"].iloc[0])
    directions = rows["better"].dropna().unique()
    if len(directions) != 1:
        raise StoreError(f"Of {metric} no way is the better one, so that nothing can be said of it.")
    return Pair(a=a, b=b, metric=metric, better=str(directions[0]), same_work=same_work)


def base_of(rows: pd.DataFrame) -> dict[str, object]:
    """Return the columns that say what is compared."""
    first = rows.iloc[0]
    names = ("dataset", "dataset_fingerprint", "metric", "unit", "split", "protocol_hash", "better", "at")
    return {name: first[name] for name in names}


def table_of(
    found: Found,
    rows: pd.DataFrame,
    *,
    level: float,
    margin: float | None,
    notes: Sequence[str],
) -> pd.DataFrame:
    """Judge the comparisons together and lay them out."""
    tests = [test for test, _ in found]
    judged = judge(tests, level=level, margin=margin)
    records: list[dict[str, Any]] = []
    for (test, base), verdict in zip(found, judged, strict=True):
        record = {**base, **_numbers(test), **verdict, "seeds_needed": math.nan}
        if verdict["verdict"] in UNDECIDED:
            record["seeds_needed"] = seeds_needed(test, (1 - level) / max(verdict["comparisons"], 1))
        records.append(record | {"words": in_words(test, record, margin=margin, level=level)})
    table = pd.DataFrame(records, columns=COLUMNS)
    table = table.astype(dict.fromkeys(_REALS, "float64"))
    texts = [
        name for name in COLUMNS if name not in _REALS and not pd.api.types.is_integer_dtype(table[name])
    ]
    table = table.astype(dict.fromkeys(texts, "string"))
    table.attrs["notes"] = list(dict.fromkeys(notes))
    return table


def _numbers(test: Tested) -> dict[str, Any]:
    a, b = test.pair.a, test.pair.b
    numbers: dict[str, Any] = {
        "a": a.label, "b": b.label,
        "seeds_a": a.n, "seeds_b": b.n, "failed_a": a.n_failed, "failed_b": b.n_failed,
        "scale": "log" if test.log else "linear",
        "p": test.difference.p, "p_rank": test.p_rank, "p_rank_smallest": test.p_rank_smallest,
    }  # fmt: skip
    for name, interval in (
        ("value_a", test.value_a),
        ("value_b", test.value_b),
        ("effect", test.effect),
        ("median_effect", test.median),
        ("improvement", test.improvement),
    ):
        numbers |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return numbers
