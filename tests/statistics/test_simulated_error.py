"""A quick version of what `simulate.py` measures: gross mistakes of coverage and of false verdicts.

Each check lets a correct method fail once in a thousand times or so, were its seed not fixed: the bounds are
binomial quantiles. What finer deviations there are is in results/published/statistics.
"""

import numpy as np
import pytest
from scipy import stats
from simulate import bootstrap_coverage, false_not_worse, false_verdicts, t_coverage

from results.aggregates import MEASURED_COVERAGE


def most(share: float, simulations: int) -> float:
    """The share that a true one of `share` exceeds in 1 of 2,000 sets of simulations."""
    return float(stats.binom.ppf(1 - 0.0005, simulations, share)) / simulations


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("name", ["normal", "log-normal, log scale"])
def test_t_intervals_cover_what_they_say(name: str, n: int) -> None:
    missed = 1 - t_coverage(name, n, 4000, np.random.default_rng(n))
    # Exact for these distributions: 5 % miss, within the binomial scatter of 4,000, 1.2 points.
    assert 0.05 - (most(0.05, 4000) - 0.05) <= missed <= most(0.05, 4000)


@pytest.mark.parametrize("options", [{}, {"failing": 0.2}], ids=["all end", "some fail"])
def test_equal_variants_are_seldom_told_apart(options: dict[str, float]) -> None:
    wrong = false_verdicts(4, 5, 300, np.random.default_rng(1), **options)  # type: ignore[arg-type]
    assert wrong <= most(0.05, 300)  # at most 5 % in truth; uncorrected it would be about 12 %


def test_worse_by_the_margin_is_seldom_called_not_worse() -> None:
    assert false_not_worse(5, 300, np.random.default_rng(2)) <= most(0.025, 300)


def test_the_aggregates_bootstrap_covers_what_is_said_beside_it() -> None:
    missed = 1 - bootstrap_coverage(2, 5, 150, np.random.default_rng(3))
    assert missed <= most(1 - MEASURED_COVERAGE[5], 150)
