"""The nearest real samples of generated ones, in pixel space: an exact search."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from metrics.errors import MetricError

# Distances are computed in tiles of this size: 512 × 2,048 float64 values are 8 MiB.
_SAMPLE_ROWS = 512
_REAL_ROWS = 2048


class Nearest(NamedTuple):
    """The k nearest of each sample: `distances` float64, `indices` int64, `(n, k)`, nearest first."""

    distances: Tensor
    indices: Tensor


def nearest_neighbours(samples: Tensor, real: Tensor | Iterable[Tensor], k: int) -> Nearest:
    """Find the k real samples nearest to each generated one, by Euclidean distance over all values.

    What the last column of figure 2 of Goodfellow et al. (2014, arXiv 1406.2661) shows, "in order to
    demonstrate that the model has not memorized the training set".

    The search is exact, and so are its ties: the distance of a copy is 0, and of real samples that are
    equally far the first comes first. For uint8 images ‖x − y‖² = ‖x‖² + ‖y‖² − 2 x·y is a whole number,
    and float64 holds it, and every sum on the way, exactly up to 2⁵³ (float32 only to 2²⁴, the distance
    of black from white at 258 pixels). For floats, where that formula would lose digits, differences are
    taken first.

    Parameters
    ----------
    samples
        uint8 images or floats such as points, (n, …).
    real
        The same kind of samples, (m, …): one tensor, or tensors to be read one after another, for data
        that do not fit in memory.
    k
        How many, 1 ≤ k ≤ m.

    Returns
    -------
    Nearest
        Distances in the samples' own units (grey levels of 0 to 255 for uint8), and the places in `real`.

    Raises
    ------
    MetricError
        If kinds, shapes or k do not fit, or a value is not finite.
    """
    if k < 1:
        raise MetricError(f"the number of nearest neighbours must be at least 1, got {k}")
    _check(samples, samples, "samples")
    n = len(samples)
    squared = torch.full((n, k), torch.inf, dtype=torch.float64)
    indices = torch.full((n, k), -1, dtype=torch.int64)
    seen = 0
    for chunk in (real,) if isinstance(real, Tensor) else real:
        _check(chunk, samples, "real samples")
        for part in torch.split(chunk, _REAL_ROWS):
            y = part.flatten(1).cpu().double()
            for start in range(0, n, _SAMPLE_ROWS):
                rows = slice(start, start + _SAMPLE_ROWS)
                x = samples[rows].flatten(1).cpu().double()
                tile = _squared_distances(x, y, whole=samples.dtype == torch.uint8)
                _merge(squared[rows], indices[rows], tile, seen)
            seen += len(part)
    if k > seen:
        raise MetricError(f"there are {seen} real samples: fewer than the {k} nearest that were asked for")
    return Nearest(squared.sqrt(), indices)


def _squared_distances(x: Tensor, y: Tensor, *, whole: bool) -> Tensor:
    if not whole:
        distances = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
        return distances.square()
    norms = x.square().sum(1, keepdim=True) + y.square().sum(1)
    return torch.addmm(norms, x, y.T, alpha=-2)


def _merge(squared: Tensor, indices: Tensor, tile: Tensor, first: int) -> None:
    """Put what is nearer in `tile`, whose columns are the real samples from `first` on, in its place."""
    # An equal distance further on changes nothing: the first comes first. Soon few rows are left to sort.
    nearer = (tile.amin(1) < squared[:, -1]).nonzero().squeeze(1)
    if len(nearer) == 0:
        return
    k = squared.shape[1]
    candidates = torch.cat((squared[nearer], tile[nearer]), 1)
    order = candidates.sort(dim=1, stable=True).indices[:, :k]
    places = torch.arange(first, first + tile.shape[1]).expand(len(nearer), -1)
    squared[nearer] = candidates.gather(1, order)
    indices[nearer] = torch.cat((indices[nearer], places), 1).gather(1, order)


def _check(values: Tensor, like: Tensor, what: str) -> None:
    kind = "uint8" if like.dtype == torch.uint8 else "floats"
    fits = values.is_floating_point() if kind == "floats" else values.dtype == torch.uint8
    if values is like:
        kind = "uint8 or floats"
    if not fits or values.ndim < 2 or len(values) == 0 or values.shape[1:] != like.shape[1:]:
        shape = "(n, …)" if values is like else f"(n, {', '.join(map(str, like.shape[1:]))})"
        raise MetricError(
            f"the {what} must be {kind} of shape {shape} with n ≥ 1, "
            f"got {str(values.dtype).removeprefix('torch.')} of shape {tuple(values.shape)}"
        )
    if values.is_floating_point() and not torch.isfinite(values).all():
        raise MetricError(f"the {what} must be finite, got NaN or infinity")
