"""Train one of our trainers, and get all that a plain loop needs to do the same again."""

import copy

import torch
from torch import Tensor, nn

import gans
from gans.batches import Batch
from gans.randomness import Randomness

# Other kernels (channels last, one backward or two) sum in another order. In float32 that is 1e-6 of the
# way that the weights went, until an activation within rounding of 0 falls on the other side of a
# rectifier: from there the two trainings part, by a factor of about 1.5 a step (seen: .1 after twenty).
# In float64 (the fixture) such an activation is 1e9 times as rare, and what was measured is below 1e-12.
# A changed algorithm, of those tried: .11 and more.
ROUNDING, ANOTHER_ALGORITHM = 1e-9, 0.05

Call = tuple[Batch, Randomness, bool]


def replayed(trainer: gans.Trainer) -> tuple[nn.Module, nn.Module, list[Call]]:
    """Train to the end; the players' copies from before, and every step's data and randomness."""
    players = copy.deepcopy(trainer.generator), copy.deepcopy(trainer.discriminator)
    calls, run_step = [], trainer.run_step

    def spy(batch: Batch, random: Randomness, train_generator: bool) -> Tensor:
        calls.append((batch, random, train_generator))
        return run_step(batch, random, train_generator)

    trainer.run_step = spy
    list(trainer.train())
    return *players, calls


def difference(module: nn.Module, reference: nn.Module, start: nn.Module) -> float:
    """How far apart two modules' parameters are, as a share of how far `reference` went from `start`."""

    def flat(m: nn.Module) -> Tensor:
        return torch.cat([p.detach().flatten() for p in m.parameters()])

    moved = (flat(reference) - flat(start)).norm()
    assert moved > 0
    return ((flat(module) - flat(reference)).norm() / moved).item()
