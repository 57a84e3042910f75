"""Scores over training, and the one score of each training that is reported: final, best or trailing.

What is chosen is chosen on validation data and reported on test data: the best of many test scores would be
too good by luck.
"""

import json
import math
from collections import defaultdict
from functools import lru_cache
from statistics import fmean
from typing import Any

import pandas as pd

from results.errors import StoreError
from results.summary import GROUP, cells_of, final_scores
from results.time_to_quality import scores_named

_Row = dict[Any, Any]

AT = ("final", "best", "trailing")
"""Which of a training's evaluations is reported."""

TRAILING_SHARE = 0.25
"""Of the budget, at its end: the evaluations in it are averaged."""

_CURVE = [
    *("training_id", *GROUP, "seed", "metric", "split", "protocol_hash", "better", "kimg", "training_sec"),
    *("value", "uncertainty", "uncertainty_kind", "final", "outcome"),
]
_NEEDED = ["phase", "trained", "purpose", "protocol", "attempt", "started_utc", *_CURVE]
_OF_TRAINING = ["training_id", *GROUP, "seed", "outcome"]
_IDENTITY = ["metric", "better", "protocol_hash", "protocol", "split"]
_SCORES = [
    *(*_OF_TRAINING, "metric", "better", "protocol_hash", "protocol", "split"),
    *("final", "best", "trailing"),
    *("final_uncertainty", "best_uncertainty", "trailing_uncertainty"),
    *("scored", "trailing_n", "best_kimg", "selected_on"),
]


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Return every score taken over training, of all cells, failed ones included.

    Parameters
    ----------
    frame
        As ``load`` returns it.

    Returns
    -------
    DataFrame
        One row an evaluation, metric, split and protocol, sorted by training, metric, split and kimg: the
        columns ``training_id``, those of ``results.summary``'s averages, ``seed``, ``metric``, ``split``
        (test, validation, or missing for scores that no real data enter), ``protocol_hash``, ``better``,
        ``kimg``, ``training_sec``, ``value``, ``uncertainty``, ``uncertainty_kind``, ``final`` and
        ``outcome`` (missing: not ended).

    Raises
    ------
    StoreError
        The frame is not a loaded one.
    """
    return _curves(frame, cells_of(_checked(frame)))[_CURVE]


def scores_at(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row a training and protocol of the test score: its final, best and trailing value.

    ``final``: at the end of the budget. ``best``: at the evaluation with the best validation score (the
    earliest among equals), which ``selected_on`` then says; without validation scores nothing is selected.
    ``trailing``: mean of the evaluations in the last quarter of the budget, at least two.

    Parameters
    ----------
    frame
        As ``load`` returns it.
    metric
        As ``fid@digits-classifier``; a plain ``fid`` is every data set's own where it has one of that name.

    Returns
    -------
    DataFrame
        The columns of ``results.summary``'s averages, ``training_id``, ``seed``, ``outcome`` ("running" of
        one that has not ended), ``metric``, ``better``, ``protocol_hash``, ``protocol`` (JSON), ``split``,
        ``final``, ``best``, ``trailing``, each with its ``_uncertainty`` within the run (of ``trailing`` the
        mean of those averaged: the evaluations share their noise), ``scored`` (there is a final score, be it
        NaN), ``trailing_n`` (evaluations averaged), ``best_kimg`` and ``selected_on``. NaN where there is
        none. A training that did not end ``ok`` has NaNs whatever it scored on the way; it
        stands once for each protocol of its variant and conditions, or, if those were never scored, for each
        of its data set.

    Raises
    ------
    StoreError
        A metric that nobody was scored by ("did you mean"), or that stands for several of one data set; not
        a loaded frame.
    """
    cells = cells_of(_checked(frame))
    named = scores_named(frame[frame["phase"].eq("score").fillna(False)], metric)["metric"].unique()
    mine = frame[frame["metric"].isin(named) | frame["metric"].isna()]
    final = final_scores(mine)
    final = final[_is_test(final) & final["training_id"].isin(cells.index)]
    tested: list[_Row] = final[[*_OF_TRAINING, *_IDENTITY, "value", "uncertainty"]].to_dict("records")
    on_the_way = defaultdict(list)
    for row in _curves(mine, cells)[[*_CURVE, "protocol"]].to_dict("records"):
        on_the_way[row["training_id"]].append(row)
    outcomes = cells["outcome"].to_dict()
    rows: list[_Row] = []
    for score in tested:
        row = {name: score[name] for name in _OF_TRAINING} | _identity(score) | _nothing()
        row["outcome"] = _outcome(outcomes[score["training_id"]])
        if row["outcome"] == "ok":
            row |= {"final": score["value"], "final_uncertainty": score["uncertainty"], "scored": True}
            row |= _selected(on_the_way[score["training_id"]], score)
        rows.append(row)
    rows += _never_scored(cells, tested)
    dtypes = {name: frame[name].dtype for name in [*_OF_TRAINING, "metric", "better", "protocol_hash"]}
    dtypes |= dict.fromkeys(["protocol", "split", "selected_on", "outcome"], "string")
    dtypes |= {"scored": "bool", "trailing_n": "int64"}
    return pd.DataFrame(rows, columns=_SCORES).astype(dtypes)


def default_metric(frame: pd.DataFrame) -> str:
    """Return the score that is compared if none is named: "fid" where there is one, else the first.

    Raises
    ------
    StoreError
        Nothing was scored at the end of its budget, or by nothing that has a better direction.
    """
    scores = final_scores(_checked(frame))
    names = list(dict.fromkeys(scores.loc[_is_test(scores) & scores["better"].notna(), "metric"]))
    if not names:
        raise StoreError("There are no final scores to compare.")
    return "fid" if any(name.partition("@")[0] == "fid" for name in names) else str(names[0])


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    if lacking := [name for name in _NEEDED if name not in frame]:
        raise StoreError(f"The frame has no column {lacking[0]!r}: it is not a loaded one.")
    return frame


def _curves(frame: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    trained = frame.loc[frame["trained"].fillna(False), "training_id"].unique()
    taken = frame["phase"].eq("score").fillna(False) & frame["kimg"].notna()
    scores = frame[taken & frame["training_id"].isin(cells.index.intersection(trained))]
    same = ["training_id", "metric", "split", "protocol_hash", "kimg"]
    scores = scores.drop_duplicates(same, keep="last")  # of a frame with every attempt: the newest
    scores = scores.assign(outcome=scores["training_id"].map(cells["outcome"]).astype("string"))
    return scores.sort_values(same, kind="stable", ignore_index=True)


def _is_test(scores: pd.DataFrame) -> pd.Series:
    """Scores that no real data enter, as an Inception score, have no split; they count as test scores."""
    return scores["split"].isna() | scores["split"].eq("test").fillna(False)


def _outcome(outcome: object) -> str:
    return "running" if pd.isna(outcome) else str(outcome)  # type: ignore[call-overload]


def _identity(score: _Row) -> _Row:
    return {name: score[name] for name in _IDENTITY}


def _nothing() -> _Row:
    return {name: math.nan for at in AT for name in (at, f"{at}_uncertainty")} | {
        "scored": False,
        "trailing_n": 0,
        "best_kimg": math.nan,
        "selected_on": pd.NA,
    }


def _selected(evaluations: list[_Row], score: _Row) -> _Row:
    """The best and the trailing value of one training, under the protocol of one of its final scores."""
    mine = [row for row in evaluations if row["metric"] == score["metric"]]
    protocol = _text(score["protocol_hash"])
    test = {
        row["kimg"]: row
        for row in mine
        if _text(row["split"]) in ("", "test") and _text(row["protocol_hash"]) == protocol
    }
    chosen: _Row = {}
    late = [row for kimg, row in test.items() if kimg >= (1 - TRAILING_SHARE) * score["kimg_budget"]]
    if len(late) > 1:
        chosen["trailing_n"] = len(late)
        chosen["trailing"] = fmean(row["value"] for row in late)
        chosen["trailing_uncertainty"] = fmean(row["uncertainty"] for row in late)
    conditions = _apart_from_the_data(_text(score["protocol"]))
    validation = [
        row
        for row in mine
        if _text(row["split"]) == "validation" and _apart_from_the_data(_text(row["protocol"])) == conditions
    ]
    if len({_text(row["protocol_hash"]) for row in validation}) != 1 or not _text(score["better"]):
        return chosen
    sign = 1 if score["better"] == "lower" else -1
    ranked = [
        (sign * row["value"], row["kimg"])
        for row in validation
        if row["kimg"] in test and not math.isnan(row["value"])
    ]
    if not ranked or len(validation) < 2:  # the final score alone is no curve to choose from
        return chosen
    best = test[min(ranked)[1]]
    return chosen | {
        "best": best["value"],
        "best_uncertainty": best["uncertainty"],
        "best_kimg": best["kimg"],
        "selected_on": "validation",
    }


def _text(value: object) -> str:
    return "" if pd.isna(value) else str(value)  # type: ignore[call-overload]


@lru_cache
def _apart_from_the_data(protocol: str) -> str:
    """A protocol without what tells test from validation split: equal where the two belong together."""
    try:
        conditions = json.loads(protocol or "{}")
    except ValueError:
        return protocol
    if not isinstance(conditions, dict):  # not one that `bench` wrote
        return protocol
    return json.dumps({name: conditions[name] for name in sorted(conditions) if name not in _DATA})


_DATA = ("reference", "n_real")


def _never_scored(cells: pd.DataFrame, tested: list[_Row]) -> list[_Row]:
    """Rows of the trainings without a final score, under the protocols that ``scores_at`` says."""
    by_group, by_data = _protocols(tested, GROUP), _protocols(tested, _DATA_COLUMNS)
    scored = {score["training_id"] for score in tested}
    rows = []
    for cell in cells[[*GROUP, "seed", "outcome"]].reset_index().to_dict("records"):
        if cell["training_id"] in scored:
            continue
        known = by_group.get(_key(cell, GROUP)) or by_data.get(_key(cell, _DATA_COLUMNS)) or {}
        for score in known.values():
            rows.append(cell | {"outcome": _outcome(cell["outcome"])} | score | _nothing())
    return rows


_DATA_COLUMNS = ["dataset", "dataset_fingerprint", "image_shape"]


def _protocols(tested: list[_Row], by: list[str]) -> dict[tuple[str, ...], dict[tuple[str, ...], _Row]]:
    """What each group of trainings was scored by."""
    known: dict[tuple[str, ...], dict[tuple[str, ...], _Row]] = {}
    for score in tested:
        protocol = _key(score, ["metric", "protocol_hash", "split"])
        known.setdefault(_key(score, by), {}).setdefault(protocol, _identity(score))
    return known


def _key(row: _Row, names: list[str]) -> tuple[str, ...]:
    return tuple(_text(row[name]) for name in names)
