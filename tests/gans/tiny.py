"""Recipes and data so small that a step takes about a millisecond."""

import dataclasses

import torch
from torch import Tensor

import gans
from gans.critic_schedule import Boosted
from gans.networks import DCGAN, MLP, Maxout

VARIANTS = ("acgan", "cgan", "dcgan", "gan2014", "lsgan", "vanilla", "wgan", "wgan_gp")
N_CLASSES = 4
BATCH = 16


def tiny(name: str, **changes: object) -> gans.Variant:
    variant = gans.get(name)
    small: dict[type, dict[str, object]] = {
        DCGAN: {"ngf": 4, "ndf": 4},
        MLP: {"hidden_g": (16, 16, 16), "hidden_d": (16, 16, 16)},
        # Larger weights: at the paper's, so narrow a D says ½ to everything.
        Maxout: {"hidden_g": (16, 16), "hidden_d": (8, 8), "pieces": 3, "init_g": 0.2, "init_d": 0.2},
    }
    pieces: dict[str, object] = {
        "network": dataclasses.replace(variant.network, **small[type(variant.network)]),
        "noise": dataclasses.replace(variant.noise, nz=8),
    }
    if variant.critic.n_critic > 1:
        pieces["critic"] = Boosted(n_critic=2, boost=3, first=1, every=4)
    if name == "cgan":
        pieces["conditioning"] = dataclasses.replace(variant.conditioning, embedding=5)
    return dataclasses.replace(variant, **(pieces | changes))


def images(n: int = 72, *, channels: int = 1, size: int = 16) -> Tensor:
    """72 is no multiple of the batch, so that epochs end inside one; from 16 × 16 on, D has batch norm."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8, generator=generator)


def labels(n: int = 72) -> Tensor:
    return torch.randint(0, N_CLASSES, (n,), generator=torch.Generator().manual_seed(1))


def points(n: int = 72) -> Tensor:
    return torch.randn(n, 2, dtype=torch.float32, generator=torch.Generator().manual_seed(0))


def settings(steps: int, **changes: object) -> gans.Settings:
    batch = changes.pop("batch_size", BATCH)
    return gans.Settings(batch_size=batch, kimg=steps * batch / 1000, **changes)


def trainer(name: str, steps: int, data: Tensor | None = None, **changes: object) -> gans.Trainer:
    """A trainer of a tiny variant, `changes` being fields of the variant."""
    return trainer_on(images() if data is None else data, tiny(name, **changes), settings(steps))


def trainer_on(data: Tensor, variant: gans.Variant, settings: gans.Settings) -> gans.Trainer:
    """A trainer with labels, which unconditional variants leave alone."""
    return gans.Trainer(variant, data, settings, labels=labels(len(data)), class_names=tuple("abcd"))


def everything(trainer: gans.Trainer) -> dict[str, Tensor]:
    """A copy of all that decides how training goes on, the clock left out."""
    state = {name: tensor.clone() for name, tensor in trainer.state_dict().items()}
    del state["progress.training_sec"]
    return state


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    """Bit for bit, NaN and the sign of zero included."""
    assert one.keys() == other.keys()
    assert [name for name in one if bits(one[name]) != bits(other[name])] == []


def bits(tensor: Tensor) -> tuple[torch.dtype, torch.Size, bytes]:
    """All that a tensor is."""
    content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return tensor.dtype, tensor.shape, content.numpy().tobytes()
