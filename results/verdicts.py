"""Two samples of trainings → estimates, intervals, tests; several such comparisons → verdicts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from results.intervals import Difference, Interval, exp_or_inf, holm, paired, t_interval, welch
from results.observations import Side
from results.planning import seeds_for_ranks, seeds_for_welch
from results.rank_statistics import improvement, median_shift, rank_test, signed_rank_test

VERDICTS = ("better", "worse", "not worse", "cannot be told apart", "too few seeds")
"""What may be said of b, beside a."""

UNDECIDED = VERDICTS[3:]
"""Those that more seeds could change."""

NEVER_LOG = ("parzen",)
"""Metrics that are logarithms themselves: of nats a difference means something, a ratio nothing."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two sides to be compared, and what describes the comparison."""

    a: Side
    b: Side
    metric: str
    better: str
    same_work: bool = False
    """Equal seeds are the same work, measured twice: costs of one recipe, never scores."""


@dataclass(frozen=True, kw_only=True)
class Tested:
    """One comparison, before the others are known that it is corrected for."""

    pair: Pair
    log: bool
    is_paired: bool
    x: np.ndarray
    """(n_a,) finite values of a on the scale of the test; of pairs, in their order."""
    y: np.ndarray
    """(n_b,) those of b."""
    difference: Difference
    p_rank: float
    p_rank_smallest: float
    level: float
    """Of the intervals."""

    @cached_property
    def value_a(self) -> Interval:
        """Mean of a, a geometric one on the log scale."""
        return t_interval(self.pair.a.finite, level=self.level, log=self.log)

    @cached_property
    def value_b(self) -> Interval:
        """Mean of b."""
        return t_interval(self.pair.b.finite, level=self.level, log=self.log)

    @cached_property
    def effect(self) -> Interval:
        """B / a on the log scale, else b − a."""
        return self._as_effect(self.difference.interval(self.level))

    @cached_property
    def median(self) -> Interval:
        """The same by Hodges and Lehmann, with failed seeds as infinitely bad."""
        worst = math.inf if self.pair.better == "lower" else -math.inf
        scale = np.log if self.log else np.asarray
        a, b = (
            np.concatenate([scale(side.finite), np.full(side.n_failed, worst)])
            for side in (self.pair.a, self.pair.b)
        )
        return self._as_effect(median_shift(a, b, level=self.level))

    @cached_property
    def improvement(self) -> Interval:
        """P(b better than a), failed seeds worse than any score."""
        a, b = (side.goodness(self.pair.better) for side in (self.pair.a, self.pair.b))
        return improvement(a, b, level=self.level)

    def _as_effect(self, interval: Interval) -> Interval:
        return Interval(*map(exp_or_inf, interval)) if self.log else interval

    @property
    def decided_by_ranks(self) -> bool:
        """Whether the rank test decides: seeds failed, which a mean cannot hold, or nothing varies."""
        return self.pair.a.n_failed + self.pair.b.n_failed > 0 or self.difference.error == 0

    @property
    def p_decisive(self) -> float:
        """The p that the verdict is made on, uncorrected."""
        return self.p_rank if self.decided_by_ranks else self.difference.p

    @property
    def b_is_better(self) -> bool:
        """Which way it points."""
        if self.decided_by_ranks:
            return self.improvement.estimate > 0.5
        return (self.difference.estimate > 0) == (self.pair.better == "higher")

    def p_not_worse(self, margin: float) -> float:
        """Return p of b being worse by the margin or more, doubled to stand beside two-sided ones.

        Of the ok seeds, so that it is 1 where b failed more often than a; NaN where no ratio can be had.
        """
        if not self.log or math.isnan(self.difference.error):
            return math.nan
        a, b = self.pair.a, self.pair.b
        if b.n_failed * a.n > a.n_failed * b.n:
            return 1.0
        sign = 1 if self.pair.better == "lower" else -1
        worse_by = Difference(sign * self.difference.estimate, self.difference.error, self.difference.freedom)
        bound = math.log1p(margin)
        if worse_by.error == 0:  # nothing varies, and one case of no spread is no evidence of none
            return math.nan
        return min(1.0, 2 * worse_by.p_below(bound))


def on_log_scale(metric: str, values: ArrayLike) -> bool:
    """Whether ratios of a metric's values mean something: all are above 0, and it is no logarithm itself."""
    return metric.partition("@")[0] not in NEVER_LOG and bool((np.asarray(values) > 0).all())


def tested(pair: Pair, level: float) -> Tested:
    """Estimate and test one comparison.

    On a log scale if all values are above 0 and the metric is no logarithm itself; then the effect is the
    ratio b / a of geometric means, otherwise the difference b − a of means.
    """
    a, b = pair.a.finite, pair.b.finite
    log = on_log_scale(pair.metric, np.concatenate([a, b]))
    scale = np.log if log else np.asarray
    both = [seed for seed in pair.a.by_seed if seed in pair.b.by_seed]
    is_paired = pair.same_work and len(both) > 1 and pair.a.n_failed + pair.b.n_failed == 0
    x, y = scale(a), scale(b)
    if is_paired:
        x, y = (scale(np.array([side.by_seed[seed] for seed in both])) for side in (pair.a, pair.b))
        difference, (p_rank, smallest) = paired(x, y), signed_rank_test(y - x)
    else:
        difference = welch(x, y)
        p_rank, smallest = rank_test(pair.a.goodness(pair.better), pair.b.goodness(pair.better))
    return Tested(
        pair=pair,
        log=log,
        is_paired=is_paired,
        x=x,
        y=y,
        difference=difference,
        p_rank=p_rank,
        p_rank_smallest=smallest,
        level=level,
    )


def judge(tests: Sequence[Tested], *, level: float, margin: float | None) -> list[dict[str, Any]]:
    """Give each comparison its verdict, corrected for all of them by Holm's method.

    Returns
    -------
    list of dict
        ``p_holm``, ``decided_by`` ("welch", "paired" or "ranks"), ``verdict``, ``comparisons`` (how many the
        correction is for).
    """
    alpha = 1 - level
    decisive = [test.p_decisive for test in tests]
    corrected = holm(decisive)
    not_worse = [math.nan] * len(tests)
    if margin is not None:
        not_worse = holm([test.p_not_worse(margin) for test in tests])
    family = sum(not math.isnan(p) for p in decisive)
    judged = []
    for test, p_holm, p_not_worse in zip(tests, corrected, not_worse, strict=True):
        if p_holm <= alpha:
            verdict = "better" if test.b_is_better else "worse"
        elif p_not_worse <= alpha:
            verdict = "not worse"
        elif _too_few(test, alpha):
            verdict = "too few seeds"
        else:
            verdict = "cannot be told apart"
        judged.append(
            {
                "p_holm": p_holm,
                "decided_by": "ranks" if test.decided_by_ranks else "paired" if test.is_paired else "welch",
                "verdict": verdict,
                "comparisons": family,
            }
        )
    return judged


def _too_few(test: Tested, alpha: float) -> bool:
    """No interval can be had, or the rank test that decides could not have rejected whatever it saw."""
    if test.decided_by_ranks:
        identical = test.difference.error == 0 and test.difference.estimate == 0
        return not identical and not test.p_rank_smallest <= alpha
    return math.isnan(test.difference.error)


def seeds_needed(test: Tested, alpha: float) -> float:
    """Seeds a side with which the test that decides would find what was seen; NaN without a spread to go by.

    Parameters
    ----------
    test
        One comparison.
    alpha
        Of one test, as 0.05 over the number of comparisons, the level at which Holm's method begins.
    """
    if test.decided_by_ranks:
        return seeds_for_ranks(test.improvement.estimate, alpha=alpha)
    if math.isnan(test.difference.error):
        return math.nan
    if test.is_paired:  # the differences beside what has none and never varies
        return seeds_for_welch(np.zeros(len(test.x)), test.y - test.x, alpha=alpha)
    return seeds_for_welch(test.x, test.y, alpha=alpha)
