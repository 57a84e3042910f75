"""The theory's pictures: Figure 1 as panels and as an animation, and gradients early in training."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from PIL import Image

from bench.pictures import save_picture
from bench.theory.figure1 import HIGH, LOW, Moment
from results.atomic import replacing
from results.figures import BLUE, GREEN, GREY, ORANGE

COLUMNS = 3
PANEL_SHARES = (0.0, 0.002, 0.02, 0.06, 0.25, 1.0)  # most happens at the beginning
FRAME_MS, LAST_FRAME_MS = 120, 3000
ARROWS_SHARE = 0.3  # of a panel's height, for the lines of z and x

BLACK = "#000000"


def save_panels(moments: Sequence[Moment], path: Path) -> None:
    """One panel a moment, in reading order, as PNG."""
    rows = -(-len(moments) // COLUMNS)
    figure = Figure(figsize=(4.4 * COLUMNS, 3.9 * rows), dpi=100, layout="constrained")
    grid = figure.add_gridspec(rows, COLUMNS)
    top = highest(moments)
    handles: dict[str, Artist] = {}
    for i, moment in enumerate(moments):
        handles |= draw_moment(figure, grid[divmod(i, COLUMNS)], moment, top)
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=len(handles), frameon=False,
        fontsize=11,
    )  # fmt: skip
    save_picture(rendered(figure), path)


def save_animation(moments: Sequence[Moment], path: Path) -> None:
    """The moments in turn as a GIF that loops, the last one held."""
    frames = []
    top = highest(moments)
    for moment in moments:
        figure = Figure(figsize=(5.6, 4.2), dpi=100, layout="constrained")
        handles = draw_moment(figure, figure.add_gridspec(1, 1)[0], moment, top)
        figure.legend(
            list(handles.values()), list(handles), loc="outside lower center", ncols=len(handles),
            frameon=False, fontsize=8,
        )  # fmt: skip
        frames.append(rendered(figure).quantize(32, dither=Image.Dither.NONE))
    with replacing(path) as temporary:
        frames[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=[FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS],
            loop=0,
        )


def highest(moments: Sequence[Moment]) -> float:
    """The top of the density axis: twice the data's peak; a sharper G leaves the panel."""
    return 1.15 * max(1.0, 2 * max(float(moment.data.max()) for moment in moments))


def draw_moment(figure: Figure, cell: SubplotSpec, moment: Moment, top: float) -> dict[str, Artist]:
    """Curves above, x and z with their arrows below; returns the legend's handles by name."""
    inner = cell.subgridspec(2, 1, height_ratios=(1 - ARROWS_SHARE, ARROWS_SHARE), hspace=0)
    curves, arrows = figure.add_subplot(inner[0]), figure.add_subplot(inner[1])
    x = moment.x
    handles: dict[str, Artist] = {}
    (handles["data density p"],) = curves.plot(x, moment.data, color=BLACK, linestyle=":", linewidth=2)
    (handles["generator's density q"],) = curves.plot(x, moment.generated, color=GREEN, linewidth=2)
    probability = curves.twinx()
    (handles["D*(x) = p/(p + q)"],) = probability.plot(x, moment.optimal, color=GREY, linewidth=1)
    (handles["D(x)"],) = probability.plot(x, moment.discriminator, color=BLUE, linestyle="--", linewidth=2)
    probability.axhline(0.5, color=GREY, linewidth=0.6, linestyle=":")
    curves.set_ylim(0, top)
    probability.set_ylim(0, 1.05)
    probability.set_yticks([0, 0.5, 1])
    curves.set_yticks([])
    for axes in (curves, probability):
        axes.set_xlim(LOW, HIGH)
        axes.spines["top"].set_visible(False)
    curves.set_xticks([])
    curves.set_title(
        f"step {moment.step}: JSD {moment.jensen_shannon:.4f}, mean |D − ½| {moment.from_half:.3f}",
        fontsize=11,
    )
    draw_arrows(arrows, moment)
    return handles


def draw_arrows(axes: Axes, moment: Moment) -> None:
    """The line of z below, that of x above it, and an arrow from each z to G(z)."""
    # z's line is as wide as x's: 3 σ either side.
    feet = LOW + (moment.z / 3 + 1) / 2 * (HIGH - LOW)
    inside = (moment.images >= LOW) & (moment.images <= HIGH)
    feet, across = feet[inside], (moment.images - feet)[inside]
    axes.quiver(
        feet, np.zeros_like(feet), across, np.ones_like(feet), color=GREEN, angles="xy", scale_units="xy",
        scale=1, width=0.003, headwidth=6, headlength=7, headaxislength=7,
    )  # fmt: skip
    for height, name in ((0.0, "z"), (1.0, "x")):
        axes.axhline(height, color=BLACK, linewidth=1)
        axes.text(LOW - 0.02 * (HIGH - LOW), height, name, ha="right", va="center", style="italic")
    axes.set_xlim(LOW, HIGH)
    axes.set_ylim(-0.12, 1.12)
    axes.axis("off")


def rendered(figure: Figure) -> Image.Image:
    """A figure as an RGB picture."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return Image.open(buffer).convert("RGB")


def save_gradients(optimum: pd.DataFrame, early: pd.DataFrame, path: Path) -> None:
    """Slopes at D* against the shift, then over G's first steps medians of gradient norm and distance.

    Bands are the range of the distance over seeds.
    """
    figure = Figure(figsize=(13, 3.9), dpi=100, layout="constrained")
    slopes, norms, distances = figure.subplots(1, 3)
    colours = {"minimax": ORANGE, "non-saturating": BLUE}
    for form, colour in colours.items():
        column = form.replace("-", "_")
        slopes.plot(optimum["shift"], optimum[column], color=colour, label=form)
        slopes.plot(optimum["shift"], optimum[f"{column}_autograd"], "o", color=colour, markersize=4)
    for (optimiser, form), runs in early.groupby(["optimiser", "form"], sort=False):
        style = "-" if optimiser == "sgd" else "--"
        label = f"{form}, {'SGD' if optimiser == 'sgd' else 'Adam'}"
        for axes, column in ((norms, "gradient"), (distances, "distance")):
            by_step = runs.groupby("step")[column]
            median = by_step.median()
            axes.plot(median.index, median, style, color=colours[form], label=label)
            if axes is distances:
                least, most = by_step.min(), by_step.max()
                axes.fill_between(median.index, least, most, color=colours[form], alpha=0.12, linewidth=0)
    for axes, title, across in (
        (slopes, "Slope of G's loss at D*", "shift θ of q = N(θ, 1) from p = N(0, 1)"),
        (norms, "Norm of G's gradient", "G's steps"),
        (distances, "Distance of G from the data", "G's steps"),
    ):
        axes.set_title(title, fontsize=12, loc="left")
        axes.set_xlabel(across)
        axes.grid(visible=True, color="#DDDDDD", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_yscale("linear" if axes is distances else "log")
    slopes.legend(frameon=False, fontsize=10, title="line: quadrature; points: autograd", title_fontsize=9)
    distances.legend(frameon=False, fontsize=9)
    save_picture(rendered(figure), path)


def frames_at(steps: int, n: int) -> list[int]:
    """`n` numbers of steps from 0 to `steps`, closer together at the beginning, where most happens."""
    ends = np.linspace(0, 1, n) ** 2 * steps
    return sorted({round(float(end)) for end in ends})


def panels_of(moments: Sequence[Moment]) -> list[Moment]:
    """Those of the moments that come nearest to `PANEL_SHARES` of the last one's steps."""
    steps = np.array([moment.step for moment in moments])
    nearest = [int(np.abs(steps - share * steps[-1]).argmin()) for share in PANEL_SHARES]
    return [moments[i] for i in sorted(set(nearest))]
