"""The loaded frame, averaged over seeds: one row a recipe and set of conditions."""

from collections import Counter

import numpy as np
import pandas as pd

from results.errors import StoreError

GROUP = [
    "variant",
    "variant_version",
    "dataset",
    "dataset_fingerprint",
    "image_shape",
    "batch_size",
    "kimg_budget",
    "precision",
    "compile",
    "changed",
    "device",
]
"""What the rows of one average have in common. Versions and fingerprints belong to it: the same
name with other content is another thing."""

COSTS = ["images_per_sec", "training_sec", "peak_memory_bytes"]
"""Metrics of the phase "training" of which the median over seeds is given."""


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Average a loaded frame over seeds. Rows of `bench.throughput` are left to `throughput_table`.

    Only cells that ended ``ok`` enter a mean or a median; all of them are counted. A NaN that an
    ``ok`` cell measured makes the mean NaN: it is not skipped.

    Scores with different protocols are never averaged. For each metric, the protocol that most cells
    of a data set were scored by (the newest among equals) stands in a group's first row, whose
    ``protocol`` is missing. Every other protocol gets a row of its own below it, with its hash in
    ``protocol``, values for its metrics only and no costs.

    Parameters
    ----------
    frame
        As ``load`` returns it.

    Returns
    -------
    DataFrame
        The columns of ``GROUP``; ``protocol``; ``seeds``, ``seeds_ok``, ``seeds_failed``,
        ``seeds_running`` (numbers of cells); ``outcomes`` (text, as "3 ok, 1 diverged, 1 oom");
        ``flags`` (text, as "discriminator-dominates 2/5"); for each final score M ``M_mean``,
        ``M_sd`` (standard deviation between seeds, ddof 1, NaN with one seed), ``M_within`` (mean
        of the uncertainties within the runs) and ``M_n`` (cells averaged); the medians of
        ``COSTS``; ``device_name``, "mixed" where the ok cells ran on several, and then no costs. A
        score against another split than the test split is named with it, as "fid (validation)".

    Raises
    ------
    StoreError
        The frame is not a loaded one.
    """
    needed = [*GROUP, *_NEEDED]
    if lacking := [name for name in needed if name not in frame]:
        raise StoreError(f"The frame has no column {lacking[0]!r}: it is not a loaded one.")
    cells = cells_of(frame)
    scores = final_scores(frame)
    is_first = _is_first_protocol(scores)
    names = list(dict.fromkeys(scores["score"]))
    costs = _last_costs(frame)
    rows: list[dict[str, object]] = []
    for key, group in cells.groupby(GROUP, dropna=False, sort=False):
        ok = group.index[group["outcome"].eq("ok").fillna(False)]
        of_ok = scores["training_id"].isin(ok)
        base = {**dict(zip(GROUP, key, strict=True)), "protocol": pd.NA, **_counts(group)}
        first = _averages(scores[of_ok & is_first], names)
        rows.append({**base, **first, **_median_costs(costs, group.loc[ok])})
        others = scores[of_ok & ~is_first]
        for protocol in dict.fromkeys(others["protocol_hash"].fillna("")):
            same = others["protocol_hash"].fillna("").eq(protocol)
            rows.append({**base, "protocol": protocol, **_averages(others[same], names)})
    dtypes = {name: frame[name].dtype for name in GROUP} | dict.fromkeys(_TEXTS, "string")
    averages = [f"{name}_{part}" for name in names for part in ("mean", "sd", "within", "n")]
    columns = [*GROUP, "protocol", *_COUNTS, *averages, *COSTS, "device_name"]
    table = pd.DataFrame(rows, columns=columns).astype(dtypes)
    for name in COSTS:
        table[name] = table[name].astype(float)
    return table.sort_values(["dataset", "kimg_budget", "variant"], kind="stable", ignore_index=True)


_COUNTS = ["seeds", "seeds_ok", "seeds_failed", "seeds_running", "outcomes", "flags"]
_TEXTS = ["protocol", "outcomes", "flags", "device_name"]
_NEEDED = [
    "training_id", "attempt", "trained", "purpose", "phase", "metric", "value", "uncertainty",
    "protocol_hash", "split", "final", "outcome", "flags", "device_name", "started_utc",
]  # fmt: skip


def final_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of final scores, the newest of each, with the column ``score``: their name.

    The name is the metric's, with the split behind it unless it is the test split.
    """
    scores = frame[frame["phase"].eq("score").fillna(False) & frame["final"].fillna(False)]
    elsewhere = scores["split"].notna() & scores["split"].ne("test").fillna(False)
    names = scores["metric"].mask(elsewhere, scores["metric"] + " (" + scores["split"] + ")")
    return scores.assign(score=names).drop_duplicates(["training_id", "score", "protocol_hash"], keep="last")


def cells_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a training id, those left out for which steps were only timed.

    Its outcome and flags are those of its last training, if it has one: a scoring that failed later does not
    undo a finished training. And a training that was finished, but whose run ended while it was being scored,
    is ok once a later attempt has scored it.
    """
    frame = frame[frame["purpose"].ne("throughput").fillna(True)]
    trained = frame[frame["trained"].fillna(False)]
    # Of each id once: pandas looks at every one of the list.
    scored_only = frame[~frame["training_id"].isin(trained["training_id"].unique())]
    cells = (
        pd.concat([scored_only, trained])
        .drop_duplicates("training_id", keep="last")
        .sort_index()
        .set_index("training_id")
    )
    finished = trained[trained["metric"].eq("training_sec") & trained["final"].fillna(False)]
    scored = frame[~frame["trained"].fillna(False) & frame["outcome"].eq("ok").fillna(False)]
    both = cells.index.isin(finished["training_id"]) & cells.index.isin(scored["training_id"].unique())
    cells.loc[both, "outcome"] = "ok"
    return cells


def _is_first_protocol(scores: pd.DataFrame) -> pd.Series:
    """Whether a row's protocol is the one that most cells of its data were scored by, for its metric."""
    known = scores.fillna({"dataset": "", "dataset_fingerprint": "", "protocol_hash": ""})
    key = ["dataset", "dataset_fingerprint", "score"]
    counted = (
        known.groupby([*key, "protocol_hash"], sort=False)
        .agg(cells=("training_id", "nunique"), newest=("started_utc", "max"))
        .sort_values(["cells", "newest"], na_position="first", kind="stable")
        .reset_index()
        .drop_duplicates(key, keep="last")
    )
    first = pd.MultiIndex.from_frame(counted[[*key, "protocol_hash"]])
    return pd.Series(known.set_index([*key, "protocol_hash"]).index.isin(first), index=scores.index)


def _counts(group: pd.DataFrame) -> dict[str, object]:
    outcomes = Counter(group["outcome"].fillna("running"))
    n_ok, n_running = outcomes["ok"], outcomes["running"]
    named = [f"{n_ok} ok", *(f"{n} {name}" for name, n in sorted(outcomes.items()) if name != "ok")]
    flags = Counter(flag for text in group["flags"].dropna() for flag in text.split(",") if flag)
    return {
        "seeds": len(group),
        "seeds_ok": n_ok,
        "seeds_failed": len(group) - n_ok - n_running,
        "seeds_running": n_running,
        "outcomes": ", ".join(named),
        "flags": ", ".join(f"{flag} {n}/{len(group)}" for flag, n in sorted(flags.items())),
    }


def _averages(scores: pd.DataFrame, names: list[str]) -> dict[str, object]:
    averages: dict[str, object] = {}
    by_name = dict(list(scores.groupby("score", sort=False)))
    for name in names:
        rows = by_name.get(name)
        values = np.empty(0) if rows is None else rows["value"].to_numpy()
        n = len(values)
        with np.errstate(invalid="ignore"):  # an infinite score has no standard deviation: NaN
            averages[f"{name}_mean"] = values.mean() if n else np.nan
            averages[f"{name}_sd"] = values.std(ddof=1) if n > 1 else np.nan
            averages[f"{name}_within"] = np.nan if rows is None else rows["uncertainty"].mean()
        averages[f"{name}_n"] = n
    return averages


def _last_costs(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame[frame["phase"].eq("training").fillna(False) & frame["metric"].isin(COSTS)]
    return rows.drop_duplicates(["training_id", "metric"], keep="last")


def _median_costs(costs: pd.DataFrame, ok: pd.DataFrame) -> dict[str, object]:
    machines = ok["device_name"].dropna().unique()
    if len(machines) > 1:
        return {"device_name": "mixed"}
    of_ok = costs[costs["training_id"].isin(ok.index)]
    medians = of_ok.groupby("metric")["value"].median().to_dict()
    return {"device_name": machines[0] if len(machines) else pd.NA, **medians}
