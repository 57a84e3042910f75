"""The Parzen window beside the machine's own matrix product and beside a plain numpy loop, in one run.

At 4,000 × 4,000 × 784 pixels, a sixth of issue 4's 10,000 × 10,000: what goes with the square of the number
of samples is the same share there, and what goes with their number is smaller.
"""

import numpy as np
import pytest
import torch

from metrics import GOODFELLOW_GRID, parzen_log_likelihood, select_sigma

pytestmark = pytest.mark.perf

ROUNDS = 5
TEST, SAMPLES = (
    torch.rand(4000, 784, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in (0, 1)
)


def test_one_sigma_beside_the_matrix_product(paired):
    product = torch.empty(4000, 4000, dtype=torch.float64)
    share = paired(
        lambda: torch.mm(TEST, SAMPLES.T, out=product),
        lambda: parzen_log_likelihood(TEST, SAMPLES, 0.2),
        rounds=ROUNDS,
    ).ratio
    # Issue 4 asks for .7 at full size; checks and centring are a tenth of the time here, and 4 % there.
    assert share >= 0.6


def test_ten_sigmas_beside_one(paired):
    times = paired(
        lambda: select_sigma(TEST, SAMPLES, GOODFELLOW_GRID),
        lambda: parzen_log_likelihood(TEST, SAMPLES, 0.2),
        rounds=ROUNDS,
    ).ratio
    # Issue 4: all ten in at most twice the time of one.
    assert times <= 2


def naive(test, samples, sigma):
    """The formula of the original's code written in numpy, in its batches of ten test images."""
    d = samples.shape[1]
    values = []
    for start in range(0, len(test), 10):
        scaled = (test[start : start + 10, None, :] - samples[None, :, :]) / sigma
        exponents = -0.5 * (scaled**2).sum(axis=2)
        largest = exponents.max(axis=1, keepdims=True)
        values.append(largest[:, 0] + np.log(np.exp(exponents - largest).mean(axis=1)))
    return np.concatenate(values) - d * np.log(sigma * np.sqrt(2 * np.pi))


def test_beside_a_naive_numpy_loop(benchmark, paired):
    some = TEST[:100].numpy()
    samples = SAMPLES.numpy()
    for_some = paired(
        lambda: naive(some, samples, 0.2),
        lambda: parzen_log_likelihood(TEST, SAMPLES, 0.2),
        rounds=ROUNDS,
    ).ratio
    # 40 times as many test images take 40 times as long.
    times = for_some * (len(TEST) / len(some))
    benchmark.extra_info["times_as_fast_as_numpy"] = times
    ours = parzen_log_likelihood(TEST[:100], SAMPLES, 0.2).numpy()
    np.testing.assert_allclose(ours, naive(some, samples, 0.2), rtol=1e-9)
    # Issue 4 asks for 100.
    assert times >= 100
