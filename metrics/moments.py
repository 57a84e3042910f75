"""Streaming mean and covariance in float64, mergeable across chunks and processes."""

import torch
from torch import Tensor

from metrics.errors import MetricError

# 4,096 × 2,048 float64 features are 64 MiB: the largest temporary copy that an update makes.
_CHUNK_ROWS = 4096


class Moments:
    """Count, mean and sum of centred outer products of the rows seen so far.

    With mean μ of n rows, the third quantity is M = Σ (x − μ)(x − μ)ᵀ, and the covariance is
    M / (n − 1). Two sets a and b are joined as in Chan, Golub & LeVeque (1979): δ = μ_b − μ_a,

        μ = μ_a + δ n_b / n,    M = M_a + M_b + δ δᵀ n_a n_b / n.

    Each chunk is centred on its own mean before its products are summed, so the error follows the
    spread of the rows and not the square of their distance from the origin.

    Parameters
    ----------
    n
        Number of rows.
    mean
        float64 (d,).
    scatter
        M, float64 (d, d).
    """

    def __init__(self, n: int, mean: Tensor, scatter: Tensor) -> None:
        self.n = n
        self.mean = mean
        self.scatter = scatter

    @classmethod
    def empty(cls, dim: int) -> "Moments":
        """Return the moments of no rows of `dim` features, to be updated."""
        zeros = torch.zeros(dim, dtype=torch.float64)
        return cls(0, zeros, torch.zeros(dim, dim, dtype=torch.float64))

    @classmethod
    def of(cls, features: Tensor) -> "Moments":
        """Return the moments of the rows of `features`, any float dtype, (n, d)."""
        moments = cls.empty(features.shape[1] if features.ndim == 2 else 0)
        moments.update(features)
        return moments

    def update(self, features: Tensor) -> None:
        """Add the rows of `features`: any float dtype and device, (n, d), finite.

        Raises
        ------
        MetricError
            If the shape or dtype is another, or a value is not finite; nothing is then added.
        """
        check_rows(features, self.mean.shape[0])
        for chunk in torch.split(features, _CHUNK_ROWS):
            rows = chunk.to(device=self.mean.device, dtype=torch.float64)
            if rows.shape[0] == 0:
                continue
            mean = rows.mean(dim=0)
            centred = rows - mean
            self.merge(Moments(rows.shape[0], mean, centred.T @ centred))

    def merge(self, other: "Moments") -> None:
        """Add the rows that `other` has seen; `other` stays as it is.

        Raises
        ------
        MetricError
            If the two are of different dimension.
        """
        if other.mean.shape != self.mean.shape:
            raise MetricError(
                f"moments of {other.mean.shape[0]} features can't be merged into moments of "
                f"{self.mean.shape[0]}"
            )
        n = self.n + other.n
        if n == 0:
            return
        delta = other.mean - self.mean
        self.mean = self.mean + delta * (other.n / n)
        self.scatter = self.scatter + other.scatter + torch.outer(delta, delta) * (self.n * other.n / n)
        self.n = n

    @property
    def covariance(self) -> Tensor:
        """Unbiased covariance M / (n − 1), float64 (d, d), symmetric to the last bit.

        Raises
        ------
        MetricError
            If fewer than two rows were seen.
        """
        if self.n < 2:
            raise MetricError(f"a covariance needs at least 2 samples, got {self.n}")
        # On some processors XᵀX is not: what stands at (i, j) and at (j, i) is summed in different orders.
        return (self.scatter + self.scatter.T) / (2 * (self.n - 1))


def check_rows(features: Tensor, dim: int) -> None:
    """Raise MetricError unless `features` are finite floats (n, dim); n may be 0."""
    if features.ndim != 2 or features.shape[1] != dim or not features.is_floating_point():
        raise MetricError(
            f"features must be floats of shape (n, {dim}), "
            f"got {features.dtype} of shape {tuple(features.shape)}"
        )
    if not torch.isfinite(features).all():
        raise MetricError("features must be finite, got NaN or infinity")
