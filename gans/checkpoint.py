"""Checkpoints: safetensors files with the recipe in their metadata; nothing in them is ever run."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gans import registry
from gans.classes import Classes
from gans.configuration import from_config, to_config
from gans.errors import VariantError
from gans.variant import Variant

FORMAT = "gan-bench checkpoint 1"
PART = ".part"  # ends the name of a file that is being written


def save_checkpoint(
    path: Path,
    state: Mapping[str, Tensor],
    variant: Variant,
    shape: tuple[int, ...],
    classes: Classes | None,
    *,
    context: Mapping[str, Any] | None = None,
) -> None:
    """Write a trainer's state so that `path` holds either the old file or the whole new one.

    When it returns, the file lasts through a power cut.

    Parameters
    ----------
    path
        Where to; `path` + ".part" is written first.
    state
        As `Trainer.state_dict` returns it; tensors of other names may be added.
    variant, shape, classes
        What was trained, so that `gans.load` makes a sampler of it.
    context
        What else a reader should know, JSON-ready: kept as the metadata's "context".

    Raises
    ------
    VariantError
        If the variant has no name.
    OSError
        If the file cannot be written. What was there before stays.
    """
    if not variant.name:
        raise VariantError("A variant without a name cannot be loaded again: register it.")
    metadata = json.dumps(
        {
            "variant": to_config(variant),
            "shape": list(shape),
            "classes": None if classes is None else asdict(classes),
            "context": dict(context or {}),
        }
    )
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    header = {"format": FORMAT, "gan-bench": metadata, "sha256": _checksum(tensors, metadata)}
    _write(path, save(tensors, header))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All tensors, and the metadata, of a checkpoint file, its checksum verified.

    A file of before there were checksums is read as it is.

    Raises
    ------
    VariantError
        If there is no such file, or if it is damaged or not a checkpoint of gan-bench. If it cannot be read
        though it may be good, its cause is an OSError.
    """
    if not path.is_file():
        raise VariantError(f"There is no checkpoint {path}.")
    try:
        path.open("rb").close()  # safetensors would only say that it is not there
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise VariantError(f"{path} is not a checkpoint of gan-bench.")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        content = header.get("gan-bench", "")
        if header.get("sha256", None) not in (None, _checksum(tensors, content)):
            raise VariantError(f"The checkpoint {path} is damaged: its checksum is wrong.")
        metadata = json.loads(content)
        if not isinstance(metadata, dict):
            raise VariantError(f"The checkpoint {path} is damaged: its metadata are no JSON object.")
        return tensors, metadata
    except OSError as error:
        raise VariantError(f"The checkpoint {path} cannot be read: {error.strerror or error}.") from error
    except VariantError:
        raise
    except (SafetensorError, ValueError, RecursionError) as error:
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


def _checksum(tensors: Mapping[str, Tensor], metadata: str) -> str:
    """SHA-256 over the metadata and every tensor's name, kind, shape and bytes, in the names' order."""
    digest = hashlib.sha256(metadata.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        error.filename = error.filename or str(part)  # a write to an open file does not say to which
        raise
    finally:
        part.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere folders can't be opened
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
