"""The baseline that any generator must beat: a full-covariance Gaussian fitted to the pixels."""

import torch
from torch import Tensor


def gaussian_samples(images: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Draw n uint8 images from N(mean, covariance) of the training images' pixels, rounded and clipped."""
    pixels = images.flatten(1).double()
    values, vectors = torch.linalg.eigh(torch.cov(pixels.T))
    root = vectors * values.clamp(min=0).sqrt()
    noise = torch.randn(n, pixels.shape[1], generator=generator, dtype=torch.float64)
    drawn = pixels.mean(0) + noise @ root.T
    return drawn.round().clamp(0, 255).to(torch.uint8).view(n, *images.shape[1:])
