"""Sheets: pictures of images in an order that means something."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from bench.errors import InputError
from bench.pictures import WHITE, enlarged, save_picture, tiled, to_picture

LONGEST_SIDE = 1200  # pixels: up to it, small images are enlarged by whole pixels
MOST_PIXELS = 2**26  # 8,192 × 8,192: what viewers open


def class_sheet(classes: Sequence[Tensor]) -> Tensor:
    """Images uint8 `(n, C, H, W)` of one or several classes as one image, `(C, h, w)`: a row a class.

    Few classes of many images go on in further rows, and the next class begins after a gap; those of a
    single class fill a square.
    """
    square = math.ceil(math.sqrt(sum(len(images) for images in classes)))
    most = max(len(images) for images in classes)
    columns = min(most, square if len(classes) == 1 else 2 * square)
    gap = 0 if most <= columns else _gap(classes[0])
    return _joined([tiled(images, columns) for images in classes], gap=gap, dim=1)


def walk_sheet(walks: Tensor) -> Tensor:
    """Walks uint8 `(n, steps, C, H, W)` as one image `(C, h, w)`: a row a walk."""
    return tiled(walks.flatten(0, 1), walks.shape[1])


def neighbour_sheet(images: Tensor, neighbours: Tensor) -> Tensor:
    """Images uint8 `(n, C, H, W)`, each with its neighbours, `(n, k, C, H, W)`, after a gap: a row an image.

    One image `(C, h, w)`; rows that would make it higher than wide go on in panels beside them.
    """
    n, k, _, height, width = neighbours.shape
    gap = _gap(images)
    panel_width = (1 + k) * (width + 1) + 4 * gap
    panels = max(1, min(n, round((n * (height + 1) / panel_width) ** 0.5)))
    rows = -(-n // panels)
    joined = []
    for start in range(0, n, rows):
        part = slice(start, start + rows)
        pair = [tiled(images[part], 1), tiled(neighbours[part].flatten(0, 1), k)]
        joined.append(_joined(pair, gap=gap, dim=2))
    return _joined(joined, gap=3 * gap, dim=2)


def save_sheet(sheet: Tensor, path: Path) -> None:
    """Write a sheet uint8 `(C, h, w)` as a PNG, enlarged by whole pixels if it is small."""
    picture = to_picture(sheet)
    save_picture(enlarged(picture, max(1, LONGEST_SIDE // max(picture.size))), path)


def require_viewable(n: int, shape: tuple[int, ...]) -> None:
    """Refuse a sheet of `n` images `(C, H, W)` that no viewer would open.

    Raises
    ------
    InputError
        If it has more than `MOST_PIXELS`.
    """
    _, height, width = shape
    if n * (height + 1) * (width + 1) > MOST_PIXELS:
        raise InputError(
            f"One picture of {n} images of {height} × {width} is more than viewers open "
            f"({MOST_PIXELS / 1e6:.0f} million pixels): ask for fewer."
        )


def _joined(sheets: list[Tensor], *, gap: int, dim: int) -> Tensor:
    """Sheets below (dim 1) or beside one another (dim 2), the shorter ones filled up with white."""
    longest = max(sheet.shape[3 - dim] for sheet in sheets)
    parts = []
    for i, each in enumerate(sheets):
        # With no gap, the line that ends one sheet is the one that begins the next.
        sheet = each if i == 0 or gap else each.narrow(dim, 1, each.shape[dim] - 1)
        across, along = longest - sheet.shape[3 - dim], gap if i < len(sheets) - 1 else 0
        padding = (0, across, 0, along) if dim == 1 else (0, along, 0, across)
        parts.append(torch.nn.functional.pad(sheet, padding, value=WHITE))
    return torch.cat(parts, dim)


def _gap(images: Tensor) -> int:
    return max(2, images.shape[-1] // 4)
