"""torchgan: its DCGAN networks in its `Trainer`."""

from pathlib import Path

import torch
from contestant import Peer
from work import BETAS, CHANNELS, ENDLESS, LEARNING_RATE, NZ, SIZE, WIDTH, Work


def train(folder: Path, work: Work) -> None:
    """Train by `Trainer.__call__` on an endless loader."""
    from torchgan.losses import MinimaxDiscriminatorLoss, MinimaxGeneratorLoss
    from torchgan.models import DCGANDiscriminator, DCGANGenerator
    from torchgan.trainer import Trainer

    adam = {"name": torch.optim.Adam, "args": {"lr": LEARNING_RATE, "betas": BETAS}}
    generator = {"encoding_dims": NZ, "out_size": SIZE, "out_channels": CHANNELS, "step_channels": WIDTH}
    discriminator = {"in_size": SIZE, "in_channels": CHANNELS, "step_channels": WIDTH}
    trainer = Trainer(
        {
            "generator": {"name": DCGANGenerator, "args": generator, "optimizer": adam},
            "discriminator": {"name": DCGANDiscriminator, "args": discriminator, "optimizer": adam},
        },
        [MinimaxGeneratorLoss(), MinimaxDiscriminatorLoss()],
        device=torch.device(work.device),
        epochs=ENDLESS,
        checkpoints=str(work.folder / "model" / "gan"),
        recon=str(work.folder / "images"),
    )
    trainer(work.loader())


PEER = Peer(
    name="torchgan DCGAN",
    option="torchgan",
    train=train,
    differs=(
        "each update generates its own batch; LeakyReLU in G, and after D's output; G's step computes D's "
        "gradients, too; the squared norm of every parameter's gradient is read by `.item()`, and both "
        "losses; `DataLoader` over tensors in memory, no workers"
    ),
)
