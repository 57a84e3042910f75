"""The Fréchet distance at d = 2048 beside scipy's matrix square root as pytorch-fid uses it, in one run."""

import time

import numpy as np
import pytest
import scipy.linalg
import torch

from metrics import Moments, frechet_distance, frechet_distance_of_features
from metrics.frechet import covariance_root, frechet_to_root

pytestmark = pytest.mark.perf

DIM = 2048


def features(seed, n):
    generator = torch.Generator().manual_seed(seed)
    scales = torch.arange(1, DIM + 1, dtype=torch.float64) ** -0.7  # about as Inception's features decay
    return torch.randn(n, DIM, generator=generator, dtype=torch.float64) * scales


def seconds(function):
    start = time.perf_counter()
    value = function()
    return time.perf_counter() - start, value


def by_scipy(mean1, covariance1, mean2, covariance2):
    """What the established implementation computes; it adds an offset only where the root is not finite."""
    root = scipy.linalg.sqrtm(covariance1 @ covariance2)
    assert np.isfinite(root).all()
    difference = mean1 - mean2
    return difference @ difference + np.trace(covariance1) + np.trace(covariance2) - 2 * np.trace(root).real


def paired(benchmark, ours, theirs):
    """One round of theirs, which takes half a minute, between two of ours."""
    before, _ = seconds(ours)
    slow, expected = seconds(theirs)
    value = benchmark.pedantic(ours, rounds=1)
    ratio = slow / ((before + benchmark.stats.stats.data[0]) / 2)
    benchmark.extra_info["times_as_fast_as_scipy"] = ratio
    return ratio, value, expected


@pytest.fixture(scope="module")
def moments():
    return Moments.of(features(0, 5000)), Moments.of(features(1, 5000))


def test_with_a_cached_reference_root(benchmark, moments):
    real, fake = moments
    arrays = [x.numpy() for x in (real.mean, real.covariance, fake.mean, fake.covariance)]
    root = covariance_root(real.covariance)
    ratio, value, expected = paired(
        benchmark,
        lambda: frechet_to_root(real.mean, root, fake.mean, fake.covariance),
        lambda: by_scipy(*arrays),
    )
    # Full rank: both are accurate to some 1e-11 of the traces.
    assert value == pytest.approx(expected, rel=1e-6)
    assert ratio >= 10  # issue 4


def test_without_one(benchmark, moments):
    real, fake = moments
    arrays = [x.numpy() for x in (real.mean, real.covariance, fake.mean, fake.covariance)]
    ratio, value, expected = paired(benchmark, lambda: frechet_distance(*arrays), lambda: by_scipy(*arrays))
    assert value == pytest.approx(expected, rel=1e-6)  # as above
    assert ratio >= 4  # issue 4


def test_of_500_samples_from_features(benchmark):
    real, fake = features(2, 500), features(3, 500)

    def scipys():
        rows = [x.numpy() for x in (real, fake)]
        (mean1, covariance1), (mean2, covariance2) = ((x.mean(0), np.cov(x, rowvar=False)) for x in rows)
        return by_scipy(mean1, covariance1, mean2, covariance2)

    ratio, value, expected = paired(benchmark, lambda: frechet_distance_of_features(real, fake), scipys)
    # Singular covariances: scipy's root of rounding is off by 1e-5 and more here.
    assert value == pytest.approx(expected, rel=1e-3)
    assert ratio >= 100  # issue 4
