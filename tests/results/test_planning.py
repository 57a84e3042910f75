import math

import numpy as np
import pytest
from scipy import stats

from results.intervals import welch
from results.planning import seeds_for_ranks, seeds_for_welch


def sample(mean: float, sd: float) -> np.ndarray:
    return np.array([mean - sd, mean, mean + sd])  # its standard deviation is sd exactly


def test_the_textbooks_number_for_a_large_effect() -> None:
    # Cohen 1988, table 2.4.1: two-sided .05, power .8, d = .8 needs 26 a side, d = .5 needs 64.
    assert seeds_for_welch(sample(0, 1), sample(0.8, 1), alpha=0.05) == 26
    assert seeds_for_welch(sample(0, 1), sample(0.5, 1), alpha=0.05) == 64


def test_the_power_is_had_with_unequal_spreads() -> None:
    n = int(seeds_for_welch(sample(0, 1), sample(1.5, 2), alpha=0.05))
    rng = np.random.default_rng(0)
    found = [welch(rng.normal(0, 1, n), rng.normal(1.5, 2, n)).p < 0.05 for _ in range(4000)]
    # 80 % are planned, and up to 2 % more had as n is rounded up; 4 standard errors of 4,000 draws are .025.
    assert np.mean(found) == pytest.approx(0.81, abs=0.035)


def test_no_difference_needs_no_finite_number() -> None:
    assert seeds_for_welch(sample(1, 1), sample(1, 1), alpha=0.05) == math.inf
    assert seeds_for_welch(sample(0, 1), sample(0.01, 1), alpha=0.05) == math.inf  # more than MOST
    assert seeds_for_welch([1.0, 1.0], [2.0, 2.0], alpha=0.05) == 2
    assert seeds_for_ranks(0.5, alpha=0.05) == math.inf


@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_ranks_need_enough_to_reach_alpha_at_all(alpha: float) -> None:
    n = int(seeds_for_ranks(1.0, alpha=alpha))
    assert 2 / math.comb(2 * n, n) <= alpha
    z = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(0.8)
    assert seeds_for_ranks(0.7, alpha=alpha) == math.ceil(z**2 / (6 * 0.2**2))
