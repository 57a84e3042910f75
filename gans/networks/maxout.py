"""GAN 2014's own pair for images (arXiv 1406.2661, §5; the authors' `mnist.yaml`).

G: rectifiers, a sigmoid output; D: maxout layers (arXiv 1302.4389), a logit. Their data lie in [0, 1],
a network's samples here in [−1, 1]: G's output and D's input are moved by the one affine map.
"""

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gans.errors import VariantError
from gans.networks.network import Network, Shape, dropped
from gans.pieces import require_positive

SMALLEST_MEAN = 1e-7  # pylearn2's clip of a pixel's mean before its logit is taken


def uniform_linear(inputs: int, outputs: int, bound: float) -> nn.Linear:
    """A Linear with weights U(−bound, bound) and biases 0."""
    linear = nn.Linear(inputs, outputs)
    nn.init.uniform_(linear.weight, -bound, bound)
    nn.init.zeros_(linear.bias)
    return linear


class Generator(nn.Module):
    """z → rectifiers → sigmoid; noise or dropout in the middle layers, if asked for.

    `draws` are uniform numbers: of the dropout masks, then of the Gaussian noise, a set a hidden layer.
    """

    def __init__(
        self, shape: Shape, nz: int, hidden: tuple[int, ...], bound: float, dropout: float, noise: float
    ) -> None:
        super().__init__()
        self.shape, self.dropout, self.noise = shape, dropout, noise
        widths = (nz, *hidden, math.prod(shape))
        self.linears = nn.ModuleList(uniform_linear(i, o, bound) for i, o in itertools.pairwise(widths))
        layers = tuple((width,) for width in hidden)
        self.draws = (layers if dropout else ()) + (layers if noise else ())

    def adapt_to_mean(self, mean: Tensor) -> None:
        """Start the output's bias at the logit of the data's pixel means `(C, H, W)` in [−1, 1]."""
        share = ((mean.flatten() + 1) / 2).clamp(SMALLEST_MEAN, 1 - SMALLEST_MEAN)
        with torch.no_grad():
            self.linears[-1].get_parameter("bias").copy_(torch.logit(share))

    def forward(self, z: Tensor, draws: tuple[Tensor, ...] = ()) -> Tensor:
        """Z, `(n, nz)`, to images `(n, C, H, W)` in [−1, 1]."""
        remaining = iter(draws)
        hidden = self.linears[:-1]
        masks = [next(remaining) for _ in hidden] if self.dropout else []
        for i, linear in enumerate(hidden):
            z = linear(z).relu()
            if self.dropout:
                z = dropped(z, masks[i], self.dropout)
            if self.noise:
                z = z + self.noise * gaussian(next(remaining))
        return self.linears[-1](z).sigmoid().mul(2).sub(1).unflatten(1, self.shape)


def gaussian(uniform: Tensor) -> Tensor:
    """N(0, 1) numbers from uniform ones in [0, 1), by the inverse of the distribution function.

    Drawn on a CPU, from 65,536 values, they reach ±4.2.
    """
    # float32 draws are multiples of 2⁻²⁴: halfway between two of them, none is 0 or 1.
    return torch.special.ndtri(uniform * (1 - 2**-24) + 2**-25)


class Discriminator(nn.Module):
    """Samples → maxout layers → output, with dropout on each layer's input.

    `draws` are the uniform numbers of the dropout masks, the input's first.
    """

    samplewise = True

    def __init__(
        self,
        shape: Shape,
        hidden: tuple[int, ...],
        pieces: int,
        bound: float,
        dropout_input: float,
        dropout: float,
        outputs: int,
    ) -> None:
        super().__init__()
        widths = (math.prod(shape), *hidden)
        self.pieces = pieces
        self.rates = (dropout_input, *(dropout for _ in hidden))
        self.linears = nn.ModuleList(
            uniform_linear(i, o * pieces, bound) for i, o in itertools.pairwise(widths)
        )
        self.linears.append(uniform_linear(widths[-1], outputs, bound))
        self.draws = tuple((w,) for w, rate in zip(widths, self.rates, strict=True) if rate)

    def forward(self, x: Tensor, draws: tuple[Tensor, ...] = ()) -> Tensor:
        """Samples to raw outputs `(n,)` or `(n, outputs)`; without draws (evaluation) nothing is dropped."""
        remaining = iter(draws)
        x = x.flatten(1).add(1).div(2)
        for i, linear in enumerate(self.linears):
            if draws and self.rates[i]:
                x = dropped(x, next(remaining), self.rates[i])
            x = linear(x)
            if i < len(self.linears) - 1:
                x = x.view(len(x), self.pieces, -1).amax(1)
        return x.squeeze(1)


@dataclass(frozen=True, kw_only=True)
class Maxout(Network, kind="maxout"):
    """Widths from input to output; `pieces` linear pieces a maxout unit.

    `dropout…` are probabilities that a unit is dropped; `init_…` bounds of the uniform weights.
    `dropout_g` and `noise_g` (standard deviation) act on G's hidden layers, in training and in sampling:
    the theory allows them, the paper's experiments do without (§3, end of §5's architecture).
    """

    hidden_g: tuple[int, ...] = (1200, 1200)
    hidden_d: tuple[int, ...] = (240, 240)
    pieces: int = 5
    init_g: float = 0.05
    init_d: float = 0.005
    dropout_input: float = 0.2
    dropout: float = 0.5
    dropout_g: float = 0.0
    noise_g: float = 0.0

    def __post_init__(self) -> None:
        for name, widths in (("hidden_g", self.hidden_g), ("hidden_d", self.hidden_d)):
            for width in widths:
                require_positive(self, **{name: width})
        require_positive(self, pieces=self.pieces, init_g=self.init_g, init_d=self.init_d)
        for name in ("dropout_input", "dropout", "dropout_g"):
            if not 0 <= getattr(self, name) < 1:
                raise VariantError(f"{name} of Maxout must lie in [0, 1), not {getattr(self, name)}.")
        if not self.noise_g >= 0:
            raise VariantError(f"noise_g of Maxout must be at least 0, not {self.noise_g}.")

    def build(
        self, shape: Shape, nz: int, *, input_shape: Shape | None = None, outputs: int = 1
    ) -> tuple[nn.Module, nn.Module]:
        """Initialised (G, D) for images of any size."""
        if len(shape) != 3:
            raise VariantError(
                "The maxout network makes images in [0, 1], not points; choose vanilla for points, or "
                "--set network=mlp."
            )
        return (
            Generator(shape, nz, self.hidden_g, self.init_g, self.dropout_g, self.noise_g),
            Discriminator(
                input_shape or shape,
                self.hidden_d,
                self.pieces,
                self.init_d,
                self.dropout_input,
                self.dropout,
                outputs,
            ),
        )
