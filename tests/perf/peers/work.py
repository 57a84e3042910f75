"""The work that everybody does: DCGAN, 64 × 64 × 3, Adam."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

SIZE, CHANNELS, NZ, WIDTH = 64, 3, 100, 64
LEARNING_RATE, BETAS = 2e-4, (0.5, 0.999)
IMAGES = 1024  # made-up ones
ENDLESS = 10**9  # steps, epochs or draws: nobody's loop ends, or does what it does after an epoch


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a contestant is given; `folder` is where it may write."""

    batch_size: int
    device: str
    folder: Path

    def images(self) -> Tensor:
        """Made-up training images, uint8 `(IMAGES, 3, 64, 64)`."""
        generator = torch.Generator().manual_seed(0)
        return torch.randint(0, 256, (IMAGES, CHANNELS, SIZE, SIZE), dtype=torch.uint8, generator=generator)

    def loader(self) -> DataLoader[tuple[Tensor, ...]]:
        """(images in [−1, 1], labels) without end, for libraries that take a `DataLoader`.

        It holds everything in memory and has no worker processes, so it costs little, and within its turn.
        """
        images = self.images().float() / 127.5 - 1
        dataset = TensorDataset(images, torch.zeros(len(images), dtype=torch.long))
        draws = RandomSampler(dataset, replacement=True, num_samples=ENDLESS)
        return DataLoader(dataset, batch_size=self.batch_size, sampler=draws)


class Generator(nn.Module):
    """DCGAN's, for libraries that have no network of these widths: `(n, 100)` to `(n, 3, 64, 64)`."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ConvTranspose2d(NZ, 8 * WIDTH, 4, bias=False)]
        for factor in (8, 4, 2, 1):
            layers += [nn.BatchNorm2d(factor * WIDTH), nn.ReLU(inplace=True)]
            after = factor // 2 * WIDTH or CHANNELS
            layers.append(nn.ConvTranspose2d(factor * WIDTH, after, 4, stride=2, padding=1, bias=False))
        self.layers = nn.Sequential(*layers, nn.Tanh())
        self.apply(_initialise)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z[:, :, None, None])


class Discriminator(nn.Module):
    """DCGAN's: `(n, 3, 64, 64)` to raw outputs `(n, 1)`."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(CHANNELS, WIDTH, 4, stride=2, padding=1, bias=False)]
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        for factor in (1, 2, 4):
            layers.append(nn.Conv2d(factor * WIDTH, 2 * factor * WIDTH, 4, stride=2, padding=1, bias=False))
            layers += [nn.BatchNorm2d(2 * factor * WIDTH), nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * WIDTH, 1, 4, bias=False))
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).flatten(1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
