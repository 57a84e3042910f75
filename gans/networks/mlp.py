"""Fully connected pair, for images (flattened, tanh output) and for points (linear output)."""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from gans.errors import VariantError
from gans.networks.network import Network, Shape, dropped
from gans.pieces import require_positive

Activation = Literal["relu", "leaky-relu"]


def activate(x: Tensor, activation: Activation) -> Tensor:
    """ReLU, or LeakyReLU with slope .2."""
    return relu(x) if activation == "relu" else leaky_relu(x, 0.2)


def linears(widths: tuple[int, ...]) -> nn.ModuleList:
    """One Linear between each two widths, with torch's default initialisation."""
    return nn.ModuleList(nn.Linear(inputs, outputs) for inputs, outputs in itertools.pairwise(widths))


class Generator(nn.Module):
    """z → hidden layers → samples."""

    def __init__(self, shape: Shape, nz: int, hidden: tuple[int, ...], activation: Activation) -> None:
        super().__init__()
        self.shape, self.activation = shape, activation
        self.linears = linears((nz, *hidden, math.prod(shape)))

    def forward(self, z: Tensor) -> Tensor:
        """Z, `(n, nz)`, to images `(n, C, H, W)` in [−1, 1], or to points `(n, d)`."""
        for linear in self.linears[:-1]:
            z = activate(linear(z), self.activation)
        samples = self.linears[-1](z)
        if len(self.shape) == 3:
            samples = samples.tanh()
        return samples.unflatten(1, self.shape)


class Discriminator(nn.Module):
    """Samples → hidden layers, each followed by dropout → output.

    `draws` are the uniform numbers of the dropout masks.
    """

    samplewise = True

    def __init__(
        self, shape: Shape, hidden: tuple[int, ...], activation: Activation, dropout: float, outputs: int
    ) -> None:
        super().__init__()
        self.activation, self.dropout = activation, dropout
        self.linears = linears((math.prod(shape), *hidden, outputs))
        self.draws = tuple((width,) for width in hidden) if dropout else ()

    def forward(self, x: Tensor, draws: tuple[Tensor, ...] = ()) -> Tensor:
        """Samples to raw outputs `(n,)` or `(n, outputs)`; without draws (evaluation) nothing is dropped."""
        x = x.flatten(1)
        for i, linear in enumerate(self.linears[:-1]):
            x = activate(linear(x), self.activation)
            if draws:
                x = dropped(x, draws[i], self.dropout)
        return self.linears[-1](x).squeeze(1)


@dataclass(frozen=True, kw_only=True)
class MLP(Network, kind="mlp"):
    """Widths of the hidden layers of each player, from input to output."""

    hidden_g: tuple[int, ...] = (256, 512, 1024)
    hidden_d: tuple[int, ...] = (1024, 512, 256)
    activation_g: Activation = "leaky-relu"
    activation_d: Activation = "leaky-relu"
    dropout: float = 0.5

    def __post_init__(self) -> None:
        for name, widths in (("hidden_g", self.hidden_g), ("hidden_d", self.hidden_d)):
            for width in widths:
                require_positive(self, **{name: width})
        if not 0 <= self.dropout < 1:
            raise VariantError(f"dropout of MLP must lie in [0, 1), not {self.dropout}.")

    def build(
        self, shape: Shape, nz: int, *, input_shape: Shape | None = None, outputs: int = 1
    ) -> tuple[nn.Module, nn.Module]:
        """Initialised (G, D) for images or points of any size."""
        return (
            Generator(shape, nz, self.hidden_g, self.activation_g),
            Discriminator(input_shape or shape, self.hidden_d, self.activation_d, self.dropout, outputs),
        )
