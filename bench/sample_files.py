"""Samples as files: a picture each, one array, or one picture of all."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.pictures import save_picture, to_picture
from bench.sheets import class_sheet, save_sheet, walk_sheet

LABELS = "labels.npy"


def save_pictures(samples: Tensor, labels: Tensor | None, names: Sequence[str] | None, folder: Path) -> None:
    """Write images uint8 `(n, C, H, W)`, or walks `(n, steps, C, H, W)`, as a PNG file an image.

    `00000.png`, `00001.png`, … (of walks `00000-00.png`, …), numbered through; those of a class in a folder
    of its name, a tree that torchvision's ImageFolder reads.
    """
    places = [folder] * len(samples)
    if labels is not None and names is not None:
        own = class_folders(names)
        places = [folder / own[label] for label in labels.tolist()]
    digits = max(5, len(str(len(samples) - 1)))
    for i, (sample, place) in enumerate(zip(samples, places, strict=True)):
        number = f"{i:0{digits}d}"
        if sample.dim() == 3:
            save_picture(to_picture(sample), place / f"{number}.png")
            continue
        step_digits = max(2, len(str(len(sample) - 1)))
        for step, image in enumerate(sample):
            save_picture(to_picture(image), place / f"{number}-{step:0{step_digits}d}.png")


def class_folders(names: Sequence[str]) -> list[str]:
    """A folder's name for each class: its own without what a path cannot hold, none twice on any disk."""
    safe = [re.sub(r"[^\w. +-]", "_", name).strip(" .") for name in names]
    if all(safe) and len({name.casefold() for name in safe}) == len(safe):
        return safe
    return [f"{label}-{name}" for label, name in enumerate(safe)]


def save_array(samples: Tensor, labels: Tensor | None, path: Path) -> None:
    """Write samples as a `.npy` file, and labels, int64 `(n,)`, as `labels.npy` beside it."""
    np.save(path, samples.numpy())
    if labels is not None:
        np.save(path.with_name(LABELS), labels.numpy())


def save_grid_of(samples: Tensor, labels: Tensor | None, classes: Sequence[int], path: Path) -> None:
    """Write images `(n, C, H, W)` or walks `(n, steps, C, H, W)` as one picture.

    With labels, int64 `(n,)`, those of `classes[0]` stand on top, those of `classes[1]` below, and so on.
    """
    groups = [samples]
    if labels is not None:
        groups = [samples[labels == label] for label in classes]
    save_sheet(class_sheet(groups) if samples.dim() == 4 else walk_sheet(torch.cat(groups)), path)
