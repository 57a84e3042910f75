"""One figure over several data sets: the interquartile mean of log-ratios to a baseline."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from results.comparison import baseline_of
from results.comparison_rows import IDENTITY
from results.conditions import labels_of
from results.errors import StoreError
from results.intervals import Interval, check_level, exp_or_inf
from results.observations import Side, observations, side_of
from results.rank_statistics import pairwise
from results.summary import GROUP
from results.words import number

_DATA = ["dataset", "dataset_fingerprint", "image_shape", "metric", "split", "protocol_hash"]


def aggregate(
    frame: pd.DataFrame,
    metric: str,
    baseline: str | None,
    rng: np.random.Generator,
    *,
    at: str = "final",
    level: float = 0.95,
    resamples: int = 2000,
) -> pd.DataFrame:
    """Interquartile mean, over data sets and seeds, of each variant's log-ratio to a baseline.

    Of each data set all log(b / a) of a run of b and a run of the baseline a, every data set with the same
    weight; of them the mean of the middle half (Agarwal et al. 2021, arXiv 2108.13264), as exp. A failed run
    is infinitely bad: it is trimmed as long as fewer than a quarter of the ratios are, and makes the figure
    infinite where they are more. The interval is of a percentile bootstrap that draws the seeds of each
    variant anew within each data set.

    Parameters
    ----------
    frame
        As ``load`` returns it.
    metric
        A score whose values are above 0, as ``fid``.
    baseline
        A variant, by default the first by name.
    rng
        What the bootstrap draws from.
    at
        As of ``compare``.
    level
        Nominal coverage, which few seeds do not reach: see ``coverage``.
    resamples
        Bootstrap samples.

    Returns
    -------
    DataFrame
        One row a variant and set of conditions: ``metric``, ``at``, ``a``, ``b``, ``better``,
        ``datasets`` (their number), ``dataset_names``, ``seeds_least`` (the smallest number of seeds of a
        variant on a data set), ``failed``, ``ratio``, ``ratio_low``, ``ratio_high``, ``coverage`` (what
        intervals of 95 % by this bootstrap were measured to cover with so few seeds; NaN at another level).

    Raises
    ------
    StoreError
        As ``compare``; values that are not above 0; a data set scored under several protocols.
    """
    check_level(level)
    rows = observations(frame, metric, at)
    rows = rows.assign(label=labels_of(rows, "variant", IDENTITY["variant"]))
    first = baseline_of(baseline, sorted(rows["label"].unique()))
    conditions = [name for name in GROUP if name not in [*IDENTITY["variant"], *_DATA]]
    records: list[dict[str, object]] = []
    for values, same in rows.groupby(conditions, dropna=False, sort=False):
        for label in sorted(same["label"].unique()):
            if label == first:
                continue
            strata: list[tuple[Side, Side]] = []
            names: list[str] = []
            data: set[tuple[object, ...]] = set()
            for key, here in same.groupby(_DATA, dropna=False, sort=False):
                a, b = (side_of(here[here["label"].eq(name)], name) for name in (first, label))
                if a.n and b.n:
                    if key[:3] in data:
                        raise StoreError(
                            f"{metric} of {key[0]} was scored under several protocols, which are not put "
                            "together: name one of its metrics in full, or take the rows of one protocol."
                        )
                    data.add(key[:3])
                    strata.append((a, b))
                    names.append(str(key[0]))
            if not strata:
                continue
            better = str(same["better"].iloc[0])
            ratio = bootstrap_interval(strata, better, rng, level=level, resamples=resamples)
            least = min(side.n for pair in strata for side in pair)
            records.append(
                dict(zip(conditions, values, strict=True))
                | {
                    "metric": metric,
                    "at": at,
                    "a": first,
                    "b": label,
                    "better": better,
                    "datasets": len(strata),
                    "dataset_names": ", ".join(names),
                    "seeds_least": least,
                    "failed": sum(side.n_failed for pair in strata for side in pair),
                    "ratio": ratio.estimate,
                    "ratio_low": ratio.low,
                    "ratio_high": ratio.high,
                    "coverage": measured_coverage(least) if level == _MEASURED_LEVEL else math.nan,
                }
            )
    if not records:
        raise StoreError(f"Nothing was scored by {metric} under the same conditions as {first}.")
    return pd.DataFrame(records)


def aggregate_words(row: Mapping[Hashable, Any], *, level: float) -> str:
    """Say one row of ``aggregate`` in a sentence, with what its interval is worth."""
    interval = f"[{number(row['ratio_low'])}, {number(row['ratio_high'])}]"
    covers = row["coverage"]
    worth = f"covers {100 * covers:.0f} %"
    if math.isnan(covers):
        worth = "has a coverage that was not measured"
    failed = f" {row['failed']} failed seeds are in it as infinitely bad." if row["failed"] else ""
    return (
        f"Over {row['datasets']} data sets ({row['dataset_names']}): {row['metric']} of {row['b']} "
        f"{number(row['ratio'])} times {row['a']}'s {interval}, interquartile mean of ratios. This "
        f"{100 * level:g} % bootstrap interval {worth} with {row['seeds_least']} seeds.{failed}"
    )


_MEASURED_LEVEL = 0.95
MEASURED_COVERAGE = {3: 0.874, 5: 0.914, 10: 0.935}
"""Seeds of each variant to what 95 % intervals cover: the least over numbers of data sets in
``results/published/statistics``."""


def measured_coverage(seeds: int) -> float:
    """Return what the bootstrap was measured to cover with so many seeds, or the next fewer; NaN below."""
    return next(
        (MEASURED_COVERAGE[n] for n in sorted(MEASURED_COVERAGE, reverse=True) if n <= seeds), math.nan
    )


def bootstrap_interval(
    strata: list[tuple[Side, Side]], better: str, rng: np.random.Generator, *, level: float, resamples: int
) -> Interval:
    """Return the ratio over data sets of which (a, b) are given, with its percentile bootstrap interval."""
    worst = math.inf if better == "lower" else -math.inf
    logs = [tuple(_logs(side, worst) for side in pair) for pair in strata]
    seen = interquartile_mean([pairwise(a, b).reshape(1, -1) for a, b in logs])[0]
    drawn = interquartile_mean(
        [
            pairwise(_drawn(a, rng, resamples), _drawn(b, rng, resamples)).reshape(resamples, -1)
            for a, b in logs
        ]
    )
    tail = (1 - level) / 2
    # An order statistic, not an interpolation: between a number and ∞ there is none.
    low, high = np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf")
    return Interval(*map(exp_or_inf, (seen, low, high)))


def _logs(side: Side, worst: float) -> np.ndarray:
    if (side.finite <= 0).any():
        raise StoreError("Ratios over data sets need scores above 0.")
    return np.concatenate([np.log(side.finite), np.full(side.n_failed, worst)])


def _drawn(values: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    return values[rng.integers(len(values), size=(resamples, len(values)))]


def interquartile_mean(strata: list[np.ndarray]) -> np.ndarray:
    """Mean of the middle half of values of several strata, each stratum with the same weight.

    Parameters
    ----------
    strata
        Arrays (r, n_i): r repetitions of n_i values. Infinite values that are not trimmed make the mean
        infinite.

    Returns
    -------
    ndarray
        (r,).
    """
    values = np.concatenate(strata, axis=1)
    weights = np.concatenate([np.full(s.shape[1], 1 / (len(strata) * s.shape[1])) for s in strata])
    order = np.argsort(values, axis=1, kind="stable")
    ranked, upper = np.take_along_axis(values, order, axis=1), np.cumsum(weights[order], axis=1)
    lower = upper - weights[order]
    inside = np.clip(np.minimum(upper, 0.75) - np.maximum(lower, 0.25), 0, None)
    inside[inside < 1e-12] = 0  # rounding of sums of weights, which ∞ would blow up
    with np.errstate(invalid="ignore"):  # −∞ and ∞ at once have no mean: NaN
        return np.where(inside > 0, ranked * inside, 0.0).sum(axis=1) / inside.sum(axis=1)
