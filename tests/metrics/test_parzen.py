import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import GOODFELLOW_GRID, WIDE_GRID, MetricError, parzen, parzen_log_likelihood, select_sigma


def brute_force(test, samples, sigma):
    """The definition, with differences instead of matrix products and no clamp."""
    squared = (test.double()[:, None] - samples.double()[None]).square().sum(-1)
    n, d = samples.shape
    constant = math.log(n) + d * math.log(sigma * math.sqrt(2 * math.pi))
    return torch.logsumexp(-squared / (2 * sigma**2), dim=1) - constant


def piles(seed, n_test, n, d, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.rand(n_test, d, generator=generator, dtype=dtype),
        torch.rand(n, d, generator=generator, dtype=dtype),
    )


def test_the_grid_is_goodfellows():
    # 10 ** x differs from numpy's by at most an ulp or two.
    np.testing.assert_allclose(GOODFELLOW_GRID, np.logspace(-1, 0, 10), rtol=1e-15)
    np.testing.assert_allclose(WIDE_GRID, np.logspace(-2, 1, 61), rtol=1e-14)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    n_test=st.integers(1, 20),
    n=st.integers(1, 30),
    d=st.integers(1, 60),
    sigma=st.sampled_from(GOODFELLOW_GRID) | st.floats(0.05, 5),
    offset=st.sampled_from([0.0, 100.0]),
)
def test_equals_the_definition(seed, n_test, n, d, sigma, offset):
    test, samples = (pile + offset for pile in piles(seed, n_test, n, d, torch.float64))
    ours = parzen_log_likelihood(test, samples, sigma)
    assert ours.dtype == torch.float64
    # The promise of the docstring, also far from the origin.
    torch.testing.assert_close(ours, brute_force(test, samples, sigma), rtol=0, atol=1e-9)


def test_equals_the_definition_at_the_size_of_images_and_across_tiles(monkeypatch):
    test, samples = piles(0, 30, 50, 784)
    expected = brute_force(test, samples, 0.1)
    monkeypatch.setattr(parzen, "_TEST_ROWS", 7)
    monkeypatch.setattr(parzen, "_SAMPLE_ROWS", 8)
    tiled = parzen_log_likelihood(test, samples, 0.1)
    torch.testing.assert_close(tiled, expected, rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 40),
    d=st.integers(1, 40),
    sigma=st.floats(1e-3, 0.05),
    tiles=st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([16, 64])),
)
def test_small_sigmas_any_order_and_any_tiles(seed, n, d, sigma, tiles):
    """Issue 4: 1e-6 relative where a term is e to the minus some hundred thousand."""
    test, samples = piles(seed, 12, n, d, torch.float64)
    expected = brute_force(test, samples, sigma)
    with pytest.MonkeyPatch.context() as patch:
        for name, size in zip(("_TEST_ROWS", "_SAMPLE_ROWS", "_BAND"), tiles, strict=True):
            patch.setattr(parzen, name, size)
        cut = parzen_log_likelihood(test, samples, sigma)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    shuffled = parzen_log_likelihood(test, samples[order], sigma)
    # As documented, with R² up to d/4 ≤ 10: 1e-15 · 10 / σ², and a rounding of the constant d log σ.
    bound = 1e-14 * (10 / sigma**2 + 1000)
    for ours in (cut, shuffled):
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(ours, expected, rtol=0, atol=bound)


def test_the_expected_density_of_gaussian_windows_on_gaussian_samples():
    """Over draws of the samples, the mean of the Parzen density is N(0, (1 + σ²) I) exactly, whatever n."""
    test = torch.tensor([[0.3, -0.5, 1.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    densities = torch.stack(
        [parzen_log_likelihood(test, torch.randn(20, 3, generator=generator), 0.7).exp() for _ in range(2000)]
    )
    variance = 1 + 0.7**2
    expected = (-test.square().sum(1) / (2 * variance)).exp() / (2 * math.pi * variance) ** 1.5
    error = densities.std(dim=0) / 2000**0.5
    assert ((densities.mean(dim=0) - expected).abs() < 4 * error).all()


def test_the_clamp_costs_nothing_where_every_term_but_one_is_clamped():
    # Excess exponents run from 0 over just beside −80 down to −5e5.
    samples = torch.cat([torch.zeros(1), torch.linspace(12.6, 12.7, 500), torch.full((500,), 1e3)])
    test = torch.tensor([[0.0], [0.01], [6.3]])
    ours = parzen_log_likelihood(test, samples[:, None], 1.0)
    expected = brute_force(test, samples[:, None], 1.0)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-9)


def test_the_nearest_sample_may_come_last(monkeypatch):
    # Each tile is nearer by far than all before it: earlier sums must fade, not stay or be NaN.
    monkeypatch.setattr(parzen, "_SAMPLE_ROWS", 2)
    samples = torch.tensor([300.0, 300.0, 100.0, 90.0, 3.0, 2.0, 0.5])[:, None]
    test = torch.tensor([[0.0], [95.0]])
    ours = parzen_log_likelihood(test, samples, 0.5)
    torch.testing.assert_close(ours, brute_force(test, samples, 0.5), rtol=0, atol=1e-9)


def test_one_sample_is_a_gaussian():
    x = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    ours = parzen_log_likelihood(x, torch.zeros(1, 2), 2.0)
    expected = -25 / (2 * 4) - math.log(2 * math.pi * 4)
    assert float(ours) == pytest.approx(expected, abs=1e-12)


def test_many_gaussian_samples_approach_the_smoothed_density():
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(100_000, 1, generator=generator)
    test = torch.tensor([[-1.5], [0.0], [0.7]], dtype=torch.float64)
    ours = parzen_log_likelihood(test, samples, 0.5)
    # N(0, 1) convolved with N(0, .25).
    expected = -test.squeeze(1).square() / 2.5 - 0.5 * math.log(2 * math.pi * 1.25)
    # Relative standard error of the density: below 1.5 / √100,000 = .005; three of them.
    torch.testing.assert_close(ours, expected, rtol=0, atol=0.015)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), n=st.integers(2, 40), d=st.integers(1, 10))
def test_selected_sigma_is_the_best_of_the_grid(seed, n, d):
    validation, samples = piles(seed, 15, n, d)
    chosen = select_sigma(validation, samples, GOODFELLOW_GRID)
    means = [float(brute_force(validation, samples, sigma).mean()) for sigma in GOODFELLOW_GRID]
    assert chosen in GOODFELLOW_GRID
    # A tie within the arithmetic's error may go either way.
    assert means[GOODFELLOW_GRID.index(chosen)] >= max(means) - 1e-9


GOOD = torch.zeros(3, 2)


@pytest.mark.parametrize(
    ("test", "samples", "sigma", "words"),
    [
        (GOOD, torch.zeros(3, 4), 1.0, "same dimension, got 2 and 4"),
        (GOOD, GOOD, 0.0, "positive and finite, got 0"),
        (GOOD, GOOD, float("nan"), "positive and finite, got nan"),
        (GOOD.byte(), GOOD, 1.0, r"test data .*uint8"),
        (GOOD, GOOD.byte(), 1.0, r"samples .*uint8"),
        (GOOD, torch.zeros(0, 2), 1.0, r"samples .* \(0, 2\)"),
        (torch.zeros(3, 1, 2, 2), GOOD, 1.0, r"\(3, 1, 2, 2\)"),
        (GOOD * float("nan"), GOOD, 1.0, "test data .* NaN"),
        (GOOD, GOOD + float("inf"), 1.0, "samples .* infinity"),
    ],
)
def test_bad_input_is_refused(test, samples, sigma, words):
    with pytest.raises(MetricError, match=words):
        parzen_log_likelihood(test, samples, sigma)


def test_an_empty_grid_is_refused():
    with pytest.raises(MetricError, match="empty grid"):
        select_sigma(GOOD, GOOD, ())


def idx_images(folder, name):
    raw = np.frombuffer((folder / name).read_bytes(), np.uint8, offset=16)
    return torch.from_numpy(raw.reshape(-1, 784).copy()).double() / 255


@pytest.mark.slow
def test_real_mnist_images_score_what_was_published_with_the_protocol():
    data = os.environ.get("GAN_BENCH_DATA")
    if not data:
        pytest.skip("GAN_BENCH_DATA does not name a folder that contains MNIST/raw")
    folder = Path(data) / "MNIST" / "raw"
    train = idx_images(folder, "train-images-idx3-ubyte")
    test = idx_images(folder, "t10k-images-idx3-ubyte")
    sigma = select_sigma(train[50_000:51_000], train[:10_000], GOODFELLOW_GRID)
    likelihoods = parzen_log_likelihood(test, train[:10_000], sigma)
    # The independent implementation's figures, to the digits that were written down.
    assert sigma == pytest.approx(0.1668, abs=5e-5)
    assert float(likelihoods.mean()) == pytest.approx(241.193, abs=5e-4)
    error = float(likelihoods.std(correction=0)) / math.sqrt(10_000)
    assert error == pytest.approx(2.130, abs=5e-4)
