"""What can be said of two samples from the order of their values alone.

Here failed seeds count: a value of −∞ (every function takes larger as better) is worse than any score.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from results.intervals import Interval


def rank_test(a: ArrayLike, b: ArrayLike) -> tuple[float, float]:
    """Exact two-sided Wilcoxon–Mann–Whitney test, as the permutation test of the midranks.

    Ties share the mean of their ranks, and the sum of b's ranks is judged among those of all
    (n_a + n_b choose n_b) ways to share out the same values. No other assumption: two samples of one
    distribution, failures included, reject as often as p says, or less.

    Parameters
    ----------
    a, b
        (n_a,), (n_b,); infinities are values, NaN is not.

    Returns
    -------
    p, smallest : float
        Twice the smaller tail, at most 1; and the least that any sharing out of these values would have
        given, 2 / (n_a + n_b choose n_b) without ties. NaN if either sample is empty.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if not len(x) or not len(y):
        return math.nan, math.nan
    doubled = np.rint(2 * stats.rankdata(np.concatenate([x, y]))).astype(int)  # midranks are halves
    share = _sums_of_ranks(doubled, len(y))
    observed = int(doubled[len(x) :].sum())
    below, above = np.cumsum(share), np.cumsum(share[::-1])[::-1]
    possible = np.flatnonzero(share)
    p = 2 * min(below[observed], above[observed])
    smallest = 2 * min(share[possible[0]], share[possible[-1]])
    return min(1.0, float(p)), min(1.0, float(smallest))


def _sums_of_ranks(ranks: np.ndarray, k: int) -> np.ndarray:
    """Share of all choices of k of the integer `ranks` that has each sum (Streitberg & Röhmel 1986)."""
    counts = np.zeros((k + 1, int(ranks.sum()) + 1))
    counts[0, 0] = 1.0
    for rank in ranks:
        for chosen in range(k, 0, -1):
            counts[chosen, rank:] += counts[chosen - 1, : counts.shape[1] - rank]
    return counts[k] / counts[k].sum()


def signed_rank_test(differences: ArrayLike) -> tuple[float, float]:
    """Exact two-sided Wilcoxon signed-rank test, as the permutation test of the signs of the midranks.

    Parameters
    ----------
    differences
        (n,) of pairs, finite. A zero has no sign to change and says nothing.

    Returns
    -------
    p, smallest : float
        As of ``rank_test``; the smallest is 2 / 2ⁿ. Both 1 if all differences are 0, NaN if there is none.
    """
    d = np.asarray(differences, dtype=float)
    if not len(d):
        return math.nan, math.nan
    d = d[d != 0]
    doubled = np.rint(2 * stats.rankdata(np.abs(d))).astype(int)
    share = np.ones(1)
    for rank in doubled:
        share = (np.pad(share, (0, rank)) + np.pad(share, (rank, 0))) / 2
    observed = int(doubled[d > 0].sum())
    p = 2 * min(share[: observed + 1].sum(), share[observed:].sum())
    return min(1.0, float(p)), min(1.0, float(2 * share[0]))


def improvement(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> Interval:
    """P(a run of b is better than a run of a), ties counted half, with Newcombe's interval.

    θ = U / (n_a n_b) of Mann and Whitney. The interval holds every θ with
    (θ̂ − θ)² ≤ z² θ(1 − θ) (1 + (n* − 1)((1 − θ)/(2 − θ) + θ/(1 + θ))) / (n_a n_b), n* = (n_a + n_b)/2
    (Newcombe 2006, method 5): it stays within [0, 1] and keeps a width where the samples do not overlap.

    Parameters
    ----------
    a, b
        (n_a,), (n_b,), larger better; infinities are values, NaN is not.
    level
        Nominal coverage.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if not len(x) or not len(y):
        return Interval(math.nan, math.nan, math.nan)
    pairs = len(x) * len(y)
    seen = float(((y[:, None] > x).sum() + (y[:, None] == x).sum() / 2) / pairs)
    z = float(stats.norm.ppf((1 + level) / 2))
    mean_size = (len(x) + len(y)) / 2

    def excess(theta: float) -> float:
        spread = 1 + (mean_size - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (seen - theta) ** 2 - z**2 * theta * (1 - theta) * spread / pairs

    # The excess is positive at the far ends and negative at what was seen; where that is 0 or 1 itself, it is
    # 0 there, so that the search begins beside it.
    beside = 1e-9
    low = 0.0 if seen == 0 else optimize.brentq(excess, 0.0, min(seen, 1 - beside))
    high = 1.0 if seen == 1 else optimize.brentq(excess, max(seen, beside), 1.0)
    return Interval(seen, float(low), float(high))


def median_shift(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> Interval:
    """Hodges and Lehmann's median of all differences b − a, with the interval of the exact rank test.

    Parameters
    ----------
    a, b
        (n_a,), (n_b,); of logs for a ratio. Infinite ones make infinite differences, two equal
        infinities 0.
    level
        Nominal coverage; the interval is from −∞ to ∞ where so few values cannot reach it.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if not len(x) or not len(y):
        return Interval(math.nan, math.nan, math.nan)
    differences = np.sort(pairwise(x, y).ravel())
    ranks = 2 * np.arange(1, len(x) + len(y) + 1)
    tail = np.cumsum(_sums_of_ranks(ranks, len(y))[len(y) * (len(y) + 1) :: 2])
    outside = int(np.searchsorted(tail, (1 - level) / 2, side="right"))  # differences beyond each end
    with np.errstate(invalid="ignore"):  # between −∞ and ∞ lies no median: NaN
        median = float(np.median(differences))
    if outside == 0:
        return Interval(median, -math.inf, math.inf)
    return Interval(median, float(differences[outside - 1]), float(differences[-outside]))


def pairwise(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """All differences b − a along the last axes, (…, n_b, n_a); 0 between equal infinities."""
    x, y = a[..., None, :], b[..., :, None]
    with np.errstate(invalid="ignore"):
        return np.where(x == y, 0.0, y - x)
