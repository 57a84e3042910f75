"""Checkpoints: safetensors files with the recipe in their metadata; nothing in them is ever run."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gans import registry
from gans.classes import Classes
from gans.configuration import from_config, to_config
from gans.errors import VariantError
from gans.variant import Variant

FORMAT = "gan-bench checkpoint 1"


def save_checkpoint(
    path: Path,
    state: dict[str, Tensor],
    variant: Variant,
    shape: tuple[int, ...],
    classes: Classes | None,
) -> None:
    """Write a trainer's state so that `path` holds either the old file or the whole new one."""
    if not variant.name:
        raise VariantError("A variant without a name cannot be loaded again: register it.")
    metadata = {
        "variant": to_config(variant),
        "shape": list(shape),
        "classes": None if classes is None else asdict(classes),
    }
    temporary = path.with_name(path.name + ".part")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    try:
        save_file(tensors, temporary, {"format": FORMAT, "gan-bench": json.dumps(metadata)})
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All tensors, and the metadata, of a checkpoint file.

    Raises
    ------
    VariantError
        If there is no such file, or if it is damaged or not a checkpoint of gan-bench.
    """
    if not path.is_file():
        raise VariantError(f"There is no checkpoint {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise VariantError(f"{path} is not a checkpoint of gan-bench.")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, json.loads(header["gan-bench"])
    except (SafetensorError, ValueError, OSError) as error:
        if isinstance(error, VariantError):
            raise
        raise VariantError(f"The checkpoint {path} is damaged: {error}") from error


def variant_of(metadata: dict[str, Any]) -> Variant:
    """The recipe that a checkpoint was trained with, its changed fields included."""
    config = metadata["variant"]
    variant = registry.get(config["name"])
    if config["version"] != variant.version:
        raise VariantError(
            f"The checkpoint is of {variant.name} version {config['version']}; "
            f"this gan-bench has version {variant.version}."
        )
    return from_config(variant, config)
