"""Fréchet distance between two Gaussians, and its bootstrap over the generated features."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from metrics.errors import MetricError

# Rounding leaves a covariance asymmetric by about 1e-16 of its largest entry in float64 and 1e-7 in
# float32; a matrix beyond this is not a covariance, and eigh would read half of it without a word.
_ASYMMETRY = 1e-5


def frechet_distance(
    mean1: Tensor | NDArray[Any],
    cov1: Tensor | NDArray[Any],
    mean2: Tensor | NDArray[Any],
    cov2: Tensor | NDArray[Any],
) -> float:
    """Squared Fréchet (2-Wasserstein) distance between two Gaussians.

        d² = ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁ Σ₂)^½

    (Dowson & Landau 1982; on Inception features this is FID, Heusel et al. 2017, arXiv 1706.08500,
    equation 6). With Σ₁ = R Rᵀ from a symmetric eigendecomposition, the eigenvalues of Σ₁Σ₂ are
    those of the symmetric RᵀΣ₂R: never complex. Those that rounding has made negative count as 0.
    When there are fewer samples than dimensions, expect an error of about 1e-7 of the traces.

    Parameters
    ----------
    mean1, mean2
        (d,), converted to float64.
    cov1, cov2
        Symmetric positive semi-definite (d, d), converted to float64.

    Returns
    -------
    float
        The distance in squared feature units, ≥ 0.

    Raises
    ------
    MetricError
        If the shapes do not match, a value is not finite, or a covariance is not symmetric.
    """
    mu1, sigma1 = _gaussian(mean1, cov1, "first")
    mu2, sigma2 = _gaussian(mean2, cov2, "second")
    if mu1.shape != mu2.shape:
        raise MetricError(
            f"the two Gaussians must have the same dimension, got {mu1.shape[0]} and {mu2.shape[0]}"
        )
    return frechet_to_root(mu1, covariance_root(sigma1), mu2, sigma2)


def frechet_to_root(mean1: Tensor, root1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """`frechet_distance` where the first covariance is given by its `covariance_root`.

    A reference's root is half the work, and is the same whatever is compared with it. All float64,
    (d,) and (d, d); not checked.
    """
    distance = (
        (mean1 - mean2).square().sum()
        + root1.square().sum()
        + cov2.trace()
        - 2 * _trace_of_root(root1.T @ cov2 @ root1)
    )
    return max(0.0, float(distance))


def covariance_root(covariance: Tensor) -> Tensor:
    """R with R Rᵀ = Σ, float64 (d, d); slightly negative eigenvalues of Σ count as 0."""
    eigenvalues, eigenvectors = torch.linalg.eigh(covariance)
    return eigenvectors * eigenvalues.clamp(min=0).sqrt()


def bootstrap_frechet(
    features: Tensor, mean: Tensor, root: Tensor, *, resamples: int, generator: torch.Generator
) -> Tensor:
    """Fréchet distances of resampled generated features from a reference that stays fixed.

    The features are multiplied by R once, so that a resample costs one weighted covariance and one
    `eigvalsh`.

    Parameters
    ----------
    features
        Generated features, any float dtype, (n, d), n ≥ 2.
    mean, root
        The reference's mean, float64 (d,), and `covariance_root` of its covariance.
    resamples
        How many times n of the n rows are drawn with replacement.
    generator
        Draws the rows.

    Returns
    -------
    Tensor
        float64 (resamples,), squared feature units.
    """
    rows = features.to(device=mean.device, dtype=torch.float64)
    n = rows.shape[0]
    centre = rows.mean(dim=0)
    centred = rows - centre
    squared_norms = centred.square().sum(dim=1)
    projected = centred @ root
    reference_trace = root.square().sum()
    distances = []
    for _ in range(resamples):
        drawn = torch.randint(n, (n,), generator=generator, device=generator.device)
        counts = torch.bincount(drawn.to(mean.device), minlength=n).to(torch.float64)
        # A bootstrap leaves out 37 % of the rows: the products below skip them.
        kept = counts.nonzero().squeeze(1)
        weights = counts[kept]
        shift = weights @ centred[kept] / n
        projected_shift = shift @ root
        weighted = projected[kept] * weights.sqrt().unsqueeze(1)
        product = weighted.T @ weighted - n * torch.outer(projected_shift, projected_shift)
        trace = (weights @ squared_norms[kept] - n * shift.square().sum()) / (n - 1)
        distances.append(
            (centre + shift - mean).square().sum()
            + reference_trace
            + trace
            - 2 * _trace_of_root(product / (n - 1))
        )
    return torch.stack(distances).clamp(min=0)


def _trace_of_root(product: Tensor) -> Tensor:
    """Sum of the square roots of the eigenvalues of a symmetric matrix, negative ones as 0."""
    return torch.linalg.eigvalsh(product).clamp(min=0).sqrt().sum()


def _gaussian(
    mean: Tensor | NDArray[Any], covariance: Tensor | NDArray[Any], which: str
) -> tuple[Tensor, Tensor]:
    """Check one Gaussian and convert it to float64."""
    mu = torch.as_tensor(mean, dtype=torch.float64)
    sigma = torch.as_tensor(covariance, dtype=torch.float64)
    if mu.ndim != 1 or mu.shape[0] == 0 or sigma.shape != (mu.shape[0], mu.shape[0]):
        raise MetricError(
            f"the {which} Gaussian must have a mean of shape (d,) and a covariance of shape "
            f"(d, d), got {tuple(mu.shape)} and {tuple(sigma.shape)}"
        )
    if not (torch.isfinite(mu).all() and torch.isfinite(sigma).all()):
        raise MetricError(f"the {which} Gaussian must be finite, got NaN or infinity")
    if (sigma - sigma.T).abs().max() > _ASYMMETRY * sigma.abs().max():
        raise MetricError(f"the {which} covariance must be symmetric, and this one is not")
    return mu, (sigma + sigma.T) / 2
