"""The figure of a Parzen audit: what the score makes of σ and of the number of samples."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from results.atomic import replacing
from results.figures import BLUE, GREEN, GREY, ORANGE, PURPLE

_COLOURS = [BLUE, ORANGE, GREEN, PURPLE, GREY, "#E69F00", "#56B4E9", "#000000"]
_BELOW = 250.0  # nats below 0 that are shown: at a small σ every curve falls without an end


def plot_parzen_audit(frame: pd.DataFrame, path: str | Path, *, title: str) -> None:
    """Draw two panels to a PNG of 1400 × 560 pixels: each pile's curve over σ, and the score over n.

    Parameters
    ----------
    frame
        A row a value: ``question`` ("pile", "sigma", "size, σ chosen" or "size, σ fixed"), ``pile``, ``n``,
        ``sigma``, ``nats``.
    path
        The PNG, written atomically.
    title
        Stands above the figure.

    Raises
    ------
    StoreError
        If the file can't be written.
    """
    figure = Figure(figsize=(14, 5.6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    _curves(left, frame)
    _sizes(right, frame)
    figure.suptitle(title)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, format="png")


def _curves(axes: Axes, frame: pd.DataFrame) -> None:
    piles = frame[frame["question"] == "pile"].sort_values("nats", ascending=False)
    curves = frame[frame["question"] == "sigma"]
    for i, pile in enumerate(piles.itertuples()):
        curve = curves[curves["pile"] == pile.pile]
        colour = _COLOURS[i % len(_COLOURS)]
        axes.plot(curve["sigma"], curve["nats"], color=colour, label=f"{pile.nats:.0f}  {pile.pile}")
        axes.plot(pile.sigma, pile.nats, "o", color=colour)
    axes.set_xscale("log")
    top = max(piles["nats"].max(), curves["nats"].max())
    axes.set_ylim(-_BELOW, top + 0.08 * (top + _BELOW))
    axes.set_xlim(0.05, 1)
    axes.set_xticks([0.05, 0.1, 0.2, 0.5, 1.0], ["0.05", "0.1", "0.2", "0.5", "1"])
    axes.minorticks_off()
    axes.set_xlabel("σ, in units of a pixel's range")
    axes.set_ylabel("nats")
    axes.set_title("validation images, over σ; dots: the score, on test images", fontsize=10)
    axes.legend(title="nats  pile", loc="upper right", fontsize=9, title_fontsize=9, alignment="left")
    axes.grid(alpha=0.3)


def _sizes(axes: Axes, frame: pd.DataFrame) -> None:
    for how, colour in (("chosen", BLUE), ("fixed", ORANGE)):
        part = frame[frame["question"] == f"size, σ {how}"]
        sigma = f" at {part['sigma'].iloc[0]:.4f}" if how == "fixed" else ""
        axes.plot(part["n"], part["nats"], "o-", color=colour, label=f"σ {how}{sigma}")
    axes.set_xscale("log")
    ticks = sorted(frame.loc[frame["question"] == "size, σ chosen", "n"])
    axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
    axes.minorticks_off()
    axes.set_xlabel("training images as samples")
    axes.set_ylabel("nats")
    axes.set_title("the same data, more of them", fontsize=10)
    axes.legend(fontsize=9)
    axes.grid(alpha=0.3)
