"""The paper's Figure 1, live: a GAN on a line, trained by `gans.Trainer`, looked at on the way.

Data are a lopsided bell, z ~ N(0, 1), both players small perceptrons with tanh, so that their curves are
smooth. (The figure's z is uniform; a smooth G of it ends where z does, and D goes on naming the data's
tails.) What makes the game settle rather than circle is the paper's own advice, D near its optimum (k = 5
and a larger rate), Adam without momentum (β₁ = 0), and rates that go to 0.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, ndtri, rel_entr
from torch import nn

import gans
from bench.theory.distributions import Mixture
from gans.critic_schedule import Constant
from gans.noise import Normal
from gans.optimisers import Adam
from gans.seeding import seeded

DATA = Mixture(weights=(0.6, 0.4), means=(0.6, 1.6), sigmas=(0.4, 0.5))
LOW, HIGH = -0.8, 3.2  # all but a thousandth of the data: what is drawn and measured
N_BINS = 160
LEAST_DENSITY = 0.01  # of p + q: D* is shown where a bin has some 25 of the latents' images
LATENTS = 100_000  # quantiles of z, whose images give the generator's density without sampling noise
DATA_POINTS = 1 << 16
WIDTHS = (32, 32)
BATCH, CRITIC_STEPS, LR_G, LR_D = 256, 5, 4e-3, 1e-2


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The game after `step` generator steps, on one grid of the line.

    `x` are the middles of equal bins `(m,)`; `data` and `generated` densities there, averages over the bins;
    `discriminator` is D(x), `optimal` D*(x) = p/(p + q) of those averages, NaN where bins are all but empty.
    The arrows go from `z`, `(a,)`, equally probable, to `images`, `(a,)`.
    """

    step: int
    x: NDArray[np.float64]
    data: NDArray[np.float64]
    generated: NDArray[np.float64]
    discriminator: NDArray[np.float64]
    optimal: NDArray[np.float64]
    z: NDArray[np.float64]
    images: NDArray[np.float64]

    @property
    def jensen_shannon(self) -> float:
        """JSD of the binned distributions in nats: at most that of the densities, log 2 when far apart."""
        width = self.x[1] - self.x[0]
        p, q = self.data * width, self.generated * width
        # What lies outside the bins is one bin more.
        p, q = np.append(p, max(0.0, 1 - p.sum())), np.append(q, max(0.0, 1 - q.sum()))
        middle = (p + q) / 2
        return float(0.5 * rel_entr(p, middle).sum() + 0.5 * rel_entr(q, middle).sum())

    @property
    def from_half(self) -> float:
        """E |D(x) − ½| over the data: ½ when D is certain, 0 when it cannot tell."""
        return float(np.average(np.abs(self.discriminator - 0.5), weights=self.data))


def moments(steps: int, at: Sequence[int], *, seed: int) -> list[Moment]:
    """Train for `steps` generator steps and look at the game after each number of them in `at`.

    0 is before training. Raises `gans.Diverged` as the trainer does.
    """
    trainer = trainer_of(steps, seed=seed)
    wanted, seen = sorted(set(at)), []
    for step in wanted:
        while trainer.steps < step:
            trainer.step()
        seen.append(look(trainer))
    return seen


def trainer_of(steps: int, *, seed: int) -> gans.Trainer:
    """The trainer of Figure 1 before its first step."""
    variant = dataclasses.replace(
        gans.get("vanilla"),
        noise=Normal(nz=1),
        optimiser_g=Adam(lr=LR_G, beta1=0.0),
        optimiser_d=Adam(lr=LR_D, beta1=0.0),
        critic=Constant(n_critic=CRITIC_STEPS),
        schedule="linear",
    )
    with seeded(seed, "initialisation"):
        players = perceptron(WIDTHS), perceptron(WIDTHS)
    settings = gans.Settings(batch_size=BATCH, kimg=steps * BATCH / 1000, seed=seed)
    return gans.Trainer(variant, torch.from_numpy(DATA.table(DATA_POINTS)), settings, players=players)


def perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    """One number to one number through tanh layers."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise((1, *widths)):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 1))


def look(trainer: gans.Trainer, *, arrows: int = 21) -> Moment:
    """The game as it stands."""
    edges = np.linspace(LOW, HIGH, N_BINS + 1)
    width = edges[1] - edges[0]
    middles = (edges[1:] + edges[:-1]) / 2
    data = np.diff(DATA.cumulative(edges)) / width
    made = applied(trainer.generator, latents(LATENTS))
    generated = np.histogram(made, edges)[0] / LATENTS / width
    total = data + generated
    shown = latents(arrows)
    return Moment(
        step=trainer.steps,
        x=middles,
        data=data,
        generated=generated,
        discriminator=expit(applied(trainer.discriminator, middles)),
        optimal=np.divide(data, total, out=np.full_like(total, np.nan), where=total > LEAST_DENSITY),
        z=shown,
        images=applied(trainer.generator, shown),
    )


def latents(n: int) -> NDArray[np.float64]:
    """Quantiles of z, `(n,)`: the middles of equally probable parts, ascending."""
    return ndtri((np.arange(n) + 0.5) / n)


@torch.no_grad()
def applied(network: nn.Module, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """A network's outputs `(n,)` for numbers `(n,)`."""
    return network(torch.from_numpy(numbers).float()[:, None]).double().numpy()[:, 0]
