"""DCGAN's pair (arXiv 1511.06434, §3), for square images of b · 2ⁿ pixels with b in 4…7 and n ≥ 1.

64 × 64 (b = 4, n = 4) gives exactly the widely copied network: 8, 4, 2, 1 times the width. 28 × 28 is
b = 7, n = 2. G starts from a b × b map and doubles it n times; D halves it n times and closes with a
b × b convolution. Batch norm everywhere but in G's output and D's input (and D's closing) layer; where
it is taken out, the convolution has a bias instead.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from gans.errors import VariantError
from gans.networks.convolutions import FromPoint, ToPoint
from gans.networks.network import Network, Shape, dropped
from gans.pieces import require_positive

Norm = Literal["batch", "none"]


def base_and_doublings(size: int) -> tuple[int, int] | None:
    """(b, n) with size = b · 2ⁿ, b in 4…7, n ≥ 1; None if there is no such pair."""
    doublings = 0
    while size >= 8 and size % 2 == 0:
        size, doublings = size // 2, doublings + 1
    return (size, doublings) if 4 <= size <= 7 and doublings >= 1 else None


def nearest_sizes(size: int) -> tuple[int, ...]:
    """The largest possible size up to `size`, if there is one, then the smallest above it."""
    possible = sorted(b * 2**n for b in (4, 5, 6, 7) for n in range(1, 12))
    below = [s for s in possible if s <= size][-1:]
    return tuple(below + [s for s in possible if s > size][:1])


class Generator(nn.Module):
    """z → ConvTranspose b × b → n × (batch norm, ReLU, ConvTranspose 4 × 4 stride 2) → tanh."""

    def __init__(self, channels: int, base: int, doublings: int, nz: int, ngf: int, norm: Norm) -> None:
        super().__init__()
        batch = norm == "batch"
        width = ngf * 2 ** (doublings - 1)
        layers: list[nn.Module] = [FromPoint(nz, width, base, bias=not batch)]
        for level in range(doublings):
            last = level == doublings - 1
            next_width = channels if last else width // 2
            if batch:
                layers.append(nn.BatchNorm2d(width))
            bias = not (batch or last)
            layers += [
                nn.ReLU(inplace=True),
                nn.ConvTranspose2d(width, next_width, 4, stride=2, padding=1, bias=bias),
            ]
            width = next_width
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """Z, `(n, nz)`, to images `(n, C, H, W)` in [−1, 1]."""
        return self.layers(z[:, :, None, None])


class Discriminator(nn.Module):
    """n × (Conv 4 × 4 stride 2, batch norm but in the first, LeakyReLU .2, dropout) → Conv b × b → output.

    `draws` are the uniform numbers of the dropout masks.
    """

    def __init__(
        self, channels: int, base: int, doublings: int, ndf: int, norm: Norm, dropout: float, outputs: int
    ) -> None:
        super().__init__()
        self.dropout = dropout
        batch = norm == "batch"
        layers: list[nn.Module] = []
        draws: list[Shape] = []
        width, size = channels, base * 2**doublings
        for level in range(doublings):
            next_width, size = ndf * 2**level, size // 2
            layers.append(nn.Conv2d(width, next_width, 4, stride=2, padding=1, bias=not batch))
            if batch and level > 0:
                layers.append(nn.BatchNorm2d(next_width))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            draws.append((next_width, size, size))
            width = next_width
        self.layers = nn.Sequential(*layers, ToPoint(width, outputs, base, bias=False))
        self.draws = tuple(draws) if dropout else ()

    def forward(self, x: Tensor, draws: tuple[Tensor, ...] = ()) -> Tensor:
        """Images `(n, C, H, W)` to raw outputs `(n,)` or `(n, outputs)`; without draws nothing is dropped."""
        remaining = iter(draws)
        for layer in self.layers:
            x = layer(x)
            if draws and isinstance(layer, nn.LeakyReLU):
                x = dropped(x, next(remaining), self.dropout)
        return x.flatten(1).squeeze(1)


def initialise(module: nn.Module) -> None:
    """Convolutions N(0, .02), their biases 0; batch-norm scales N(1, .02), shifts 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


@dataclass(frozen=True, kw_only=True)
class DCGAN(Network, kind="dcgan"):
    """Widths: `ngf` maps in G's last hidden layer, `ndf` in D's first; `dropout` in D's hidden layers.

    `norm_g` and `norm_d` are `batch` or `none`.
    """

    ngf: int = 64
    ndf: int = 64
    norm_g: Norm = "batch"
    norm_d: Norm = "batch"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, ngf=self.ngf, ndf=self.ndf)
        if not 0 <= self.dropout < 1:
            raise VariantError(f"dropout of DCGAN must lie in [0, 1), not {self.dropout}.")

    def build(
        self, shape: Shape, nz: int, *, input_shape: Shape | None = None, outputs: int = 1
    ) -> tuple[nn.Module, nn.Module]:
        """Initialised (G, D) for 1- or 3-channel square images."""
        if len(shape) != 3:
            raise VariantError(
                "The dcgan network makes images, not points; choose vanilla for points, or --set network=mlp."
            )
        channels, height, width = shape
        if channels not in (1, 3):
            raise VariantError(f"The dcgan network makes 1 or 3 channels, not {channels}.")
        split = base_and_doublings(height)
        if height != width or split is None:
            near = " or ".join(str(s) for s in nearest_sizes(height))
            raise VariantError(
                f"The dcgan network cannot make {height} × {width} images: it makes squares of "
                f"b · 2ⁿ pixels with b in 4…7 and n ≥ 1; the nearest sizes are {near}."
            )
        generator = Generator(channels, *split, nz, self.ngf, self.norm_g)
        channels_d = (input_shape or shape)[0]
        discriminator = Discriminator(channels_d, *split, self.ndf, self.norm_d, self.dropout, outputs)
        generator.apply(initialise)
        discriminator.apply(initialise)
        return generator, discriminator
