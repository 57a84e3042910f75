"""Folders of small pictures that tests write."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_picture(path: Path, seed: int, *, size: tuple[int, int] = (16, 16), mode: str = "L") -> Path:
    """A picture of noise, of `size` (width, height), different for every seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def write_pile(folder: Path, n: int, *, first_seed: int = 0, **options: object) -> list[Path]:
    """`n` different pictures, 000.png, 001.png, … in one folder."""
    return [write_picture(folder / f"{i:03d}.png", first_seed + i, **options) for i in range(n)]


def write_classes(
    folder: Path, n: int, names: tuple[str, ...] = ("cats", "dogs"), first_seed: int = 0
) -> None:
    """`n` different pictures of each class."""
    for k, name in enumerate(names):
        write_pile(folder / name, n, first_seed=first_seed + 1000 * k)


def cut_in_half(path: Path) -> None:
    """A file whose second half has been lost."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
