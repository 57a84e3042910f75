"""A trainer of every registered variant, small, with labels."""

import dataclasses

import torch

import gans
from gans.critic_schedule import Boosted
from gans.networks import DCGAN

SMALL = {"ngf": 4, "ndf": 4}


def trainer_of(name: str, *, size: int = 16, channels: int = 1, batch_size: int = 8, n: int = 40, **changes):
    """A trainer that would take 4 steps; `changes` are fields of its settings."""
    variant = gans.get(name)
    if isinstance(variant.critic, Boosted):  # 100 steps of the critic before each of the first ones of G
        variant = dataclasses.replace(variant, critic=dataclasses.replace(variant.critic, boost=7))
    if isinstance(variant.network, DCGAN):
        variant = dataclasses.replace(variant, network=dataclasses.replace(variant.network, **SMALL))
    source = torch.Generator().manual_seed(0)
    data = torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8, generator=source)
    labels = torch.randint(0, 10, (n,), generator=source)
    settings = gans.Settings(batch_size=batch_size, kimg=4 * batch_size / 1000, **changes)
    return gans.Trainer(variant, data, settings, labels=labels, class_names=tuple("abcdefghij"))


def everything(trainer: gans.Trainer) -> dict[str, torch.Tensor]:
    """A copy of all that decides how a training goes on, torch's own global generator too."""
    state = {name: tensor.clone() for name, tensor in trainer.state_dict().items()}
    return state | {"global": torch.get_rng_state()}


def assert_unchanged(trainer: gans.Trainer, before: dict[str, torch.Tensor]) -> None:
    after = everything(trainer)
    assert after.keys() == before.keys()
    assert [name for name in before if not torch.equal(before[name], after[name])] == []
