"""Where the generator's input comes from: z of shape (n, nz), float32."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gans.pieces import Piece, require_positive


@dataclass(frozen=True, kw_only=True)
class Noise(Piece):
    """The slot of latent distributions; `nz` is the latent size."""

    nz: int = 100

    def __post_init__(self) -> None:
        require_positive(self, nz=self.nz)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw z, float32 `(n, nz)`, on the generator's own device."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Normal(Noise, kind="normal"):
    """z ~ N(0, 1)."""

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw z ~ N(0, 1)."""
        return torch.randn(n, self.nz, generator=generator, device=generator.device)


@dataclass(frozen=True, kw_only=True)
class Uniform(Noise, kind="uniform"):
    """z ~ U(−bound, bound); bound √3 gives unit variance, as in GAN 2014."""

    bound: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, bound=self.bound)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw z ~ U(−bound, bound)."""
        z = torch.rand(n, self.nz, generator=generator, device=generator.device)
        return z.mul_(2 * self.bound).sub_(self.bound)
