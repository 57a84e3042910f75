"""Variants of generative adversarial networks, and the one trainer that trains them all.

    variant = gans.get("dcgan")                                  # a recipe: plain data
    trainer = gans.Trainer(variant, images, gans.Settings(kimg=128))
    for record in trainer.train():                               # monitors, every 50 generator steps
        print(record["kimg"], record["d_real"], record["d_fake"])
    samples = trainer.sampler().sample(100)                      # uint8 (100, C, H, W)

    sampler = gans.load("runs/…/checkpoint.safetensors")         # later, from a file
    samples = sampler.sample(100)

This package knows nothing of scores, tables or folders: `bench` puts it together with `metrics` and
`results`.
"""

from gans.batches import SampleSource
from gans.checkpoint import save_checkpoint
from gans.classes import Classes
from gans.compilation import COMPILE_MODES
from gans.configuration import field_values, has_field, set_field, to_config
from gans.errors import Diverged, Unsupported, VariantError
from gans.precision import PRECISIONS
from gans.registry import get, names, register
from gans.sampler import Sampler, load
from gans.seeding import generator_for
from gans.settings import Settings
from gans.trainer import Trainer
from gans.variant import Variant

__all__ = [
    "COMPILE_MODES",
    "PRECISIONS",
    "Classes",
    "Diverged",
    "SampleSource",
    "Sampler",
    "Settings",
    "Trainer",
    "Unsupported",
    "Variant",
    "VariantError",
    "field_values",
    "generator_for",
    "get",
    "has_field",
    "load",
    "names",
    "register",
    "save_checkpoint",
    "set_field",
    "to_config",
]
