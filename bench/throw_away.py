"""A small copy of a trainer to look at: whatever is done to it, the trainer stays as it was."""

import copy
import dataclasses

import torch

import gans
from gans.critic_schedule import Constant


def throw_away(trainer: gans.Trainer, *, batch_size: int, critic_steps: int) -> gans.Trainer:
    """An eager trainer of the same recipe on copies of the same players, its data all zeros.

    Nothing is shared with `trainer`: its weights, generators, buffers and batches stay untouched.

    Parameters
    ----------
    batch_size
        Samples in each of its batches, and in its data.
    critic_steps
        D steps before each of its G steps, whatever the recipe's schedule.
    """
    samples = trainer.batches.samples
    labels = None
    if trainer.classes is not None:
        labels = torch.zeros(batch_size, dtype=torch.int64)
    return gans.Trainer(
        dataclasses.replace(trainer.variant, critic=Constant(n_critic=critic_steps)),
        torch.zeros(batch_size, *trainer.shape, dtype=samples.dtype),
        dataclasses.replace(trainer.settings, batch_size=batch_size, compile="off"),
        labels=labels,
        class_names=None if trainer.classes is None else trainer.classes.names,
        players=copy.deepcopy((trainer.generator, trainer.discriminator)),
    )
