"""Fréchet distance against scipy's matrix square root and torch-fidelity's eigenvalues."""

import numpy as np
import pytest
import scipy.linalg
from torch_fidelity.metric_fid import fid_statistics_to_metric

from metrics import frechet_distance


def features(seed, n, dim):
    """Correlated features whose covariance has eigenvalues spread over several decades."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dim, dim)) * np.logspace(0, -2, dim)
    return rng.normal(size=(n, dim)) @ mixing + rng.normal(size=dim)


def statistics(rows):
    return rows.mean(0), np.cov(rows, rowvar=False)


@pytest.mark.parametrize(
    ("dim", "n", "tolerance"),
    [
        # Full rank: all three are accurate to a few ε times the condition number, 1e4 to 1e6.
        (1, 50, 1e-9),
        (16, 200, 1e-9),
        (64, 500, 1e-9),
        # Fewer samples than dimensions: each takes the root of rounding at the zero eigenvalues,
        # about √1e-16 of the trace in each of 40 of them; the references are the inexact side.
        (64, 24, 1e-5),
    ],
)
def test_against_scipy_and_torch_fidelity(dim, n, tolerance):
    mean1, cov1 = statistics(features(0, n, dim))
    mean2, cov2 = statistics(features(1, n, dim))
    cov1, cov2 = np.atleast_2d(cov1), np.atleast_2d(cov2)
    ours = frechet_distance(mean1, cov1, mean2, cov2)
    # As pytorch-fid does for singular products.
    root = scipy.linalg.sqrtm(cov1 @ cov2 + 1e-14 * np.eye(dim)).real
    scipy_distance = np.sum((mean1 - mean2) ** 2) + np.trace(cov1 + cov2 - 2 * root)
    theirs = fid_statistics_to_metric({"mu": mean1, "sigma": cov1}, {"mu": mean2, "sigma": cov2}, False)[
        "frechet_inception_distance"
    ]
    scale = np.trace(cov1) + np.trace(cov2)
    assert abs(ours - scipy_distance) <= tolerance * scale
    assert abs(ours - theirs) <= tolerance * scale
