"""Student's t intervals of means and of differences, on a linear or a log scale.

The replicate is the training seed. Below some twenty seeds a percentile bootstrap covers far less than it
says (75 % of 95 % at three), Student's t nearly all of it (`results/published/statistics`).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from results.errors import StoreError


class Interval(NamedTuple):
    """An estimate and the interval around it, all in the values' unit."""

    estimate: float
    low: float
    high: float


def exp_or_inf(x: float) -> float:
    """exp(x); ∞ where that is beyond what a float holds, NaN of NaN."""
    return math.inf if x >= 700 else math.exp(x)


class Difference(NamedTuple):
    """The difference of two means on the scale of the values given, and what a t test says of it."""

    estimate: float
    error: float
    """Standard error of the estimate."""
    freedom: float
    """Degrees of freedom."""

    @property
    def p(self) -> float:
        """Two-sided p of no difference; NaN where nothing varies, as t then has no scale."""
        return self.p_below(0.0, sides=2)

    def p_below(self, bound: float, *, sides: int = 1) -> float:
        """Return p of the hypothesis that the difference is `bound`, or, one-sided, that it is more."""
        if not self.error > 0:
            return math.nan
        t = (self.estimate - bound) / self.error
        return float(special.stdtr(self.freedom, t if sides == 1 else -abs(t)) * sides)

    def interval(self, level: float = 0.95) -> Interval:
        """Return the t interval; infinitely wide without degrees of freedom."""
        half = _half_width(self.error, self.freedom, level)
        return Interval(self.estimate, self.estimate - half, self.estimate + half)


def t_interval(values: ArrayLike, *, level: float = 0.95, log: bool = False) -> Interval:
    """Mean of independent values with Student's t interval, x̄ ± t(n − 1) s / √n.

    Parameters
    ----------
    values
        (n,), one a seed. All NaN, of one that is not finite.
    level
        Nominal coverage.
    log
        The mean and interval of the logarithms, as exp: a geometric mean, right for what is positive
        and varies in proportion, as FID and times do.

    Returns
    -------
    Interval
        One value, which says nothing of its spread, has NaN ends. Values that are all equal have an
        interval of no width.

    Raises
    ------
    StoreError
        ``log`` of a value that is not positive, or a level outside (0, 1).
    """
    check_level(level)
    x = np.asarray(values, dtype=float)
    if not len(x) or not np.isfinite(x).all():
        return Interval(math.nan, math.nan, math.nan)
    if log:
        if (x <= 0).any():
            raise StoreError("A log scale needs values above 0.")
        return Interval(*map(exp_or_inf, t_interval(np.log(x), level=level)))
    mean, n = float(x.mean()), len(x)
    if n == 1:
        return Interval(mean, math.nan, math.nan)
    half = _half_width(math.sqrt(_variance(x) / n), n - 1, level)
    return Interval(mean, mean - half, mean + half)


def welch(a: ArrayLike, b: ArrayLike) -> Difference:
    """Mean of b less mean of a, for two independent samples whose variances may differ (Welch 1947).

    Parameters
    ----------
    a, b
        (n_a,), (n_b,), finite, on the scale of the test (logs for a ratio). With fewer than two of either
        the error and the degrees of freedom are NaN.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    estimate = float(y.mean() - x.mean()) if len(x) and len(y) else math.nan
    if min(len(x), len(y)) < 2:
        return Difference(estimate, math.nan, math.nan)
    of_x, of_y = _variance(x) / len(x), _variance(y) / len(y)
    if of_x + of_y == 0:
        return Difference(estimate, 0.0, len(x) + len(y) - 2)
    # Welch–Satterthwaite, on shares of the variance: squares of tiny variances would vanish.
    share = of_x / (of_x + of_y)
    freedom = 1 / (share**2 / (len(x) - 1) + (1 - share) ** 2 / (len(y) - 1))
    return Difference(estimate, math.sqrt(of_x + of_y), freedom)


def paired(a: ArrayLike, b: ArrayLike) -> Difference:
    """Mean of b − a over pairs, (n,) each: for two measurements of the same work, such as timings."""
    d = np.asarray(b, dtype=float) - np.asarray(a, dtype=float)
    if len(d) < 2:
        return Difference(float(d.mean()) if len(d) else math.nan, math.nan, math.nan)
    return Difference(float(d.mean()), math.sqrt(_variance(d) / len(d)), len(d) - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979): p(i) → max over j ≤ i of min(1, (m − j + 1) p(j)).

    The family-wise error stays below the level that the adjusted values are compared with, however the
    tests depend on one another. NaN, a test that could not be made, is no member of the family.
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = np.arange(len(order), 0, -1) * p[order]
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return [float(value) for value in adjusted]


def check_level(level: float) -> None:
    """Refuse what is no level of confidence."""
    if not 0 < level < 1:
        raise StoreError(f"The level must lie between 0 and 1, as 0.95, not {level:g}.")


def _variance(x: np.ndarray) -> float:
    """With ddof 1, and exactly 0 of equal values, of which the mean may be rounded."""
    return 0.0 if np.ptp(x) == 0 else float(x.var(ddof=1))


def _half_width(error: float, freedom: float, level: float) -> float:
    return float(special.stdtrit(freedom, (1 + level) / 2)) * error
