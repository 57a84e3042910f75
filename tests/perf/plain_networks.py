"""Networks as tutorials write them: `nn.Sequential`, `nn.Dropout`, nothing of this project's.

They have the shapes of the variants' own, so that a plain loop on them does the same arithmetic.
"""

import torch
from torch import Tensor, nn


def weights_init(module: nn.Module) -> None:
    """DCGAN's N(0, .02), as its well-known code does it."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def dcgan_generator(inputs: int, channels: int = 3, ngf: int = 64) -> nn.Sequential:
    """64 × 64 images from `(n, inputs, 1, 1)`."""
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(inputs, ngf * 8, 4, 1, 0, bias=False),
        nn.BatchNorm2d(ngf * 8),
        nn.ReLU(True),
    ]
    for width in (ngf * 8, ngf * 4, ngf * 2):
        layers += [
            nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(True),
        ]
    layers += [nn.ConvTranspose2d(ngf, channels, 4, 2, 1, bias=False), nn.Tanh()]
    return nn.Sequential(*layers).apply(weights_init)


def dcgan_discriminator(
    channels: int = 3, ndf: int = 64, outputs: int = 1, dropout: float = 0.0
) -> nn.Sequential:
    """Raw outputs `(n, outputs, 1, 1)` of 64 × 64 images."""
    layers: list[nn.Module] = [nn.Conv2d(channels, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    layers += [nn.Dropout(dropout)] if dropout else []
    for width in (ndf, ndf * 2, ndf * 4):
        layers += [
            nn.Conv2d(width, width * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width * 2),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        layers += [nn.Dropout(dropout)] if dropout else []
    layers.append(nn.Conv2d(ndf * 8, outputs, 4, 1, 0, bias=False))
    return nn.Sequential(*layers).apply(weights_init)


def mlp_generator(nz: int, hidden: tuple[int, ...], outputs: int, *, images: bool) -> nn.Sequential:
    """Perceptrons with LeakyReLU; tanh at the end for images."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(nz, width), nn.LeakyReLU(0.2)]
        nz = width
    layers.append(nn.Linear(nz, outputs))
    return nn.Sequential(*layers, *([nn.Tanh()] if images else []))


def mlp_discriminator(inputs: int, hidden: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Perceptrons with LeakyReLU and dropout; one logit."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.LeakyReLU(0.2)]
        layers += [nn.Dropout(dropout)] if dropout else []
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 1))


def gan2014_generator() -> nn.Sequential:
    """100 → ReLU 1200 → ReLU 1200 → sigmoid 784."""
    return nn.Sequential(
        nn.Linear(100, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU(), nn.Linear(1200, 784), nn.Sigmoid()
    )


class Maxout(nn.Module):
    """The largest of `pieces` linear units."""

    def __init__(self, inputs: int, outputs: int, pieces: int) -> None:
        super().__init__()
        self.linear, self.pieces = nn.Linear(inputs, outputs * pieces), pieces

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).view(len(x), -1, self.pieces).max(2).values


def gan2014_discriminator() -> nn.Sequential:
    """784 → maxout 240 × 5, twice → logit, with the paper's dropout."""
    return nn.Sequential(
        nn.Dropout(0.2), Maxout(784, 240, 5), nn.Dropout(0.5), Maxout(240, 240, 5), nn.Dropout(0.5),
        nn.Linear(240, 1),
    )  # fmt: skip


class JoinedGenerator(nn.Module):
    """CGAN's G: an embedding of the label beside z."""

    def __init__(self, network: nn.Module, embedding: int) -> None:
        super().__init__()
        self.network, self.embedding = network, nn.Embedding(10, embedding)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.network(torch.cat((z, self.embedding(labels)[:, :, None, None]), 1))


class JoinedDiscriminator(nn.Module):
    """CGAN's D: an embedding of the label as one more channel."""

    def __init__(self, network: nn.Module, size: int) -> None:
        super().__init__()
        self.network, self.embedding, self.size = network, nn.Embedding(10, size * size), size

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        label = self.embedding(labels).view(-1, 1, self.size, self.size)
        return self.network(torch.cat((x, label), 1))
