"""DCGAN's pair (arXiv 1511.06434, §3), for square images of b · 2ⁿ pixels with b in 4…7 and n ≥ 1.

64 × 64 (b = 4, n = 4) gives exactly the widely copied network: 8, 4, 2, 1 times the width. 28 × 28 is
b = 7, n = 2. G starts from a b × b map and doubles it n times; D halves it n times and closes with a
b × b convolution. Batch norm everywhere but in G's output and D's input (and D's closing) layer.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from gans.errors import VariantError
from gans.networks.network import Network, Shape
from gans.pieces import require_positive


def base_and_doublings(size: int) -> tuple[int, int] | None:
    """(b, n) with size = b · 2ⁿ, b in 4…7, n ≥ 1; None if there is no such pair."""
    doublings = 0
    while size >= 8 and size % 2 == 0:
        size, doublings = size // 2, doublings + 1
    return (size, doublings) if 4 <= size <= 7 and doublings >= 1 else None


def nearest_sizes(size: int) -> tuple[int, ...]:
    """The possible sizes just above `size` and just below, or at, it."""
    possible = sorted(b * 2**n for b in (4, 5, 6, 7) for n in range(1, 12))
    below = [s for s in possible if s <= size][-1:]
    return tuple(below + [s for s in possible if s > size][:1])


class Generator(nn.Module):
    """z → ConvTranspose b × b → n × (batch norm, ReLU, ConvTranspose 4 × 4 stride 2) → tanh."""

    def __init__(self, channels: int, base: int, doublings: int, nz: int, ngf: int) -> None:
        super().__init__()
        width = ngf * 2 ** (doublings - 1)
        layers: list[nn.Module] = [nn.ConvTranspose2d(nz, width, base, bias=False)]
        for level in range(doublings):
            last = level == doublings - 1
            next_width = channels if last else width // 2
            layers += [
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.ConvTranspose2d(width, next_width, 4, stride=2, padding=1, bias=False),
            ]
            width = next_width
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """Z, `(n, nz)`, to images `(n, C, H, W)` in [−1, 1]."""
        return self.layers(z[:, :, None, None])


class Discriminator(nn.Module):
    """n × (Conv 4 × 4 stride 2, batch norm but in the first, LeakyReLU .2) → Conv b × b → output."""

    def __init__(self, channels: int, base: int, doublings: int, ndf: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = channels
        for level in range(doublings):
            next_width = ndf * 2**level
            layers.append(nn.Conv2d(width, next_width, 4, stride=2, padding=1, bias=False))
            if level > 0:
                layers.append(nn.BatchNorm2d(next_width))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            width = next_width
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, base, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Images `(n, C, H, W)` to raw outputs `(n,)`."""
        return self.layers(x).flatten()


def initialise(module: nn.Module) -> None:
    """Convolutions N(0, .02); batch-norm scales N(1, .02), shifts 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


@dataclass(frozen=True, kw_only=True)
class DCGAN(Network, kind="dcgan"):
    """Widths: `ngf` maps in G's last hidden layer, `ndf` in D's first."""

    ngf: int = 64
    ndf: int = 64

    def __post_init__(self) -> None:
        require_positive(self, ngf=self.ngf, ndf=self.ndf)

    def build(self, shape: Shape, nz: int) -> tuple[nn.Module, nn.Module]:
        """Initialised (G, D) for 1- or 3-channel square images."""
        if len(shape) != 3:
            raise VariantError("The dcgan network makes images, not points; choose vanilla for points.")
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
        generator = Generator(channels, *split, nz, self.ngf)
        discriminator = Discriminator(channels, *split, self.ndf)
        generator.apply(initialise)
        discriminator.apply(initialise)
        return generator, discriminator
