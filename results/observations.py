"""One value a training, of a score or a cost, and what kept the others from having one."""

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.errors import StoreError
from results.selection import AT, scores_at
from results.summary import COSTS, cells_of

MACHINE = ["device_name", "cpu_threads", "processes"]
"""What costs must have in common beside the columns of ``GROUP``."""

NO_FAILURE = ("ok", "running", "unsupported")
"""Outcomes that do not count against a variant: what this machine cannot do says nothing of the recipe."""


def observations(frame: pd.DataFrame, metric: str, at: str) -> pd.DataFrame:
    """Return one row a training and protocol: its value and where it comes from.

    Parameters
    ----------
    frame
        As ``load`` returns it.
    metric
        A score, as ``fid``, or one of ``COSTS``.
    at
        "final", "best" or "trailing"; of no consequence for a cost.

    Returns
    -------
    DataFrame
        The columns of ``GROUP`` and ``MACHINE`` (missing for scores, which do not depend on it),
        ``training_id``, ``seed``, ``outcome``, ``metric``, ``unit``, ``better``, ``protocol_hash``,
        ``protocol``, ``split``, ``value``, ``present`` (an ``ok`` training has a value, be it NaN), and
        ``at``: "final" also where "best" was asked for and there are no validation scores to choose by.

    Raises
    ------
    StoreError
        As ``scores_at``; an unknown ``at``; a cost that nobody has.
    """
    if at not in AT:
        raise StoreError(f"Scores are reported at {', '.join(AT)}, not at {at!r}.")
    if metric in COSTS:
        return _costs(frame, metric)
    scores = scores_at(frame, metric)
    if at == "best" and scores["selected_on"].isna().all():
        at = "final"
    present = {
        "final": scores["scored"],
        "best": scores["selected_on"].notna(),
        "trailing": scores["trailing_n"].gt(0),
    }
    units = frame.dropna(subset=["metric"]).drop_duplicates("metric").set_index("metric")["unit"]
    machine: dict[str, object] = dict.fromkeys(MACHINE, pd.NA)
    return scores.assign(
        value=scores[at], present=present[at], at=at, unit=scores["metric"].map(units), **machine
    )


def _costs(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    cells = cells_of(frame).drop(
        columns=["metric", "value", "better", "unit", "protocol_hash", "protocol", "split"]
    )
    rows = frame[frame["phase"].eq("training").fillna(False) & frame["metric"].eq(metric)]
    rows = rows.drop_duplicates("training_id", keep="last").set_index("training_id")
    if rows.empty:
        raise StoreError(f"No training has the cost {metric!r}.")
    ok = cells["outcome"].eq("ok").fillna(False)
    first = rows.iloc[0]
    return cells.assign(
        outcome=cells["outcome"].fillna("running"),
        metric=metric,
        unit=first["unit"],
        better=first["better"],
        protocol_hash=pd.NA,
        protocol=pd.NA,
        split=pd.NA,
        at="final",
        value=rows["value"].reindex(cells.index).where(ok),
        present=cells.index.isin(rows.index) & ok,
    ).reset_index()


_LACKING = {
    "final": "without this score",
    "best": "without validation scores to choose by",
    "trailing": "with fewer than two scores in the last quarter",
}


def fallen_back(rows: pd.DataFrame, at: str) -> list[str]:
    """Say that final scores stand in for the best ones that were asked for, if they do."""
    instead = rows.loc[rows["at"].ne(at) & ~rows["metric"].isin(COSTS), "metric"].unique()
    return [
        f"Of {metric} nothing was selected, as there are no validation scores over training: the final "
        "scores are compared."
        for metric in instead
    ]


@dataclass(frozen=True, kw_only=True)
class Side:
    """The trainings on one side of a comparison."""

    label: str
    values: Mapping[str, float]
    """Training to its finite value."""
    by_seed: Mapping[Hashable, float]
    """Seed to its finite value, of seeds that stand once."""
    failed: Counter[str]
    """What became of those that count as worse than any score, as {"diverged": 1}."""
    aside: Counter[str]
    """What became of those that count neither way, as {"running": 1}."""

    @property
    def finite(self) -> np.ndarray:
        """(n,) values of the trainings that have one."""
        return np.array(list(self.values.values()), dtype=float)

    @property
    def n_failed(self) -> int:
        """How many count as worse than any score."""
        return self.failed.total()

    @property
    def n(self) -> int:
        """How many count, failed ones included."""
        return len(self.values) + self.n_failed

    def goodness(self, better: str) -> np.ndarray:
        """(n,) larger is better, −∞ for those that failed."""
        sign = 1 if better == "higher" else -1
        return np.concatenate([sign * self.finite, np.full(self.n_failed, -math.inf)])


def side_of(rows: pd.DataFrame, label: str) -> Side:
    """Gather the trainings of one side; a score that is not finite counts as a failure."""
    values: dict[str, float] = {}
    failed, aside = Counter[str](), Counter[str]()
    for row in rows[["training_id", "outcome", "value", "present", "at"]].to_dict("records"):
        outcome, value = str(row["outcome"]), row["value"]
        if outcome not in NO_FAILURE:
            failed[outcome] += 1
        elif outcome != "ok":
            aside[outcome] += 1
        elif not row["present"]:
            aside[_LACKING[row["at"]]] += 1
        elif math.isfinite(value):
            values[row["training_id"]] = value
        else:
            failed["NaN" if math.isnan(value) else "infinite"] += 1
    once = rows[rows["training_id"].isin(list(values)) & rows["seed"].notna()]
    once = once.drop_duplicates("seed", keep=False)
    by_seed = {
        row["seed"]: values[row["training_id"]] for row in once[["seed", "training_id"]].to_dict("records")
    }
    return Side(label=label, values=values, by_seed=by_seed, failed=failed, aside=aside)
