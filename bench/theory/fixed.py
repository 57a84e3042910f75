"""D trained to convergence against a generator that stands still, by the project's own steps."""

import copy
import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import gans
from bench.theory.distributions import Distribution, Function, Points
from gans.networks import MLP
from gans.noise import Uniform
from gans.optimisers import Adam
from gans.seeding import seeded

TABLE = 1 << 16  # points that stand for a distribution
BATCH = 1024
LR = 1e-2  # goes linearly to 0: what remains of the minibatches' noise goes with it


class FixedGenerator(nn.Module):
    """G(z) for z ~ U(−1, 1): an even draw from a table of points `(n, d)`, which are its parameters."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.points = nn.Parameter(table)

    def forward(self, z: Tensor) -> Tensor:
        """Z `(b, 1)` to points `(b, d)`."""
        n = len(self.points)
        return self.points[((z[:, 0] + 1) / 2 * n).long().clamp(max=n - 1)]


def recipe() -> gans.Variant:
    """`vanilla` without dropout on z ~ U(−1, 1), with two hidden layers of 64 and a larger rate for D."""
    return dataclasses.replace(
        gans.get("vanilla"),
        network=MLP(hidden_g=(64, 64), hidden_d=(64, 64), dropout=0.0),
        noise=Uniform(nz=1),
        optimiser_d=Adam(lr=LR, beta1=0.9),
    )


def trained_discriminator(p: Distribution, q: Distribution, *, steps: int, seed: int) -> Function:
    """The logit of a D that `gans.Trainer` has trained to tell p from q, on minibatches of both.

    Parameters
    ----------
    p, q
        Of the data and of the generator, which is never changed.
    steps
        Discriminator steps.
    seed
        Of weights and minibatches.
    """
    variant = recipe()
    data, fake = torch.from_numpy(p.table(TABLE)), torch.from_numpy(q.table(TABLE))
    with seeded(seed, "initialisation"):
        _, discriminator = variant.build(tuple(data.shape[1:]))
    settings = gans.Settings(batch_size=BATCH, kimg=steps * BATCH / 1000, seed=seed)
    trainer = gans.Trainer(variant, data, settings, players=(FixedGenerator(fake), discriminator))
    for step in range(steps):
        variant.optimiser_d.adjust(trainer.optimiser_d, factor=1 - step / steps, step=step, epoch=1)
        trainer.discriminator_step()
    return logit_of(trainer.discriminator)


def logit_of(discriminator: nn.Module) -> Function:
    """A network's raw output as a function of float64 points `(n, d)`; it is computed in float64.

    In float32 the function is a staircase, in which a quadrature loses itself.
    """
    exact = copy.deepcopy(discriminator).double()

    @torch.no_grad()
    def logit(points: Points) -> NDArray[np.float64]:
        return exact(torch.from_numpy(points)).numpy()

    return logit
