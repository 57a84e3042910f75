"""Piles of images that no GAN made, for what a Parzen-window log-likelihood makes of them."""

from collections.abc import Callable, Mapping

import torch
from sklearn.cluster import KMeans
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

NOISE_STD = 0.1
"""Of the noise on training images, a tenth of the range of a pixel."""

BLUR_PIXELS = 0.7
"""Standard deviation of the blur."""

ROUNDS = 10
"""Of Lloyd's algorithm: with some five images a centroid, more move the centroids little."""


def blurred(train: Tensor, n: int, _: torch.Generator) -> Tensor:
    """The first n training images, blurred."""
    return gaussian_blur(train[:n], kernel_size=7, sigma=BLUR_PIXELS)


def noised(train: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """The first n training images with Gaussian noise on every pixel, not cut to [0, 1]."""
    images = train[:n]
    return images + NOISE_STD * torch.randn(images.shape, generator=generator, dtype=images.dtype)


def centroids(train: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """As many centroids of all training images by k-means: means of similar images, and so blurred."""
    seed = int(torch.randint(2**31, (), generator=generator))
    fitted = KMeans(n, init="random", n_init=1, max_iter=ROUNDS, random_state=seed)
    fitted.fit(train.flatten(start_dim=1).float().numpy())
    return torch.from_numpy(fitted.cluster_centers_).to(train.dtype)


def gaussian(train: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Draws of the Gaussian with the mean and covariance of all training images, not cut to [0, 1]."""
    rows = train.flatten(start_dim=1)
    values, vectors = torch.linalg.eigh(torch.cov(rows.T))
    drawn = torch.randn(n, rows.shape[1], generator=generator, dtype=rows.dtype)
    # Pixels that are always 0 have no variance, and rounding may take theirs below 0.
    return rows.mean(dim=0) + (drawn * values.clamp(min=0).sqrt()) @ vectors.T


def noise(train: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Uniform noise on [0, 1]."""
    return torch.rand(n, *train.shape[1:], generator=generator, dtype=train.dtype)


PILES: Mapping[str, Callable[[Tensor, int, torch.Generator], Tensor]] = {
    "training images": lambda train, n, _: train[:n],
    f"training images, blurred by {BLUR_PIXELS:g} px": blurred,
    f"training images + noise of {NOISE_STD:g}": noised,
    "k-means centroids": centroids,
    "Gaussian of the data": gaussian,
    "uniform noise": noise,
}
"""Name → function of the training images, float64 `(N, C, H, W)` in [0, 1], of how many are wanted, `n ≤ N`,
and of a generator on the CPU: float64 `(n, C, H, W)`, or flattened."""
