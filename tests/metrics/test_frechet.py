import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import MetricError, Moments, frechet_distance, frechet_distance_of_features
from metrics.frechet import covariance_root


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


def cases(dim=48):
    """Pairs of features of every kind that has ever broken a Fréchet distance."""
    generator = torch.Generator().manual_seed(0)

    def draw(n, columns=dim):
        return torch.randn(n, columns, generator=generator, dtype=torch.float64)

    mixing = draw(dim) * torch.logspace(0, -2, dim, dtype=torch.float64)
    full, other = draw(4 * dim) @ mixing, 1.1 * draw(4 * dim) @ mixing + 0.1
    few, fewer = draw(dim // 4) @ mixing, draw(dim // 3) @ mixing
    scales = torch.logspace(-6, 6, dim, dtype=torch.float64)
    line, another = draw(50, 1) * draw(1), draw(50, 1) * draw(1)
    left, right = full.clone(), full.clone()
    left[:, dim // 2 :], right[:, : dim // 2] = 0, 0
    return {
        "full rank": (full, other),
        "both n < d": (few, fewer),
        "one n < d": (few, full),
        "identical": (full, full),
        "identical, n < d": (few, few),
        "badly scaled": (draw(4 * dim) * scales, draw(4 * dim) * scales),
        "badly scaled, n < d": (draw(dim // 4) * scales, draw(dim // 4) * scales),
        "single directions": (line, another),
        "the same single direction": (line, 2 * line),
        "a single direction and full rank": (line, full),
        "orthogonal": (left, right),
        "constant": (torch.ones(9, dim, dtype=torch.float64), full),
        "both constant": (torch.ones(9, dim, dtype=torch.float64), torch.zeros(9, dim, dtype=torch.float64)),
        "far from the origin": (full + 1000, other + 1000),
    }


def by_nuclear_norm(a, b):
    """Tr (Σ₁Σ₂)^½ as the nuclear norm of R₁R₂ᵀ, from QR factors of the centred features; and the traces."""
    factors = []
    for rows in (a, b):
        centred = ((rows - rows.mean(0)) / (len(rows) - 1) ** 0.5).numpy()
        factors.append(np.linalg.qr(centred, mode="r"))
    nuclear = np.linalg.svd(factors[0] @ factors[1].T, compute_uv=False).sum()
    traces = sum((factor**2).sum() for factor in factors)
    return float((a.mean(0) - b.mean(0)).square().sum()) + traces - 2 * nuclear, traces


# Issue 4's limits. Both are of the traces; seen are 7e-9 at the worst, and 2e-14.
@pytest.mark.parametrize(("exact", "tolerance"), [(False, 1e-7), (True, 1e-12)])
@pytest.mark.parametrize("name", cases())
def test_either_path_against_the_nuclear_norm_of_the_features(name, exact, tolerance):
    a, b = cases()[name]
    expected, traces = by_nuclear_norm(a, b)
    first, second = Moments.of(a), Moments.of(b)
    for x, y in ((first, second), (second, first)):
        distance = frechet_distance(x.mean, x.covariance, y.mean, y.covariance, exact=exact)
        assert isinstance(distance, float)
        # The means' part is a sum of squares, exact to a few ε of itself.
        assert abs(distance - expected) <= tolerance * traces + 1e-14 * abs(expected)
        if "identical" in name:
            assert abs(distance) <= min(tolerance, 1e-5) * traces


@pytest.mark.parametrize("name", cases())
def test_from_features_against_their_nuclear_norm(name):
    a, b = cases()[name]
    expected, traces = by_nuclear_norm(a, b)
    # Without covariances where n ≤ d; with them as the default path.
    tolerance = 1e-12 if min(len(a), len(b)) <= a.shape[1] else 1e-7
    for x, y in ((a, b), (b, a)):
        assert abs(frechet_distance_of_features(x, y) - expected) <= tolerance * traces + 1e-14 * abs(
            expected
        )


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31), n1=st.integers(2, 30), n2=st.integers(2, 30), dim=st.integers(1, 20))
def test_all_three_paths_agree(seed, n1, n2, dim):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n1, dim, generator=generator)
    b = 2 * torch.randn(n2, dim, generator=generator) + 1
    first, second = Moments.of(a), Moments.of(b)
    both = (first.mean, first.covariance, second.mean, second.covariance)
    exact = frechet_distance(*both, exact=True)
    traces = float(first.covariance.trace() + second.covariance.trace())
    # The limits above, and rounding of (μ₁ − μ₂)².
    assert abs(frechet_distance(*both) - exact) <= 1e-7 * traces + 1e-12
    assert abs(frechet_distance_of_features(a, b) - exact) <= 1e-7 * traces + 1e-12


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (torch.zeros(3, 2), torch.zeros(3, 4), "same dimension, got 2 and 4"),
        (torch.zeros(1, 2), torch.zeros(3, 2), "first features must be at least 2 samples, got 1"),
        (torch.zeros(3, 2), torch.full((3, 2), float("nan")), "NaN"),
        (torch.zeros(3), torch.zeros(3, 2), r"\(3,\)"),
        (torch.zeros(3, 2).byte(), torch.zeros(3, 2), "uint8"),
    ],
)
def test_bad_features_are_refused(a, b, words):
    with pytest.raises(MetricError, match=words):
        frechet_distance_of_features(a, b)


def test_a_root_has_no_columns_of_noise():
    rows = torch.randn(6, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    covariance = Moments.of(rows).covariance
    root = covariance_root(covariance)
    assert int(root.any(dim=0).sum()) == 5  # 6 rows less their mean
    torch.testing.assert_close(root @ root.T, covariance, rtol=0, atol=1e-13)  # entries of about 1


@pytest.mark.parametrize("dim", [512, 600])
@pytest.mark.parametrize("n", [100, 1500])
def test_large_products_by_blocks(dim, n):
    rows = torch.randn(n, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    other = torch.randn(n, dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.1
    expected, traces = by_nuclear_norm(rows, other)
    first, second = Moments.of(rows), Moments.of(other)
    # A triangular root where n > d, and one of eigenvectors where not.
    assert bool(covariance_root(first.covariance).triu(1).any()) == (n < dim)
    distance = frechet_distance(first.mean, first.covariance, second.mean, second.covariance)
    assert abs(distance - expected) <= 1e-7 * traces  # as above
