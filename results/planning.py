"""How many seeds would tell apart a difference as large as the one seen."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

POWER = 0.8
"""Probability of finding a difference that is there, for which seeds are planned."""

MOST = 10_000
"""Seeds a side beyond which none are counted."""


def seeds_for_welch(a: ArrayLike, b: ArrayLike, *, alpha: float) -> float:
    """Seeds a side with which Welch's test at `alpha` finds the difference seen in 80 of 100 repetitions.

    From the noncentral t distribution, taking the means and variances seen for the true ones: a rough
    figure, as they are as uncertain as the seeds are few.

    Parameters
    ----------
    a, b
        (n_a,), (n_b,), at least two finite values each, on the scale of the test.
    alpha
        Two-sided level of the test, corrected for the number of comparisons if there are several.

    Returns
    -------
    float
        A whole number from 2 on; infinite beyond ``MOST`` and where there is no difference.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    difference, of_x, of_y = abs(y.mean() - x.mean()), x.var(ddof=1), y.var(ddof=1)
    share = of_x / (of_x + of_y) if of_x + of_y > 0 else 0.5

    def enough(n: int) -> bool:
        freedom = (n - 1) / (share**2 + (1 - share) ** 2)
        noncentrality = difference / math.sqrt((of_x + of_y) / n) if of_x + of_y > 0 else math.inf
        if not math.isfinite(noncentrality) or noncentrality > 30:  # scipy's nct is NaN far out
            return difference > 0
        critical = stats.t.ppf(1 - alpha / 2, freedom)
        return bool(stats.nct.sf(critical, freedom, noncentrality) >= POWER)

    return _smallest(enough)


def seeds_for_ranks(improvement: float, *, alpha: float) -> float:
    """Seeds a side with which the rank test at `alpha` finds the P(improvement) seen 80 times in 100.

    Noether's (1987) formula, n = (z(1 − α/2) + z(.8))² / (6 (P − ½)²), and never fewer than can reach
    `alpha` at all.
    """
    away = abs(improvement - 0.5)
    if not away > 0:
        return math.inf
    z = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(POWER))
    wanted = math.ceil(z**2 / (6 * away**2))
    return _smallest(lambda n: n >= wanted and 2 / math.comb(2 * n, n) <= alpha)


def _smallest(enough: Callable[[int], bool]) -> float:
    """The least n from 2 to MOST that is enough, by bisection; enough must not cease with more."""
    if not enough(MOST):
        return math.inf
    low, high = 1, 2
    while not enough(high):
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)
