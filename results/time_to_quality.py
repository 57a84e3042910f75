"""Time to quality: when did a score pass a target, and stay."""

import difflib
import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd

from results.errors import StoreError
from results.summary import GROUP, cells_of

_KEY = ["dataset", "dataset_fingerprint"]
_SUMMED = [
    *("metric", "split", "protocol", "target", "better"),
    *("seeds", "seeds_reached", "not_reached", "resolution_kimg"),
    *("kimg", "kimg_low", "kimg_high", "training_sec", "training_sec_low", "training_sec_high"),
    "device_name",
]
_OF_EVALUATION = ["training_id", "metric", "split", "protocol_hash", "kimg", "training_sec"]
_TEXTS = ["metric", "split", "protocol", "better", "not_reached", "device_name"]


def time_to_quality(frame: pd.DataFrame, targets: Mapping[str, float]) -> pd.DataFrame:
    """When each training's score first passed a target and stayed there: all later ones pass, too.

    What is known is that the target was reached at or before that evaluation, and after the one before
    it: `resolution_kimg` is how far those lie apart. A training that ended before its budget (diverged,
    oom, …) has not reached it, whatever its scores were on the way. One that has not counts as infinitely
    long, so that a median is finite only where more than half of the seeds have; none is left out.

    Parameters
    ----------
    frame
        As ``load`` returns it, of trainings that were scored on the way.
    targets
        Metric to value, as ``{"fid@digits-classifier": 60}``; the row's ``better`` says which way. A plain
        ``fid`` is every data set's own where it has one with that name.

    Returns
    -------
    DataFrame
        A row a set of conditions (the columns of ``results.summary``'s averages), metric, split and
        protocol: scores of different protocols are never put together. ``seeds``: trainings with such a
        score, or that failed before they had any; ``seeds_reached``; ``not_reached`` (text: why the
        others have not); ``kimg`` and ``training_sec`` (compilation included, scoring left out): medians
        over the seeds, with ``_low`` and ``_high``, the least and the most of them; ``resolution_kimg``
        (the widest over the seeds). ``device_name`` is "mixed", and no seconds, where seeds ran on
        several.

    Raises
    ------
    StoreError
        No target or one that is not a finite number; a metric that nobody was scored by ("did you
        mean"), that stands for several of one data set, or that has no better direction; not a loaded
        frame.
    """
    if lacking := [name for name in (*GROUP, "phase", "metric", "better", "kimg") if name not in frame]:
        raise StoreError(f"The frame has no column {lacking[0]!r}: it is not a loaded one.")
    if not targets:
        raise StoreError("No target was given, as in {'fid': 60}.")
    scores = frame[frame["phase"].eq("score").fillna(False) & frame["kimg"].notna()]
    trained = frame.loc[frame["trained"].fillna(False), "training_id"].unique()
    cells = cells_of(frame[frame["training_id"].isin(trained)])
    scores = scores[scores["training_id"].isin(cells.index)]
    rows: list[dict[str, object]] = []
    for name, target in targets.items():
        if not math.isfinite(target):
            raise StoreError(f"The target of {name} must be a finite number, not {target}.")
        rows += _rows_of_target(cells, scores_named(scores, name), scores, name, target)
    dtypes = {name: frame[name].dtype for name in GROUP} | dict.fromkeys(_TEXTS, "string")
    table = pd.DataFrame(rows, columns=[*GROUP, *_SUMMED]).astype(dtypes)
    order = ["dataset", "metric", "target", "kimg_budget", "variant"]
    return table.sort_values(order, kind="stable", ignore_index=True)


def scores_named(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the scores that a name means; a plain ``fid`` is every data set's own ``fid@…``.

    Raises
    ------
    StoreError
        Nobody was scored by it, or it stands for several of one data set.
    """
    known = list(dict.fromkeys(scores["metric"]))
    if name in known:
        return scores[scores["metric"].eq(name)]
    mine = scores[scores["metric"].str.split("@").str[0].eq(name)]
    if mine.empty:
        plain = {metric.partition("@")[0] for metric in known}
        near = difflib.get_close_matches(name, [*known, *sorted(plain)], n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none at all'}."
        raise StoreError(f"No training was scored by {name!r}: {hint}")
    for _, of_data in mine.groupby(_KEY, dropna=False, sort=False):
        if of_data["metric"].nunique() > 1:
            names = ", ".join(dict.fromkeys(of_data["metric"]))
            raise StoreError(f"{name!r} may be any of {names}: name the one that is meant.")
    return mine


def _rows_of_target(
    cells: pd.DataFrame, mine: pd.DataFrame, scores: pd.DataFrame, name: str, target: float
) -> list[dict[str, object]]:
    directions = mine["better"].dropna().unique()
    if len(directions) != 1:
        raise StoreError(f"Of {name} no way is the better one, so that no target can be reached.")
    sign = 1 if directions[0] == "higher" else -1
    passes = mine[_OF_EVALUATION].assign(passes=sign * mine["value"] >= sign * target)
    passes = passes.sort_values("kimg", kind="stable")
    # Of data that were scored by other metrics alone, this one says nothing, not even of failures.
    elsewhere = set(_keys(scores)) - set(_keys(mine))
    rows = []
    for key, group in cells.groupby(GROUP, dropna=False, sort=False):
        if set(_keys(group)) & elsewhere:
            continue
        base = dict(zip(GROUP, key, strict=True)) | {"target": target, "better": directions[0]}
        of_group = passes[passes["training_id"].isin(group.index)]
        never_scored = group[
            ~group.index.isin(of_group["training_id"]) & group["outcome"].ne("ok").fillna(True)
        ]
        conditions = list(of_group.groupby(["metric", "split", "protocol_hash"], dropna=False, sort=False))
        if not conditions and len(never_scored):
            metric = next(iter(mine["metric"]))
            conditions = [((metric, pd.NA, pd.NA), of_group)]
        for (metric, split, protocol), evaluations in conditions:
            scored = group[group.index.isin(evaluations["training_id"])]
            seeds = pd.concat([scored, never_scored])
            which = {"metric": metric, "split": split, "protocol": protocol}
            rows.append({**base, **which, **_over_seeds(seeds, evaluations)})
    return rows


def _keys(rows: pd.DataFrame) -> list[tuple[Hashable, ...]]:
    return list(rows[_KEY].astype(object).fillna("").itertuples(index=False, name=None))


def _over_seeds(seeds: pd.DataFrame, evaluations: pd.DataFrame) -> dict[str, object]:
    by_training = dict(list(evaluations.groupby("training_id", sort=False)))
    kimg, seconds, resolution, why = [], [], [], Counter[str]()
    for training, seed in seeds.iterrows():
        mine = by_training.get(training)
        outcome = "running" if pd.isna(seed["outcome"]) else str(seed["outcome"])
        hit = None if mine is None else reached(mine["passes"].tolist())
        if mine is not None:
            resolution.append(_resolution(mine["kimg"].tolist(), hit))
        if outcome != "ok":
            why[outcome] += 1
        elif hit is None:
            why["not within the budget"] += 1
        if outcome != "ok" or mine is None or hit is None:
            kimg.append(math.inf)
            seconds.append(math.inf)
        else:
            kimg.append(mine["kimg"].iloc[hit])
            seconds.append(mine["training_sec"].iloc[hit])
    machines = seeds["device_name"].dropna().unique()
    mixed = len(machines) > 1
    return {
        "seeds": len(seeds),
        "seeds_reached": sum(map(math.isfinite, kimg)),
        "not_reached": ", ".join(f"{n} {reason}" for reason, n in sorted(why.items())),
        "resolution_kimg": max(resolution, default=math.nan),
        **_spread("kimg", kimg),
        **_spread("training_sec", [math.nan] * len(kimg) if mixed else seconds),
        "device_name": "mixed" if mixed else next(iter(machines), pd.NA),
    }


def reached(passes: Sequence[bool]) -> int | None:
    """Return the index from which on all of `passes` are true; None if the last one is not."""
    failed = [i for i, passed in enumerate(passes) if not passed]
    first = failed[-1] + 1 if failed else 0
    return first if first < len(passes) else None


def _resolution(kimg: Sequence[float], hit: int | None) -> float:
    """How far the evaluation that passed lies from the one before it; without one, the widest gap."""
    gaps = np.diff([0.0, *kimg])
    return float(gaps.max() if hit is None else gaps[hit])


def _spread(name: str, values: Sequence[float]) -> dict[str, float]:
    return {name: float(np.median(values)), f"{name}_low": min(values), f"{name}_high": max(values)}
