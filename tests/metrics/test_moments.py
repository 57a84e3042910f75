import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import MetricError, Moments

EPS = torch.finfo(torch.float64).eps


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    offset=st.sampled_from([0.0, 1.0, 1e3, 1e6]),
)
def test_result_does_not_depend_on_chunks_or_order(seed, cuts, offset):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(60, 3, generator=generator, dtype=torch.float64) + offset
    chunked = Moments.empty(3)
    for chunk in torch.tensor_split(rows[torch.randperm(60, generator=generator)], sorted(cuts)):
        chunked.update(chunk)
    whole = Moments.of(rows)
    # A mean is rounded to ε·offset however it is summed; it enters the covariance once, times the
    # spread (< 6 here). Summing squares without centring would be off by ε·offset².
    bound = 60 * EPS * (1 + offset)
    assert chunked.n == 60
    torch.testing.assert_close(chunked.mean, whole.mean, rtol=0, atol=bound)
    torch.testing.assert_close(chunked.covariance, whole.covariance, rtol=0, atol=6 * bound)


def test_merging_equals_seeing_everything_and_leaves_the_other_alone():
    rows = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    left, right = Moments.of(rows[:13]), Moments.of(rows[13:])
    before = right.mean.clone(), right.scatter.clone(), right.n
    left.merge(right)
    expected = torch.cov(rows.double().T)
    # Sums of 50 products of order 1 in float64.
    torch.testing.assert_close(left.covariance, expected, rtol=0, atol=1e-13)
    torch.testing.assert_close(left.mean, rows.double().mean(0), rtol=0, atol=1e-14)
    assert torch.equal(right.mean, before[0])
    assert torch.equal(right.scatter, before[1])
    assert right.n == before[2]


def test_covariance_is_symmetric_where_the_products_are_not():
    # Some processors' matrix products differ across the diagonal in the last bit.
    scatter = torch.tensor([[4.0, 1.0], [1.0 + EPS, 5.0]], dtype=torch.float64)
    covariance = Moments(3, torch.zeros(2, dtype=torch.float64), scatter).covariance
    assert torch.equal(covariance, covariance.T)
    torch.testing.assert_close(covariance, scatter / 2, rtol=EPS, atol=0)


def test_more_rows_than_an_internal_chunk():
    rows = torch.randn(9000, 2, generator=torch.Generator().manual_seed(0)) + 100
    expected = torch.cov(rows.double().T)
    # 9,000 products of order 1, summed in another order.
    torch.testing.assert_close(Moments.of(rows).covariance, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (torch.zeros(4, 5), r"\(n, 3\).*\(4, 5\)"),
        (torch.zeros(3), r"\(n, 3\)"),
        (torch.zeros(4, 3, dtype=torch.int64), "int64"),
        (torch.tensor([[0.0, float("nan"), 0.0]]), "NaN"),
        (torch.tensor([[0.0, float("inf"), 0.0]]), "infinity"),
    ],
)
def test_bad_features_are_refused_and_change_nothing(features, words):
    moments = Moments.of(torch.eye(3))
    with pytest.raises(MetricError, match=words):
        moments.update(features)
    assert moments.n == 3


def test_one_sample_has_no_covariance():
    with pytest.raises(MetricError, match="at least 2 samples, got 1"):
        _ = Moments.of(torch.ones(1, 3)).covariance


def test_moments_of_other_dimensions_do_not_merge():
    with pytest.raises(MetricError, match=r"of 2 features .* of 3"):
        Moments.empty(3).merge(Moments.of(torch.eye(2)))


def test_merging_two_empty_ones_stays_empty():
    moments = Moments.empty(2)
    moments.merge(Moments.empty(2))
    assert moments.n == 0
    assert torch.equal(moments.mean, torch.zeros(2, dtype=torch.float64))
