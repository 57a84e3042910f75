"""Weights files of other people's networks: fetched, read as tensors only, and named by their SHA-256."""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from metrics.archives import Archive
from metrics.errors import MetricError


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_weights_file(path: Path) -> None:
    """Raise MetricError, in one sentence, unless `path` is a file that can be read and isn't empty."""
    if path.is_dir():
        raise MetricError(f"weights can't be read from {path}: it is a folder, and one file is needed")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise MetricError(f"weights can't be read from {path}: the file is empty")
    except FileNotFoundError as error:
        raise MetricError(f"weights can't be read from {path}: there is no such file") from error
    except OSError as error:
        raise MetricError(f"weights can't be read from {path}: {error}") from error


def read_state_dict(path: Path, what: str) -> dict[str, Tensor]:
    """Read a state dict from a ``.safetensors`` file, or from what `torch.save` wrote.

    Nothing but tensors is unpickled, so a file from anywhere can do no harm.

    Parameters
    ----------
    path
        The file.
    what
        What it should hold, such as ``"DINOv2 weights"``; for messages.

    Returns
    -------
    dict of str to Tensor
        On the CPU, in the file's own dtypes.

    Raises
    ------
    MetricError
        If the file is missing, empty, a folder, cut short, or holds anything else.
    """
    check_weights_file(path)
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise MetricError(f"{path} is not a whole safetensors file, so it holds no {what}") from error
    if is_torchscript(path):
        raise MetricError(
            f"{path} is a TorchScript archive, which runs code of its own when loaded: give {what} as a "
            "state dict, saved by torch.save(module.state_dict(), …)"
        )
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    # A pickle that is damaged, or none at all, can fail in any way.
    except Exception as error:
        raise MetricError(f"{path} does not hold {what}: {_reason(path)}") from error
    if not isinstance(contents, dict) or not all(isinstance(value, Tensor) for value in contents.values()):
        raise MetricError(f"{path} does not hold {what}: it is not a state dict, names and their tensors")
    return contents


def is_torchscript(path: Path) -> bool:
    """Whether the file is what `torch.jit.save` wrote."""
    try:
        return any(name.endswith("/constants.pkl") for name in Archive(path).names)
    except MetricError:  # no zip, or a damaged one
        return False


def load_into(network: nn.Module, weights: dict[str, Tensor], path: Path, what: str) -> None:
    """Fill `network` with `weights`, which must fit it exactly.

    Raises
    ------
    MetricError
        If they are another network's; `what` says in words which ones are needed.
    """
    wanted = network.state_dict()
    if missing := [name for name in wanted if name not in weights]:
        raise MetricError(f"{path} does not hold {what}: it has no '{missing[0]}'")
    if foreign := [name for name in weights if name not in wanted]:
        raise MetricError(f"{path} does not hold {what}: it has a '{foreign[0]}', which they have not")
    for name, tensor in wanted.items():
        if weights[name].shape != tensor.shape:
            raise MetricError(
                f"{path} does not hold {what}: '{name}' is {tuple(weights[name].shape)} and should be "
                f"{tuple(tensor.shape)}"
            )
    network.load_state_dict(weights)


def downloaded(url: str, file_name: str, extractor: str, sha256_prefix: str | None = None) -> Path:
    """Path of a weights file in torch.hub's folder, downloaded if it is not there.

    Parameters
    ----------
    url
        Where its authors keep it.
    file_name
        Its name in the ``checkpoints`` folder.
    extractor
        The extractor's name, for the message.
    sha256_prefix
        The first digits of its SHA-256, if known; the download is checked against them.

    Raises
    ------
    MetricError
        If it is neither there nor to be had, with where to get it and how to name it.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / file_name
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256_prefix, progress=False)
    except (OSError, RuntimeError) as error:
        raise MetricError(
            f"weights of {extractor} are not at {path} and can't be downloaded ({error}): fetch {url} and "
            f"put it there, or give its place as '{extractor}:PATH'"
        ) from error
    return path


def _reason(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"PK\x03\x04":
        return "it is not a file of PyTorch weights, or a damaged one"
    try:
        Archive(path)
    except MetricError:  # not by `zipfile.is_zipfile`, which a damaged directory makes raise
        return "the file is cut short, or damaged"
    return "it is damaged, or holds more than tensors"
