"""Parzen-window log-likelihood of Goodfellow et al. (2014)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from metrics.errors import MetricError

GOODFELLOW_GRID: tuple[float, ...] = tuple(10 ** (i / 9 - 1) for i in range(10))
"""The ten σ of the original code, numpy.logspace(-1, 0, 10)."""

WIDE_GRID: tuple[float, ...] = tuple(10 ** (i / 20 - 2) for i in range(61))
"""61 σ, numpy.logspace(-2, 1, 61): finer and wider, for piles whose best σ the original's ten miss.

Another protocol: its values do not compare with those of `GOODFELLOW_GRID`.
"""

# A term e^x of the sum, relative to its largest term e^0, is raised to e^−80 where x is below −80:
# `exp` on a CPU is 50 times slower where its result underflows. The sum is at least 1, so n terms
# change its logarithm by less than n·e^−80 = n · 1.8e-35 nats: nothing, in float64.
_EXPONENT_FLOOR = -80.0

# Products are computed in tiles of this size: 1,024 × 4,096 float64 values are 32 MiB, large enough for
# a matrix product at its full rate.
_TEST_ROWS = 1024
_SAMPLE_ROWS = 4096

# Several passes over a tile turn it into sums, for each σ. These go by bands of so many values for each
# thread, 1 MiB, which stay in a core's cache. Smaller ones would make threads wait for one another more
# often, which on a busy machine costs a time slice each. All go into memory that is asked for once: fresh
# pages cost as much as `exp`.
_BAND = 2**17


def parzen_log_likelihood(test: Tensor, samples: Tensor, sigma: float) -> Tensor:
    """Log-density of each test point under a Gaussian window around each sample.

        log p(x) = log[(1/n) Σ_j exp(−‖x − s_j‖² / 2σ²)] − d log(σ √(2π))

    (Goodfellow et al. 2014, arXiv 1406.2661, section 5, and `parzen_ll.py` of the authors' code.)
    Everything is float64, within 1e-9 nats for images and σ ≥ .05: float32 is off by 3e-3 nats and
    TF32 by .3. In general the error is about 1e-15 R²/σ², R being the spread of the samples: 1e-6 of the
    value or less at any σ, because the value itself grows as 1/σ². The order of the samples and how they
    are cut into tiles change no more than that.

    Parameters
    ----------
    test
        Any float dtype, (n_test, d): images flattened and scaled to [0, 1], or points.
    samples
        Generated, in the same units, (n, d).
    sigma
        Width of the window in those units, > 0.

    Returns
    -------
    Tensor
        float64 (n_test,), nats, in the order of `test`, on its device.

    Raises
    ------
    MetricError
        If a shape, a dtype or σ does not fit, or a value is not finite.
    """
    _check(test, "test data")
    _check(samples, "samples")
    return _log_likelihoods(test, samples, (sigma,))[0]


def select_sigma(validation: Tensor, samples: Tensor, grid: Sequence[float]) -> float:
    """Return the σ of `grid` under which the validation data are most likely on average.

    That is where `sigma_curve` is highest; parameters and errors are its own.
    """
    return float(grid[int(sigma_curve(validation, samples, grid).argmax())])


def sigma_curve(validation: Tensor, samples: Tensor, grid: Sequence[float]) -> Tensor:
    """Mean log-likelihood of the validation data under each σ of `grid`.

    All σ are tried in one pass over the distances.

    Parameters
    ----------
    validation
        Any float dtype, (n_validation, d), in the units of `samples`.
    samples
        Generated, (n, d).
    grid
        The σ to try, each > 0; `GOODFELLOW_GRID` is the original's.

    Returns
    -------
    Tensor
        float64 (len(grid),), nats.

    Raises
    ------
    MetricError
        As `parzen_log_likelihood`, or if `grid` is empty.
    """
    _check(validation, "validation data")
    _check(samples, "samples")
    if len(grid) == 0:
        raise MetricError("a Parzen window needs at least one σ to choose from, got an empty grid")
    return _log_likelihoods(validation, samples, grid).mean(dim=1)


def _log_likelihoods(test: Tensor, samples: Tensor, sigmas: Sequence[float]) -> Tensor:
    """float64 (len(sigmas), n_test) from one pass over the distances."""
    if test.shape[1] != samples.shape[1]:
        raise MetricError(
            f"test data and samples must have the same dimension, got {test.shape[1]} and {samples.shape[1]}"
        )
    for sigma in sigmas:
        if not (sigma > 0 and math.isfinite(sigma)):
            raise MetricError(f"σ must be positive and finite, got {sigma}")
    s = samples.to(device=test.device, dtype=torch.float64)
    # ‖x − s‖² = ‖x‖² + ‖s‖² − 2 x·s loses digits when both lie far from the origin.
    centre = s.mean(dim=0)
    s = s - centre
    s_norms = s.square().sum(dim=1)
    s = s.mul_(-2)
    memory = s.new_empty(min(_TEST_ROWS, test.shape[0]) * min(_SAMPLE_ROWS, s.shape[0]))
    blocks = []
    for block in torch.split(test, _TEST_ROWS):
        x = block.to(torch.float64) - centre
        blocks.append(_log_sums(x, s, s_norms, sigmas, memory))
    n, dim = s.shape
    offsets = torch.tensor(
        [math.log(n) + dim * math.log(sigma * math.sqrt(2 * math.pi)) for sigma in sigmas],
        dtype=torch.float64,
        device=test.device,
    )
    return torch.cat(blocks, dim=1) - offsets.unsqueeze(1)


def _log_sums(
    x: Tensor, minus_2s: Tensor, s_norms: Tensor, sigmas: Sequence[float], memory: Tensor
) -> Tensor:
    """Return log Σ_j exp(−‖x − s_j‖² / 2σ²) for each σ and each row of x, float64 (len(sigmas), n_x).

    The largest term belongs to the nearest sample whatever σ is, so one running minimum of the
    distances serves every σ. ‖x‖² is the same for all samples, and comes in at the end.
    """
    scales = [-0.5 / sigma**2 for sigma in sigmas]
    nearest = x.new_full((x.shape[0], 1), torch.inf)
    sums = x.new_zeros(len(sigmas), x.shape[0], 1)
    # A GPU has no such cache, and wants few large kernels.
    band = _BAND * torch.get_num_threads() if x.device.type == "cpu" else memory.shape[0]
    band_memory = x.new_empty(2, min(band, memory.shape[0]))
    for start in range(0, minus_2s.shape[0], _SAMPLE_ROWS):
        columns = slice(start, start + _SAMPLE_ROWS)
        width = s_norms[columns].shape[0]
        products = memory[: x.shape[0] * width].view(x.shape[0], width)
        torch.mm(x, minus_2s[columns].T, out=products)
        height = max(1, band // width)
        for top in range(0, x.shape[0], height):
            rows = slice(top, top + height)
            excess, terms = band_memory[:, : products[rows].numel()].view(2, -1, width)
            torch.add(products[rows], s_norms[columns], out=excess)
            closer = torch.minimum(nearest[rows], excess.amin(dim=1, keepdim=True))
            excess.sub_(closer)
            # The old sums were relative to the old nearest; exp(−inf) = 0 starts the first tile.
            faded = nearest[rows] - closer
            for total, scale in zip(sums, scales, strict=True):
                torch.mul(excess, scale, out=terms).clamp_(min=_EXPONENT_FLOOR).exp_()
                total[rows] = total[rows] * (faded * scale).exp() + terms.sum(dim=1, keepdim=True)
            nearest[rows] = closer
    nearest = nearest + x.square().sum(dim=1, keepdim=True)
    return torch.stack(
        [(total.log() + scale * nearest).squeeze(1) for total, scale in zip(sums, scales, strict=True)]
    )


def _check(points: Tensor, what: str) -> None:
    if points.ndim != 2 or 0 in points.shape or not points.is_floating_point():
        raise MetricError(
            f"the {what} of a Parzen window must be floats of shape (n, d) with n, d ≥ 1, "
            f"got {points.dtype} of shape {tuple(points.shape)}"
        )
    # `aminmax` passes NaN on, and needs one pass and no memory.
    if not torch.isfinite(torch.stack(points.aminmax())).all():
        raise MetricError(f"the {what} of a Parzen window must be finite, got NaN or infinity")
