"""What the trainer asks of a pair of networks.

G maps z, float `(n, nz)`, to samples in the network's range: images `(n, C, H, W)` in [−1, 1] or
points `(n, 2)`. D maps samples to raw outputs `(n,)`: logits or critic values, never probabilities.

A network that needs randomness in its forward (dropout) declares it: its `draws` attribute holds one
shape a draw and sample, and its forward takes the tensors as a second argument, uniform in [0, 1).
The trainer draws them from the cell's own generator, outside anything compiled, so that eager and
compiled runs see the same masks and a resumed run goes on with the right ones.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gans.pieces import Piece

Shape = tuple[int, ...]  # (C, H, W) of images, or (2,) of points


@dataclass(frozen=True, kw_only=True)
class Network(Piece):
    """The slot of generator-discriminator pairs."""

    def build(self, shape: Shape, nz: int) -> tuple[nn.Module, nn.Module]:
        """Initialised (G, D) on the CPU for samples of this shape.

        Initialisation may use torch's global generator: the caller seeds and restores it.
        Raises `VariantError` if the pair cannot make that shape.
        """
        raise NotImplementedError


def draw_shapes(module: nn.Module) -> tuple[Shape, ...]:
    """The shapes, per sample, of the uniform numbers that one forward of `module` consumes."""
    return tuple(getattr(module, "draws", ()))


def forward(module: nn.Module, x: Tensor, draws: tuple[Tensor, ...]) -> Tensor:
    """Call `module`, handing it its random draws if it declared any."""
    return module(x, draws) if draws else module(x)


def draw(shapes: tuple[Shape, ...], n: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Uniform [0, 1) float32 tensors `(n, *shape)`, one a declared shape."""
    return tuple(torch.rand(n, *shape, generator=generator, device=generator.device) for shape in shapes)
