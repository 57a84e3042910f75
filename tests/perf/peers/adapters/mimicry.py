"""mimicry: its `Trainer` and `train_step`s, on DCGAN's networks.

Its own "DCGAN" of 64 × 64 is a residual network of ten times the arithmetic, and can't be made these
widths; its base classes are there to be given networks, and so they are.
"""

from pathlib import Path

import torch
from contestant import Peer
from torch import Tensor
from work import BETAS, ENDLESS, LEARNING_RATE, NZ, WIDTH, Discriminator, Generator, Work


def train(folder: Path, work: Work) -> None:
    """Train by `Trainer.train` on an endless loader."""
    from torch_mimicry.nets.gan.gan import BaseDiscriminator, BaseGenerator
    from torch_mimicry.training.trainer import Trainer

    class MimicryGenerator(BaseGenerator):
        def __init__(self) -> None:
            super().__init__(nz=NZ, ngf=WIDTH, bottom_width=4, loss_type="ns")
            self.network = Generator()

        def forward(self, x: Tensor) -> Tensor:
            return self.network(x)

    class MimicryDiscriminator(BaseDiscriminator):
        def __init__(self) -> None:
            super().__init__(ndf=WIDTH, loss_type="ns")
            self.network = Discriminator()

        def forward(self, x: Tensor) -> Tensor:
            return self.network(x)

    device = torch.device(work.device)
    generator, discriminator = MimicryGenerator().to(device), MimicryDiscriminator().to(device)
    Trainer(
        netD=discriminator,
        netG=generator,
        optD=torch.optim.Adam(discriminator.parameters(), lr=LEARNING_RATE, betas=BETAS),
        optG=torch.optim.Adam(generator.parameters(), lr=LEARNING_RATE, betas=BETAS),
        dataloader=work.loader(),
        num_steps=ENDLESS,
        log_dir=str(work.folder / "log"),
        device=device,
    ).train()


PEER = Peer(
    name="mimicry's Trainer on DCGAN's networks",
    option="mimicry",
    train=train,
    # Its __init__ imports its metrics, and those import TensorFlow.
    bare_packages=("torch_mimicry",),
    differs=(
        "each update generates its own batch; G's step computes D's gradients, too; three `.item()` and five "
        "printed lines, one with G's loss, an iteration; TensorBoard every 50; `DataLoader` over tensors in "
        "memory, no workers; the package's metrics, which need TensorFlow, are not imported"
    ),
)
