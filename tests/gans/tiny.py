"""Recipes and data so small that a step takes about a millisecond."""

import dataclasses

import torch
from torch import Tensor

import gans
from gans.critic_schedule import Boosted
from gans.networks import DCGAN, MLP
from gans.noise import Normal

VARIANTS = ("dcgan", "vanilla", "wgan")
BATCH = 16


def tiny(name: str, **changes: object) -> gans.Variant:
    pieces = {
        "dcgan": {"network": DCGAN(ngf=4, ndf=4)},
        "vanilla": {"network": MLP(hidden_g=(16, 16, 16), hidden_d=(16, 16, 16))},
        "wgan": {
            "network": DCGAN(ngf=4, ndf=4),
            "critic": Boosted(n_critic=2, boost=3, first=1, every=4),
        },
    }
    return dataclasses.replace(gans.get(name), noise=Normal(nz=8), **(pieces[name] | changes))


def images(n: int = 72, *, channels: int = 1, size: int = 16) -> Tensor:
    """72 is no multiple of the batch, so that epochs end inside one; from 16 × 16 on, D has batch norm."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8, generator=generator)


def points(n: int = 72) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(0))


def settings(steps: int, **changes: object) -> gans.Settings:
    batch = changes.pop("batch_size", BATCH)
    return gans.Settings(batch_size=batch, kimg=steps * batch / 1000, **changes)


def trainer(name: str, steps: int, data: Tensor | None = None, **changes: object) -> gans.Trainer:
    """A trainer of a tiny variant, `changes` being fields of the variant."""
    return gans.Trainer(tiny(name, **changes), images() if data is None else data, settings(steps))


def everything(trainer: gans.Trainer) -> dict[str, Tensor]:
    """A copy of all that decides how training goes on, the clock left out."""
    state = {name: tensor.clone() for name, tensor in trainer.state_dict().items()}
    del state["progress.training_sec"]
    return state


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    """Bit for bit."""
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
