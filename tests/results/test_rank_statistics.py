import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from results.rank_statistics import improvement, median_shift, rank_test, signed_rank_test

values = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=5)


@given(a=values, b=values)
@settings(max_examples=60, deadline=None)
def test_the_rank_test_is_the_permutation_test_of_midranks(a: list[float], b: list[float]) -> None:
    ranks = stats.rankdata(a + b)
    sums = np.array([sum(chosen) for chosen in combinations(ranks, len(b))])
    seen = ranks[len(a) :].sum()
    tails = [(sums <= seen).mean(), (sums >= seen).mean()]
    p, smallest = rank_test(a, b)
    assert p == pytest.approx(min(1, 2 * min(tails)))
    least = 2 * min((sums == sums.min()).mean(), (sums == sums.max()).mean())
    assert smallest == pytest.approx(min(1, least))


@pytest.mark.parametrize(("n_a", "n_b"), [(3, 3), (4, 9), (30, 30)])
def test_without_ties_it_is_mann_and_whitneys(n_a: int, n_b: int) -> None:
    rng = np.random.default_rng(n_a)
    a, b = rng.normal(size=n_a), rng.normal(0.7, size=n_b)
    assert rank_test(a, b)[0] == pytest.approx(stats.mannwhitneyu(a, b, method="exact").pvalue)


@pytest.mark.parametrize(("n", "least"), [(3, 0.1), (4, 2 / 70), (5, 2 / 252)])
def test_the_smallest_p_that_few_seeds_can_reach(n: int, least: float) -> None:
    apart = np.arange(n), np.arange(n) + 100
    assert rank_test(*apart) == pytest.approx((least, least))


def test_failed_seeds_tie_as_the_worst() -> None:
    failed = -math.inf
    # Three failures of three beside none: as far apart as scores can be.
    assert rank_test([1.0, 2.0, 3.0], [failed] * 3)[0] == pytest.approx(0.1)
    assert rank_test([failed] * 3, [failed] * 3) == (1.0, 1.0)
    assert all(map(math.isnan, rank_test([], [1.0])))


def test_the_signed_rank_test_is_scipys() -> None:
    differences = [0.3, -0.1, 0.5, 0.9, 1.4, 2.0]
    assert signed_rank_test(differences)[0] == pytest.approx(
        stats.wilcoxon(differences, method="exact").pvalue
    )
    assert signed_rank_test([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx((2 / 32, 2 / 32))
    assert signed_rank_test([0.0, 0.0]) == (1.0, 1.0)


def test_improvement_is_u_over_all_pairs() -> None:
    a, b = [1.0, 2.0, 2.0], [2.0, 3.0]
    seen = improvement(a, b)
    assert seen.estimate == pytest.approx(stats.mannwhitneyu(b, a).statistic / 6)
    other_way = improvement(b, a)
    assert (other_way.low, other_way.high) == pytest.approx((1 - seen.high, 1 - seen.low))


def test_improvement_of_samples_apart_keeps_a_width() -> None:
    apart = improvement([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert (apart.estimate, apart.high) == (1.0, 1.0)
    assert 0.4 < apart.low < 0.6  # 3 beside 3 can't exclude a coin by much
    assert improvement(range(50), range(100, 150)).low > 0.9
    # Newcombe's equation holds at both ends, with z = 1.96 and n* = 4.
    seen = improvement([1.0, 3.0, 5.0, 7.0], [2.0, 4.0, 6.0, 8.0])
    for end in (seen.low, seen.high):
        spread = 1 + 3 * ((1 - end) / (2 - end) + end / (1 + end))
        variance = end * (1 - end) * spread / 16
        assert abs(seen.estimate - end) / math.sqrt(variance) == pytest.approx(stats.norm.ppf(0.975))


def test_the_median_shift_inverts_the_rank_test() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=6), rng.normal(1, size=5)
    median, low, high = median_shift(a, b)
    assert median == np.median(np.subtract.outer(b, a))
    inside, outside = 1e-9, -1e-9
    for end, towards in ((low, 1), (high, -1)):
        assert rank_test(a, b - (end + towards * inside))[0] > 0.05
        assert rank_test(a, b - (end + towards * outside))[0] <= 0.05


def test_too_few_for_a_median_interval_and_failures_as_infinite() -> None:
    assert median_shift([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]) == (1.0, -math.inf, math.inf)
    assert median_shift([1.0, 2.0], [math.inf, math.inf]).estimate == math.inf
    assert median_shift([math.inf], [math.inf]).estimate == 0.0
