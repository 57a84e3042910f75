"""Where the generator's input comes from, z of shape (n, nz), float32, and walks between two of them.

Which walk suits which noise: two normal draws are nearly orthogonal and of length √nz, and so is every
point of the spherical walk between them, while the middle of the linear one is shorter by √2: a length
that G has practically never seen (the tent pole of White, arXiv 1609.04468). Uniform noise fills a cube.
A linear walk stays inside it, because a cube is convex, but has its middle nearer to the centre than
draws are; a spherical walk keeps the length and leaves the cube: half-way, a twelfth of the coordinates
lie outside it, reaching up to √2 times the bound. White uses it for both.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gans.errors import VariantError
from gans.pieces import Piece, require_positive

# Below this sine of the angle between two latents the spherical formula is 0 / 0, or nearly: at angles
# below 1e-6, where the two walks differ by less than float32 can tell, and as close to π, where there is no
# one arc.
SMALLEST_SINE = 1e-6


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


def linear_walk(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """The straight lines from `start` to `end`, both of them included: (1 − μ) start + μ end.

    Parameters
    ----------
    start, end
        Latents, float32 `(n, nz)`.
    steps
        Points on each line, at least 2, evenly spaced.

    Returns
    -------
    Tensor
        float32 `(n, steps, nz)`; the first and the last point are `start` and `end` to the bit.

    Raises
    ------
    VariantError
        If the shapes differ, or for fewer than 2 steps.
    """
    a, b, mu = _prepared(start, end, steps)
    return ((1 - mu) * a + mu * b).to(start.dtype)


def spherical_walk(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """The great-circle arcs from `start` to `end`, both of them included.

    White 2016 (arXiv 1609.04468, §2.1, after Shoemake 1985), with θ the angle between the two:

        [sin((1 − μ) θ) start + sin(μ θ) end] / sin θ

    Steps are of equal angle if the two are equally long; otherwise the length goes from one to the other.
    Where there is no one arc, as in White's code, it is the straight line: between latents in the same
    direction; between opposite ones (every great circle through both is as short: the line goes through
    0); from or to 0, which has no direction; and so always for nz = 1.

    Parameters, result and errors are those of `linear_walk`.
    """
    a, b, mu = _prepared(start, end, steps)
    lengths = a.norm(dim=2, keepdim=True) * b.norm(dim=2, keepdim=True)
    cosine = (a * b).sum(2, keepdim=True) / lengths.clamp(min=torch.finfo(torch.float64).tiny)
    theta = cosine.clamp(-1, 1).acos()
    sine = theta.sin()
    arc = (((1 - mu) * theta).sin() * a + (mu * theta).sin() * b) / sine
    line = (1 - mu) * a + mu * b
    return torch.where((sine < SMALLEST_SINE) | (lengths == 0), line, arc).to(start.dtype)


def _prepared(start: Tensor, end: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Start and end, float64 `(n, 1, nz)`, and μ from 0 to 1, `(1, steps, 1)`."""
    if start.dim() != 2 or start.shape != end.shape:
        raise VariantError(
            f"A walk needs a start and an end of one shape (n, nz), not {tuple(start.shape)} and "
            f"{tuple(end.shape)}."
        )
    if steps < 2:
        raise VariantError(f"A walk has at least 2 steps, its start and its end, not {steps}.")
    mu = torch.linspace(0, 1, steps, dtype=torch.float64, device=start.device)
    return start.double()[:, None], end.double()[:, None], mu[None, :, None]
