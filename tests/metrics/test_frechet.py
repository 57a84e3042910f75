import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import MetricError, Moments, frechet_distance
from metrics.frechet import bootstrap_frechet, covariance_root


def gaussian(seed, dim=5, n=40):
    rows = torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    moments = Moments.of(rows)
    return moments.mean, moments.covariance


@settings(deadline=None, max_examples=30)
@given(
    mean1=st.floats(-10, 10),
    mean2=st.floats(-10, 10),
    deviation1=st.floats(0.01, 10),
    deviation2=st.floats(0.01, 10),
)
def test_one_dimension_has_a_closed_form(mean1, mean2, deviation1, deviation2):
    distance = frechet_distance(
        np.array([mean1]),
        np.array([[deviation1**2]]),
        np.array([mean2]),
        np.array([[deviation2**2]]),
    )
    expected = (mean1 - mean2) ** 2 + (deviation1 - deviation2) ** 2
    # A handful of float64 operations on numbers up to 400.
    assert distance == pytest.approx(expected, abs=1e-11)


def test_diagonal_covariances_have_a_closed_form():
    a, b = torch.tensor([1.0, 4.0, 9.0]).double(), torch.tensor([16.0, 4.0, 1.0]).double()
    zero = torch.zeros(3).double()
    distance = frechet_distance(zero, torch.diag(a), zero + 2, torch.diag(b))
    # (1−4)² + (2−2)² + (3−1)² + 3·2²; a handful of float64 operations on numbers below 100.
    assert distance == pytest.approx(9 + 0 + 4 + 12, abs=1e-12)


@settings(deadline=None, max_examples=20)
@given(seed1=st.integers(0, 10**6), seed2=st.integers(0, 10**6))
def test_symmetric_and_zero_only_for_itself(seed1, seed2):
    first, second = gaussian(seed1), gaussian(seed2 + 10**7)
    forth, back = frechet_distance(*first, *second), frechet_distance(*second, *first)
    # Traces of about 5 in float64; well conditioned (40 rows for 5 dimensions).
    assert forth == pytest.approx(back, abs=1e-12)
    assert forth > 1e-6
    assert frechet_distance(*first, *first) == pytest.approx(0, abs=1e-12)


def test_fewer_samples_than_dimensions_stays_real_and_near_zero():
    mean, covariance = gaussian(0, dim=64, n=10)
    distance = frechet_distance(mean, covariance, mean, covariance)
    assert math.isfinite(distance)
    # The root of rounding at the zero eigenvalues: √1e-16 of the trace, as documented.
    assert 0 <= distance <= 1e-6 * float(covariance.trace())


def test_slightly_negative_eigenvalues_count_as_zero():
    zero = torch.zeros(2)
    rounded = torch.diag(torch.tensor([1.0, -1e-12]).double())
    identity = torch.eye(2)
    # tr(rounded) + tr(I) − 2·(1 + 0)
    assert frechet_distance(zero, rounded, zero, identity) == pytest.approx(1.0, abs=1e-9)
    assert frechet_distance(zero, identity, zero, rounded) == pytest.approx(1.0, abs=1e-9)


IDENTITY = torch.eye(2)
ZERO = torch.zeros(2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((ZERO, IDENTITY, torch.zeros(3), torch.eye(3)), "same dimension, got 2 and 3"),
        ((ZERO, torch.eye(3), ZERO, IDENTITY), "first Gaussian must have"),
        ((ZERO, IDENTITY, ZERO, torch.zeros(2)), "second Gaussian must have"),
        ((ZERO, IDENTITY, ZERO * float("nan"), IDENTITY), "second Gaussian must be finite"),
        ((ZERO, IDENTITY * float("inf"), ZERO, IDENTITY), "first Gaussian must be finite"),
        ((ZERO, torch.tensor([[1.0, 0.5], [0.0, 1.0]]), ZERO, IDENTITY), "symmetric"),
    ],
)
def test_bad_gaussians_are_refused(arguments, words):
    with pytest.raises(MetricError, match=words):
        frechet_distance(*arguments)


def test_bootstrap_equals_the_distance_of_each_resample_drawn_by_hand():
    features = torch.randn(30, 4, generator=torch.Generator().manual_seed(1)) * 2 + 5
    mean, covariance = gaussian(2, dim=4)
    fast = bootstrap_frechet(
        features,
        mean,
        covariance_root(covariance),
        resamples=5,
        generator=torch.Generator().manual_seed(3),
    )
    generator = torch.Generator().manual_seed(3)
    slow = []
    for _ in range(5):
        drawn = Moments.of(features[torch.randint(30, (30,), generator=generator)])
        slow.append(frechet_distance(mean, covariance, drawn.mean, drawn.covariance))
    # Distances of about 100 from float64 sums over 30 rows.
    torch.testing.assert_close(fast, torch.tensor(slow, dtype=torch.float64), rtol=0, atol=1e-10)
    assert fast.std() > 0
