"""KID and CMMD against torch-fidelity, torchmetrics, clean-fid, and CMMD's published formula."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_kid import kid_features_to_metric

from metrics import Reference, cmmd, kernel_distance, kernel_distance_subsets, load_extractor, score

N1, N2, D = 400, 350, 64


def features(seed, n, dtype, d=D):
    """Correlated and never negative, as a network's are."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(16, d, generator=torch.Generator().manual_seed(99)) / 4
    rows = torch.randn(n, 16, generator=generator) @ mixing + 0.1 * torch.randn(n, d, generator=generator)
    return torch.relu(rows + 0.05 * seed).to(dtype)


def torchmetrics_kid(x, y, **settings):
    from torchmetrics.image.kid import KernelInceptionDistance

    with pytest.warns(UserWarning, match="buffer"):
        metric = KernelInceptionDistance(feature=torch.nn.Identity(), **settings)
    metric.set_dtype(x.dtype)
    metric.update(x, real=True)
    metric.update(y, real=False)
    return tuple(float(value) for value in metric.compute())


# In float64, sums of 1e4 kernel values of about 1 for a distance of about 1e-2. torch-fidelity,
# torchmetrics and clean-fid keep float32 features float32: their own rounding, 6e-8 of such a sum, over the
# distance.
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-11), (torch.float32, 1e-3)])
def test_torch_fidelitys_subsets(parity, dtype, bound):
    x, y = features(1, N1, dtype), features(2, N2, dtype)
    ours = kernel_distance_subsets(x, y, subsets=20, size=100, seed=2020)
    theirs = kid_features_to_metric(x, y, kid_subsets=20, kid_subset_size=100, rng_seed=2020, verbose=False)
    name = str(dtype).removeprefix("torch.")
    parity("torch-fidelity", f"KID mean {name}", ours.mean, theirs["kernel_inception_distance_mean"], bound)
    parity("torch-fidelity", f"KID std {name}", ours.std, theirs["kernel_inception_distance_std"], bound)


def test_torch_fidelitys_one_subset_of_everything(parity):
    x, y = features(1, N2, torch.float64), features(2, N2, torch.float64)
    theirs = kid_features_to_metric(x, y, kid_subsets=1, kid_subset_size=N2, verbose=False)
    ours = kernel_distance(x, y).value
    parity("torch-fidelity", "KID all pairs", ours, theirs["kernel_inception_distance_mean"], 1e-11)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-11), (torch.float32, 1e-3)])
def test_torchmetrics_subsets(parity, monkeypatch, dtype, bound):
    x, y = features(1, N1, dtype), features(2, N2, dtype)
    ours = kernel_distance_subsets(x, y, subsets=20, size=100, seed=5)
    # It takes the first of torch's global permutation; here, those that numpy's state draws.
    random = np.random.RandomState(5)
    monkeypatch.setattr(torch, "randperm", lambda n: torch.from_numpy(random.choice(n, 100, replace=False)))
    mean, std = torchmetrics_kid(x, y, subsets=20, subset_size=100)
    name = str(dtype).removeprefix("torch.")
    parity("torchmetrics", f"KID mean {name}", ours.mean, mean, bound)
    parity("torchmetrics", f"KID std {name}", ours.std, std, bound)


def test_torchmetrics_one_subset_of_everything(parity):
    x, y = features(1, N2, torch.float64), features(2, N2, torch.float64)
    mean, _ = torchmetrics_kid(x, y, subsets=1, subset_size=N2)
    parity("torchmetrics", "KID all pairs", kernel_distance(x, y).value, mean, 1e-11)


@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-11), (np.float32, 1e-3)])
def test_clean_fids_subsets(parity, dtype, bound):
    from cleanfid import fid

    x, y = (features(seed, n, torch.float64).numpy().astype(dtype) for seed, n in ((1, N1), (2, N2)))
    state = np.random.get_state()
    try:
        np.random.seed(2020)
        theirs = fid.kernel_distance(x, y, num_subsets=20, max_subset_size=100)
    finally:
        np.random.set_state(state)
    # It draws from the second set first.
    ours = kernel_distance_subsets(torch.from_numpy(y), torch.from_numpy(x), subsets=20, size=100, seed=2020)
    parity("clean-fid", f"KID {dtype.__name__}", ours.mean, theirs, bound)


def test_cmmd_is_the_published_formula(parity):
    x, y = (features(seed, n, torch.float64, d=512).numpy() for seed, n in ((1, N1), (2, N2)))
    a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, y))

    def mean_kernel(u, v):
        squared = (u**2).sum(1)[:, None] + (v**2).sum(1)[None] - 2 * u @ v.T
        return np.exp(-squared / (2 * 10**2)).mean()

    theirs = 1000 * (mean_kernel(a, a) + mean_kernel(b, b) - 2 * mean_kernel(a, b))
    # The formula's three means near 1, of 1e-16 each, times 1000, over a distance of about .1.
    parity("CMMD's formula", "CMMD", cmmd(torch.from_numpy(x), torch.from_numpy(y)).value, theirs, 1e-10)


def test_the_named_protocol_draws_torch_fidelitys_subsets(parity, monkeypatch):
    """Through `score`: torch-fidelity's first pile is the generated one."""
    generator = torch.Generator().manual_seed(5)
    piles = [
        torch.randint(0, high, (1100, 1, 16, 16), generator=generator, dtype=torch.uint8)
        for high in (256, 200)
    ]
    extractor = load_extractor("digits-classifier")
    monkeypatch.setattr(extractor, "preprocessing", "torch-fidelity", raising=False)
    fake, real = piles
    ours = score(fake, Reference("noise", real), ["kid"], extractor=extractor, convention="torch-fidelity")
    theirs = kid_features_to_metric(
        extractor.extract(fake).features.double(), extractor.extract(real).features.double(), verbose=False
    )
    # Float64 on both sides; the values are of order 1e3.
    mean = theirs["kernel_inception_distance_mean"]
    parity("torch-fidelity", "KID by its named protocol", ours["kid"].value, mean, 1e-11)
