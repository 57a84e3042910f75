"""Precision, recall, density and coverage against prdc, torch-fidelity, and scikit-learn's neighbours."""

import numpy as np
import pytest
import sklearn.neighbors
import torch
from torch_fidelity.metric_prc import prc_features_to_metric

from metrics import knn_radii, prdc


def features(seed, n, d, dtype=torch.float64):
    """On a manifold of 12 dimensions, with a little noise."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(12, d, generator=torch.Generator().manual_seed(99)) / 4
    rows = torch.randn(n, 12, generator=generator) * (1 - 0.1 * seed) @ mixing
    return torch.relu(rows + 0.02 * torch.randn(n, d, generator=generator) + 1).to(dtype)


@pytest.mark.parametrize(("n", "m", "d", "k"), [(500, 400, 64, 5), (300, 600, 2048, 3), (400, 400, 4, 10)])
def test_prdc(parity, capsys, n, m, d, k):
    from prdc import compute_prdc

    real, fake = features(1, n, d), features(2, m, d)
    theirs = compute_prdc(real.numpy(), fake.numpy(), k)
    capsys.readouterr()
    ours = prdc(real, fake, k, inclusive=False)
    for name in ("precision", "recall", "density", "coverage"):
        # Their distances come of one float64 product: no two here are equal to 13 digits.
        parity("prdc", f"{name} {n}×{m}×{d}", getattr(ours, name), float(theirs[name]), 1e-12)


@pytest.mark.parametrize(("n", "m", "d"), [(500, 400, 64), (300, 600, 2048)])
def test_torch_fidelity(parity, n, m, d):
    real, fake = features(1, n, d), features(2, m, d)
    # It puts the generated ones first.
    theirs = prc_features_to_metric(
        fake, real, prc_neighborhood=3, prc_batch_size=128, save_cpu_ram=True, verbose=False
    )
    ours = prdc(real, fake, 3, inclusive=True)
    for name in ("precision", "recall"):
        # Their distances are float64, their shares' mean is float32's.
        parity("torch-fidelity", f"{name} {n}×{m}×{d}", getattr(ours, name), theirs[name], 1e-7)


def test_a_collapsed_generator_is_where_the_two_differ(capsys):
    from prdc import compute_prdc

    # Whole numbers: their distances, too, are exact.
    point = torch.full((20, 4), 3.0, dtype=torch.float64)
    open_balls = compute_prdc(point.numpy(), point.numpy(), 3)
    capsys.readouterr()
    closed = prc_features_to_metric(
        point, point, prc_neighborhood=3, prc_batch_size=128, save_cpu_ram=False, verbose=False
    )
    assert prdc(point, point, 3, inclusive=False).precision == open_balls["precision"] == 0
    assert prdc(point, point, 3, inclusive=True).precision == closed["precision"] == 1


@pytest.mark.parametrize(("n", "d", "k"), [(500, 64, 5), (300, 2048, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_radii_are_those_of_scikit_learns_neighbours(parity, dtype, n, d, k):
    x = features(1, n, d, dtype)
    search = sklearn.neighbors.NearestNeighbors(n_neighbors=k + 1, algorithm="kd_tree")
    theirs = search.fit(x.double().numpy()).kneighbors(x.double().numpy())[0][:, k]
    ours = knn_radii(x, k).numpy()
    worst = np.abs(ours / theirs - 1).argmax()
    # Sums of d squares, added up in another order.
    parity("scikit-learn", f"radius {n}×{d} {dtype}", float(ours[worst]), float(theirs[worst]), 1e-13)
