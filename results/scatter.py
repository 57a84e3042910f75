"""Real and generated points of one run in one picture."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from results.atomic import replacing
from results.errors import StoreError
from results.figures import BLUE, GREY, ORANGE

_MARGIN = 0.25  # of the real points' extent: how far outside them a generated point is still shown
_BLANK = 0.02


def plot_points(
    fake: NDArray[Any],
    real: NDArray[Any],
    path: str | Path,
    *,
    title: str,
    centres: NDArray[Any] | None = None,
    radius: float | None = None,
    circle_label: str = "",
) -> None:
    """Draw generated points over real ones to a PNG of 900 × 900 pixels, with equal axes.

    The axes hold the real points with a margin; how many generated points lie beyond is written below.

    Parameters
    ----------
    fake
        Generated points, (n, 2), finite.
    real
        Real points, (m, 2), finite.
    path
        The PNG, written atomically.
    title
        Stands above the figure; may have several lines.
    centres, radius
        Of circles around the modes, (k, 2) and > 0, in the points' units; None for no circles.
    circle_label
        What the circles are, for the legend; left out there if empty.

    Raises
    ------
    StoreError
        Something else than points, or the file can't be written.
    """
    for points, what in ((fake, "generated"), (real, "real")):
        if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0 or not np.isfinite(points).all():
            raise StoreError(
                f"The {what} points must be finite and of shape (n, 2), not of shape {points.shape}."
            )
    figure = Figure(figsize=(9, 9), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_title(title, fontsize=14)
    lowest, highest = real.min(axis=0), real.max(axis=0)
    middle, half = (lowest + highest) / 2, (0.5 + _MARGIN) * max(*(highest - lowest), 1e-9)
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_aspect("equal")
    axes.scatter(real[:, 0], real[:, 1], s=9, color="#BBBBBB", linewidths=0, label="real")
    if centres is not None and radius is not None:
        widths = np.full(len(centres), 2 * radius)
        axes.add_collection(
            EllipseCollection(
                widths, widths, np.zeros(len(centres)), units="xy", offsets=centres,
                offset_transform=axes.transData, facecolors="none", edgecolors=ORANGE, linewidths=1,
            )
        )  # fmt: skip
        axes.scatter([], [], s=60, facecolors="none", edgecolors=ORANGE, label=circle_label or None)
    axes.scatter(fake[:, 0], fake[:, 1], s=5, color=BLUE, alpha=0.5, linewidths=0, label="generated")
    outside = int((np.abs(fake - middle) > half).any(axis=1).sum())
    if outside:
        axes.text(
            _BLANK, _BLANK, f"{outside} of {len(fake)} generated points lie outside", color=GREY,
            transform=axes.transAxes,
        )  # fmt: skip
    axes.legend(loc="upper right", fontsize=11, framealpha=0.9, markerscale=2)
    axes.grid(visible=True, color="#EEEEEE", linewidth=0.7)
    axes.set_axisbelow(True)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, format="png")
