import math

import numpy as np
import pytest
from scipy import stats

from results import StoreError, t_interval
from results.intervals import holm, paired, welch


@pytest.mark.parametrize("n", [2, 3, 10])
def test_t_intervals_are_those_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).normal(5, 2, n)
    scipys = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    mine = t_interval(values, level=0.9)
    assert mine == pytest.approx((values.mean(), scipys.low, scipys.high), rel=1e-12)  # rounding only


def test_a_log_scale_gives_geometric_means() -> None:
    interval = t_interval([1.0, 100.0], log=True)
    assert interval.estimate == pytest.approx(10.0)
    assert interval.low * interval.high == pytest.approx(100.0)  # symmetric as a ratio


def test_one_value_has_no_interval_and_equal_ones_have_one_without_width() -> None:
    one = t_interval([7.0])
    assert one.estimate == 7.0
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert t_interval([0.1, 0.1, 0.1]) == pytest.approx((0.1, 0.1, 0.1), rel=1e-15)  # the mean's last bit
    assert all(map(math.isnan, t_interval([])))
    assert all(map(math.isnan, t_interval([1.0, math.inf])))


def test_what_is_no_log_and_no_level_is_refused() -> None:
    with pytest.raises(StoreError, match="above 0"):
        t_interval([0.0, 1.0], log=True)
    with pytest.raises(StoreError, match=r"between 0 and 1, as 0.95, not 95"):
        t_interval([1.0, 2.0], level=95)


@pytest.mark.parametrize(("n_a", "n_b"), [(2, 2), (3, 7), (10, 4)])
def test_welch_is_scipys(n_a: int, n_b: int) -> None:
    rng = np.random.default_rng(n_a)
    a, b = rng.normal(0, 1, n_a), rng.normal(1, 3, n_b)
    scipys = stats.ttest_ind(b, a, equal_var=False)
    mine = welch(a, b)
    assert mine.p == pytest.approx(scipys.pvalue, rel=1e-10)  # rounding only
    assert tuple(mine.interval())[1:] == pytest.approx(tuple(scipys.confidence_interval()), rel=1e-10)
    one_sided = stats.ttest_ind(b - 0.5, a, equal_var=False, alternative="less")
    assert mine.p_below(0.5) == pytest.approx(one_sided.pvalue, rel=1e-10)


def test_welch_without_spread_has_no_p() -> None:
    difference = welch([8.0] * 3, [7.0] * 3)
    assert (difference.estimate, difference.error) == (-1.0, 0.0)
    assert math.isnan(difference.p)
    assert difference.interval() == (-1.0, -1.0, -1.0)
    assert math.isnan(welch([1.0], [2.0, 3.0]).error)


def test_pairs_are_scipys() -> None:
    a, b = [1.0, 2.0, 3.0], [1.5, 2.1, 3.9]
    assert paired(a, b).p == pytest.approx(stats.ttest_rel(b, a).pvalue, rel=1e-10)  # rounding only


def test_holm_steps_down() -> None:
    # Holm 1979: the smallest times m, the next times m − 1, never below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    adjusted = holm([math.nan, 0.04])  # no test, no member of the family
    assert math.isnan(adjusted[0])
    assert adjusted[1] == 0.04
    assert holm([]) == []
