"""Command lines that take a second, and what a command left behind."""

import contextlib
import io
import os
import shlex
from pathlib import Path
from typing import NamedTuple

from safetensors.torch import load_file
from torch import Tensor

import bench.run
from bench import cli
from bench.todo import CHECKPOINT

# 4 generator steps of a network of nothing: what is tested is the way, not the result.
TINY = "--set hidden_g=8 --set hidden_d=8 --kimg 0.256 --metrics parzen --samples 16 --device cpu"
VANILLA = f"--variants vanilla {TINY}"
WGAN_TOO = f"--variants vanilla,wgan --set ngf=2 --set ndf=2 --set boost=2 {TINY}"
CGAN = "--variants cgan --set ngf=2 --set ndf=2 --kimg 0.256 --metrics none --device cpu"

RING = (
    "--variants vanilla --dataset ring8 --set hidden_g=8 --set hidden_d=8 --batch-size 32 --kimg 1.28 "
    "--eval-every 0.32 --metrics modes --samples 200 --device cpu"
)


class Finished(NamedTuple):
    code: int
    out: str
    err: str


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def learned(folder: Path) -> dict[str, Tensor]:
    """What a run's final checkpoint says of its training, what it cost left out."""
    tensors = load_file(folder / CHECKPOINT)
    del tensors["progress.training_sec"]
    return {name: tensor for name, tensor in tensors.items() if not name.startswith("costs.")}


def only_folder(store: Path) -> Path:
    """The folder of the one run in a store."""
    (folder,) = (path for path in store.iterdir() if path.is_dir())
    return folder


def finished_store(command: str, folder: Path) -> Path:
    """A store in a folder with what a command of `bench.run` leaves."""
    store = folder / "runs"
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert cli.call(bench.run.main, shlex.split(f"{command} --output {store}")) == cli.OK
    return store


def send(signum: int):
    """What sends a signal to this process."""
    return lambda: os.kill(os.getpid(), signum)
