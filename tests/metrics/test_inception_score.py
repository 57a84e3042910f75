import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import MetricError, inception_score, inception_score_error


def test_certain_and_evenly_spread_gives_the_number_of_classes():
    # n times log 1 and log 1/7: exact but for a few roundings.
    assert inception_score(torch.eye(7).repeat(10, 1), 2) == pytest.approx((7.0, 0.0), abs=1e-12)


def test_the_same_answer_for_everything_gives_one():
    assert inception_score(torch.full((20, 5), 0.2), 4) == pytest.approx((1.0, 0.0), abs=1e-12)


def test_two_classes_by_hand():
    # p(y) = (.5, .5); KL = .9 log 1.8 + .1 log .2 for either sample.
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    expected = 1.8**0.9 * 0.2**0.1
    assert inception_score(p, 1)[0] == pytest.approx(expected, abs=1e-14)


def test_splits_are_contiguous_so_sorted_samples_score_one():
    by_class = torch.eye(4).repeat_interleave(5, dim=0)
    assert inception_score(by_class, 4) == pytest.approx((1.0, 0.0), abs=1e-12)
    assert inception_score(by_class, 1)[0] == pytest.approx(4.0, abs=1e-12)


def test_deviation_is_over_splits_with_ddof_0():
    # First split scores 2, second 1: mean 1.5, deviation .5 (it would be .71 with ddof 1).
    p = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    assert inception_score(p, 2) == pytest.approx((1.5, 0.5), abs=1e-14)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31), n=st.integers(3, 40), k=st.integers(2, 12))
def test_lies_between_one_and_the_number_of_classes(seed, n, k):
    generator = torch.Generator().manual_seed(seed)
    p = (5 * torch.randn(n, k, generator=generator, dtype=torch.float64)).softmax(dim=1)
    mean, deviation = inception_score(p, 3)
    assert 1 - 1e-12 <= mean <= k + 1e-12  # rounding
    assert deviation >= 0


@pytest.mark.parametrize(
    ("p", "splits", "words"),
    [
        (torch.eye(5), 6, "6 splits .* got 5 samples"),
        (torch.eye(5), 0, "0 splits"),
        (torch.randn(5, 5), 1, "logits or features"),
        (torch.full((5, 5), 0.1), 1, "sum to 1"),
        (torch.eye(5) * float("nan"), 1, "sum to 1"),
        (torch.ones(5), 1, r"\(n, k\)"),
        (torch.eye(5).long(), 1, "int64"),
    ],
)
def test_bad_probabilities_are_refused(p, splits, words):
    with pytest.raises(MetricError, match=words):
        inception_score(p, splits)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), k=st.integers(2, 8))
def test_the_error_is_that_of_the_jackknife(seed, k):
    """Leaving out each sample in turn: independent of the formula, and equal to it as n grows."""
    n = 300
    p = (3 * torch.randn(n, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).softmax(1)
    without = [inception_score(torch.cat([p[:i], p[i + 1 :]]), 1)[0] for i in range(n)]
    jackknife = float(torch.tensor(without).std(correction=0)) * (n - 1) ** 0.5
    # The two differ by terms of order 1/n.
    assert inception_score_error(p) == pytest.approx(jackknife, rel=0.05)


def test_the_error_is_the_spread_over_fresh_samples():
    generator = torch.Generator().manual_seed(0)
    values, errors = [], []
    for _ in range(500):
        p = (3 * torch.randn(400, 10, generator=generator, dtype=torch.float64)).softmax(1)
        values.append(inception_score(p, 1)[0])
        errors.append(inception_score_error(p))
    ratio = float(torch.tensor(values).std() / torch.tensor(errors).mean())
    # 500 values leave 3.2 %: three of those.
    assert 0.9 < ratio < 1.1


def test_one_sample_has_no_error():
    with pytest.raises(MetricError, match="at least 2 samples, got 1"):
        inception_score_error(torch.eye(3)[:1])
