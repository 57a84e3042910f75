"""The pictures that a training leaves: what fixed latents become, and walks between latents."""

from pathlib import Path

import torch

import gans
from bench.drawing import walks_of_run
from bench.grid import Cell
from bench.pictures import is_image_shape, save_grid, save_scatter
from bench.sheets import save_sheet, walk_sheet

GRID_COLUMNS = 8
GRID_IMAGES = 8 * GRID_COLUMNS
GRID_ROWS = 10  # classes shown, of a conditional variant
SCATTER_POINTS = 2500  # as in PacGAN's figures


def fixed_latents(cell: Cell) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Noise, and labels for a conditional variant (a row of the picture a class), of a run's pictures."""
    n_classes = cell.dataset.n_classes
    labels = None
    points = not is_image_shape(cell.dataset.shape)
    n = SCATTER_POINTS if points else GRID_IMAGES
    if cell.variant.conditional and n_classes is not None:
        labels = torch.arange(min(n_classes, GRID_ROWS)).repeat_interleave(GRID_COLUMNS)
        if points:  # every class, as often
            labels = torch.arange(n) % n_classes
        n = len(labels)
    return cell.variant.noise.draw(n, gans.generator_for(cell.settings.seed, "progress")), labels


def title_of(cell: Cell) -> str:
    """What stands above a run's figures."""
    return f"{cell.variant.name} on {cell.dataset.name}, seed {cell.settings.seed}"


def save_pictures(
    cell: Cell,
    sampler: gans.Sampler,
    latents: tuple[torch.Tensor, torch.Tensor | None],
    folder: Path,
    kimg: float,
    *,
    final: bool,
) -> dict[str, Path]:
    """Draw the generator as it is now, from `fixed_latents`; at the end walks, too, if it makes images.

    Returns
    -------
    dict
        The PNG files by what they show: ``samples``, ``walks``.
    """
    pictures = {"samples": folder / ("samples.png" if final else f"progress/kimg-{kimg:09.3f}.png")}
    samples = sampler.decode(*latents)
    if not is_image_shape(cell.dataset.shape):
        save_scatter(samples, cell.dataset, pictures["samples"], title=title_of(cell))
        return pictures
    save_grid(samples, pictures["samples"], columns=GRID_COLUMNS)
    if final:
        pictures["walks"] = folder / "walk.png"
        save_sheet(walk_sheet(walks_of_run(sampler, cell.settings.seed)), pictures["walks"])
    return pictures
