"""What the trainer asks of a pair of networks.

G maps z, float `(n, nz)`, to samples in the network's range: images `(n, C, H, W)` in [−1, 1] or
points `(n, d)`. D maps samples to raw outputs `(n,)`, or `(n, outputs)` where more than one is asked for:
logits or critic values, never probabilities. G of a conditional variant also takes int64 labels `(n,)`, as
the keyword `labels`; so does D where labels are joined to its input (`conditioning=joined`).

A network that needs randomness in its forward (dropout, noise) declares it: its `draws` attribute holds
one shape a draw and sample, and its forward takes the tensors, uniform in [0, 1), as the keyword `draws`.
The trainer draws them from the cell's own generator, outside anything compiled, so that eager and
compiled runs see the same masks and a resumed run goes on with the right ones.

A D that treats every sample by itself (no batch norm) may say so with an attribute `samplewise = True`: real
and generated samples then go through it together, which is faster and the same algorithm.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gans.pieces import Piece

Shape = tuple[int, ...]  # (C, H, W) of images, or (2,) of points


@dataclass(frozen=True, kw_only=True)
class Network(Piece):
    """The slot of generator-discriminator pairs."""

    def build(
        self, shape: Shape, nz: int, *, input_shape: Shape | None = None, outputs: int = 1
    ) -> tuple[nn.Module, nn.Module]:
        """Initialised (G, D) on the CPU for samples of this shape.

        Initialisation may use torch's global generator: the caller seeds and restores it.

        Parameters
        ----------
        shape
            What G makes.
        nz
            Size of G's input.
        input_shape
            What D takes, if it is wider than `shape` because labels are joined to it.
        outputs
            Raw outputs of D a sample; with more than one D returns `(n, outputs)`.

        Raises
        ------
        VariantError
            If the pair cannot make that shape.
        """
        raise NotImplementedError


def draw_shapes(module: nn.Module) -> tuple[Shape, ...]:
    """The shapes, per sample, of the uniform numbers that one forward of `module` consumes."""
    return tuple(getattr(module, "draws", ()))


def is_samplewise(module: nn.Module) -> bool:
    """Whether a discriminator says that it treats every sample by itself."""
    return bool(getattr(module, "samplewise", False))


def forward(
    module: nn.Module, x: Tensor, draws: tuple[Tensor, ...] = (), labels: Tensor | None = None
) -> Tensor:
    """Call `module`, handing it its random draws if it declared any, and labels if there are any."""
    extra: dict[str, object] = {"draws": draws} if draws else {}
    if labels is not None:
        extra["labels"] = labels
    return module(x, **extra)


def draw(shapes: tuple[Shape, ...], n: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Uniform [0, 1) float32 tensors `(n, *shape)`, one a declared shape.

    On a CPU they are the middles of 65,536 equal parts: its generator takes as long for a 64-bit word, which
    holds four of them, as for one of torch's own, and drawing masks took up to an eighth of a step.
    """
    make = _uniform_from_words if generator.device.type == "cpu" else _uniform
    return tuple(make((n, *shape), generator) for shape in shapes)


def _uniform(shape: Shape, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)


def _uniform_from_words(shape: Shape, generator: torch.Generator) -> Tensor:
    count = math.prod(shape)
    words = torch.empty(-(-count // 4), dtype=torch.int64)
    words.random_(-(2**63), None, generator=generator)
    numbers = words.view(torch.int16)[:count].to(torch.float32)
    return numbers.add_(32768.5).mul_(2.0**-16).view(shape)  # exact in float32


def dropped(x: Tensor, draw: Tensor, rate: float) -> Tensor:
    """Dropout by given uniform numbers: a unit lives where its number is ≥ rate, scaled by 1/(1 − rate).

    Drawn on a CPU (`draw`), a rate that is no multiple of 1/65,536 is off by less than that.
    """
    return x * ((draw >= rate) * (1 / (1 - rate)))


def adapt(module: nn.Module, data_mean: Callable[[], Tensor]) -> None:
    """Let every part of a network that starts from the data's mean do so (it has `adapt_to_mean`).

    `data_mean` gives the float64 mean of the training samples, in the network's range.
    """
    for part in module.modules():
        start = getattr(part, "adapt_to_mean", None)
        if start is not None:
            start(data_mean())
