"""Command lines that take a second, and what a command left behind."""

from pathlib import Path
from typing import NamedTuple

# 4 generator steps of a network of nothing: what is tested is the way, not the result.
TINY = "--set hidden_g=8 --set hidden_d=8 --kimg 0.256 --metrics parzen --samples 16 --device cpu"
VANILLA = f"--variants vanilla {TINY}"
WGAN_TOO = f"--variants vanilla,wgan --set ngf=2 --set ndf=2 --set boost=2 {TINY}"
CGAN = "--variants cgan --set ngf=2 --set ndf=2 --kimg 0.256 --metrics none --device cpu"


class Finished(NamedTuple):
    code: int
    out: str
    err: str


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def only_folder(store: Path) -> Path:
    """The folder of the one run in a store."""
    (folder,) = (path for path in store.iterdir() if path.is_dir())
    return folder
