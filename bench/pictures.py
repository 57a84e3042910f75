"""Samples as PNG files: images as grids, points as a scatter."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

import metrics
import results
from bench.datasets import Dataset
from results.atomic import replacing

WHITE = 255
SMALLEST_SIDE = 448  # pixels: 8 × 8 pictures of 16 pixels would otherwise be a stamp


def to_picture(image: Tensor) -> Image.Image:
    """A uint8 `(C, H, W)` image, C = 1 or 3, as a picture."""
    pixels = image.permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def save_grid(images: Tensor, path: Path, *, columns: int = 8) -> None:
    """Write uint8 `(n, C, H, W)` images as one picture, enlarged by whole pixels to be looked at."""
    picture = to_picture(tiled(images, columns))
    save_picture(enlarged(picture, max(1, -(-SMALLEST_SIDE // min(picture.size)))), path)


def enlarged(picture: Image.Image, factor: int) -> Image.Image:
    """A picture whose every pixel has become `factor` × `factor`."""
    size = (picture.width * factor, picture.height * factor)
    return picture.resize(size, Image.Resampling.NEAREST)


def save_scatter(points: Tensor, dataset: Dataset, path: Path, *, title: str) -> None:
    """Draw float32 `(n, 2)` points over as many of the training set's, its modes circled if they are known.

    The title says what the points shown capture: what a score says is measured on more of them.
    """
    modes, real = dataset.modes, dataset.train.tensor
    assert not isinstance(modes, metrics.StackedModes), "those are of images"
    if modes is not None:
        counts = metrics.mode_counts(points, modes)
        share, _ = metrics.high_quality_share(counts, len(points))
        title += (
            f"\n{metrics.modes_captured(counts)} of {len(counts)} modes, {share:.1%} within "
            f"{metrics.HIGH_QUALITY_SIGMAS:g} σ, of the {len(points):,} points shown"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    results.plot_points(
        points.numpy(),
        real[: len(points)].numpy(),
        path,
        title=title,
        centres=None if modes is None else modes.centres.numpy(),
        radius=None if modes is None else metrics.HIGH_QUALITY_SIGMAS * modes.sigma,
        circle_label=f"{metrics.HIGH_QUALITY_SIGMAS:g} σ of a mode",
    )


def tiled(images: Tensor, columns: int) -> Tensor:
    """One uint8 `(C, H, W)` image of all images in rows, with a white line of a pixel around each."""
    rows = -(-len(images) // columns)
    padded = torch.nn.functional.pad(images, (0, 1, 0, 1), value=WHITE)
    n, c, h, w = padded.shape
    cells = torch.cat((padded, padded.new_full((rows * columns - n, c, h, w), WHITE)))
    grid = cells.view(rows, columns, c, h, w).permute(2, 0, 3, 1, 4).reshape(c, rows * h, columns * w)
    return torch.nn.functional.pad(grid, (1, 0, 1, 0), value=WHITE)


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a PNG so that `path` holds either the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG")


def is_image_shape(shape: tuple[int, ...] | torch.Size) -> bool:
    """Whether one sample of this shape is an image, `(C, H, W)`; otherwise it is a point."""
    return len(shape) == 3
