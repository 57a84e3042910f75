"""KID by the subset protocol, as torch-fidelity, torchmetrics and clean-fid compute it."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from metrics.errors import MetricError
from metrics.feature_sets import check_both
from metrics.kernel import TILE_ROWS, Kernel, polynomial_kernel


class SubsetKernelDistance(NamedTuple):
    """What the subset protocol reports."""

    mean: float
    """Over subsets."""
    std: float
    """Over subsets, dividing by their number (ddof 0): not a standard error of the mean."""
    drawing_error: float
    """std / √(subsets − 1): by how much `mean` would move with other subsets of the same features, and only
    that. NaN for a single subset."""


def kernel_distance_subsets(
    features1: Tensor, features2: Tensor, *, subsets: int = 100, size: int = 1000, seed: int = 2020
) -> SubsetKernelDistance:
    """KID by the subset protocol, which most published values follow.

    The unbiased squared MMD of `kernel_distance` on random subsets of both sets, drawn as by torch-fidelity
    0.4.0: subset by subset, first from `features1`, then from `features2`, without replacement, by
    numpy's `RandomState(seed).choice`. clean-fid 0.1.35 draws in the other order and from numpy's global
    state: exchange the sets and use its seed. torchmetrics 1.9 draws by torch's global generator.
    torch-fidelity computes in the features' own float32, this in float64.

    The mean estimates the same as `kernel_distance`, with a larger error. The usual "std" says how much
    *one* subset's value varies; it depends on `size`, does not shrink with more samples or subsets, and is no
    standard error. An honest error of the mean is √(`kernel_distance(...).standard_error`² +
    `drawing_error`²).

    Parameters
    ----------
    features1, features2
        Any float dtype, (n, d) and (m, d), n and m ≥ `size`.
    subsets
        How many, ≥ 1.
    size
        Samples of each set in a subset, ≥ 2.
    seed
        Of the drawing, 0 to 2³² − 1.

    Raises
    ------
    MetricError
        If a set has fewer samples than a subset needs, or an argument is out of range.
    """
    if subsets < 1 or size < 2:
        raise MetricError(f"KID needs at least 1 subset of at least 2 samples, got {subsets} of {size}")
    check_both(features1, features2, size)
    random = np.random.RandomState(seed)
    drawn1: list[Tensor] = []
    drawn2: list[Tensor] = []
    for _ in range(subsets):
        for features, drawn in ((features1, drawn1), (features2, drawn2)):
            drawn.append(torch.from_numpy(random.choice(len(features), size, replace=False)))
    kernel = polynomial_kernel(features1, features2)
    # Either all kernel values once, of which a subset's sum is a quadratic form; or each subset's own.
    if (len(features1) + len(features2)) ** 2 <= subsets * (2 * size) ** 2:
        values = _distances(features1, features2, torch.stack(drawn1), torch.stack(drawn2), kernel)
    else:
        every = torch.arange(size).unsqueeze(0)
        values = torch.cat(
            [
                _distances(
                    features1[i.to(features1.device)], features2[j.to(features2.device)], every, every, kernel
                )
                for i, j in zip(drawn1, drawn2, strict=True)
            ]
        )
    std = float(values.std(correction=0))
    return SubsetKernelDistance(
        mean=float(values.mean()),
        std=std,
        drawing_error=std / math.sqrt(subsets - 1) if subsets > 1 else math.nan,
    )


def _distances(
    features1: Tensor, features2: Tensor, drawn1: Tensor, drawn2: Tensor, kernel: Kernel
) -> Tensor:
    """Unbiased squared MMD of each subset, float64 (b,), given the places (b, size) of its rows."""
    size = drawn1.shape[1]
    in1, in2 = (
        torch.zeros(len(features), len(drawn), dtype=torch.float64)
        .scatter_(0, drawn.T, 1)
        .to(features1.device)
        for features, drawn in ((features1, drawn1), (features2, drawn2))
    )
    within = _sums_within(features1, in1, kernel) + _sums_within(features2.to(features1.device), in2, kernel)
    between = torch.zeros_like(within)
    for start in range(0, len(features1), TILE_ROWS):
        here = slice(start, start + TILE_ROWS)
        x = features1[here].double()
        for other in range(0, len(features2), TILE_ROWS):
            there = slice(other, other + TILE_ROWS)
            tile = kernel(x, features2[there].to(features1.device).double())
            between += (in1[here] * (tile @ in2[there])).sum(0)
    return within / (size * (size - 1)) - 2 * between / size**2


def _sums_within(features: Tensor, members: Tensor, kernel: Kernel) -> Tensor:
    """Sum of the kernel over each subset's pairs of different rows; `members` (n, b) is 1 for those in it."""
    total = torch.zeros(members.shape[1], dtype=torch.float64, device=features.device)
    for start in range(0, len(features), TILE_ROWS):
        here = slice(start, start + TILE_ROWS)
        x = features[here].double()
        tile = kernel(x, x).fill_diagonal_(0)
        total += (members[here] * (tile @ members[here])).sum(0)
        for other in range(start + TILE_ROWS, len(features), TILE_ROWS):
            there = slice(other, other + TILE_ROWS)
            # Above the diagonal, a tile stands for its mirror image too.
            total += 2 * (members[here] * (kernel(x, features[there].double()) @ members[there])).sum(0)
    return total
