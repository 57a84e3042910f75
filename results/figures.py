"""Figures of one run, without pyplot's global state: safe in threads, servers and reports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from results.atomic import replacing
from results.errors import StoreError

# Okabe and Ito's palette, told apart with any colour vision. Orange is D and fakes stay blue.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"

_SMOOTHED_POINTS = 400
_MONITORS = [
    "kimg", "loss_d", "loss_g", "d_real", "d_fake", "d_fake_before_g", "d_fake_after_g",
    "value", "jsd", "grad_norm_d", "grad_norm_g",
]  # fmt: skip


def plot_monitors(
    history: pd.DataFrame,
    path: str | Path,
    *,
    title: str,
    output: Literal["probability", "score"],
) -> None:
    """Draw the training monitors of one run to a PNG of 1200 × 840 pixels.

    Four panels against kimg (generator steps × batch / 1000): D on real and generated images, the losses,
    the Jensen-Shannon estimate (or the critic's difference, where the loss has no such estimate),
    and the gradient norms. Long histories show a running mean with the range of the values around
    it, so that spikes stay visible.

    Parameters
    ----------
    history
        Reals, one row a monitored step, in order: ``kimg``, ``loss_d``,
        ``loss_g``, ``d_real``, ``d_fake``, ``d_fake_before_g`` and ``d_fake_after_g`` (D's mean
        output), ``value`` (the value function or the critic's difference), ``jsd`` (nats),
        ``grad_norm_d``, ``grad_norm_g`` (L2). NaN where a loss does not define one.
    path
        The PNG, written atomically.
    title
        Stands above the figure.
    output
        "probability": D's outputs are in [0, 1], and ½ means that it can't tell. "score": they are
        a critic's, on no scale.

    Raises
    ------
    StoreError
        A column missing, no rows, or the file can't be written.
    """
    if lacking := [name for name in _MONITORS if name not in history]:
        raise StoreError(f"The history has no column {lacking[0]!r}.")
    if history.empty:
        raise StoreError("The history has no rows.")
    figure = Figure(figsize=(12, 8.4), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=15)
    discriminator, losses, distance, gradients = figure.subplots(2, 2, sharex=True).flat
    _plot_discriminator(discriminator, history, output)
    _plot_lines(losses, history, [("loss_d", "D", ORANGE, "-"), ("loss_g", "G", BLUE, "-")])
    _label(losses, "Losses", "loss")
    _plot_distance(distance, history)
    lines = [("grad_norm_d", "D", ORANGE, "-"), ("grad_norm_g", "G", BLUE, "-")]
    _plot_lines(gradients, history, lines)
    norms = history[["grad_norm_d", "grad_norm_g"]].to_numpy(dtype=float)
    if np.any(np.isfinite(norms) & (norms > 0)):
        gradients.set_yscale("log")
    _label(gradients, "Gradient norms", "L2 norm (log scale)")
    for axes in (distance, gradients):
        axes.set_xlabel("kimg (generator steps × batch / 1000)")
    for axes in (discriminator, losses, distance, gradients):
        axes.tick_params(labelsize=11)
        axes.grid(visible=True, color="#DDDDDD", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, format="png")


def _plot_discriminator(axes: Axes, history: pd.DataFrame, output: str) -> None:
    lines = [
        ("d_real", "D(x)", ORANGE, "-"),
        ("d_fake", "D(G(z)) in D's step", BLUE, "-"),
        ("d_fake_before_g", "… before G's step", GREEN, "--"),
        ("d_fake_after_g", "… after G's step", PURPLE, "--"),
    ]
    if output == "probability":
        axes.axhline(0.5, color=GREY, linewidth=1.2, linestyle=":", label="½: can't tell")
        axes.set_ylim(-0.03, 1.03)
    _plot_lines(axes, history, lines)
    label = "mean probability of “real”" if output == "probability" else "mean critic output"
    _label(axes, "Discriminator on real and generated images", label)


def _plot_distance(axes: Axes, history: pd.DataFrame) -> None:
    if history["jsd"].notna().any():
        axes.axhline(np.log(2), color=GREY, linewidth=1.2, linestyle=":", label="log 2: told apart")
        axes.axhline(0, color=GREY, linewidth=1.2)
        _plot_lines(axes, history, [("jsd", "estimate", GREEN, "-")])
        _label(axes, "Jensen-Shannon divergence, D's estimate", "nats")
    else:
        axes.axhline(0, color=GREY, linewidth=1.2)
        _plot_lines(axes, history, [("value", "D(x) − D(G(z))", GREEN, "-")])
        _label(axes, "Critic's difference between real and generated", "critic units")


def _plot_lines(axes: Axes, history: pd.DataFrame, lines: Sequence[tuple[str, str, str, str]]) -> None:
    """Draw running means over about a hundredth of a long history, and the range around them."""
    kimg = history["kimg"].to_numpy(dtype=float)
    window = max(len(history) // 100, 1) if len(history) > _SMOOTHED_POINTS else 1
    for name, label, color, style in lines:
        values = history[name].astype(float).replace([np.inf, -np.inf], np.nan)
        if values.isna().all():
            continue
        if window > 1:
            rolling = values.rolling(window, center=True, min_periods=1)
            if style == "-":  # the ranges of the dashed lines, too, would hide one another
                axes.fill_between(kimg, rolling.min(), rolling.max(), color=color, alpha=0.15, lw=0)
            values = rolling.mean()
        axes.plot(kimg, values, color=color, linestyle=style, linewidth=1.6, label=label)


def _label(axes: Axes, title: str, label: str) -> None:
    axes.set_ylabel(label, fontsize=12)
    n_entries = len(axes.get_legend_handles_labels()[0])
    # The legend stands between title and panel, where it hides no line.
    axes.set_title(title, fontsize=13, loc="left", pad=40 if n_entries > 3 else 24)
    if n_entries:
        axes.legend(
            fontsize=10, frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(-0.01, 0.99),
            borderaxespad=0.2, columnspacing=1.5,
        )  # fmt: skip
    else:
        axes.text(0.5, 0.5, "not defined for this loss", transform=axes.transAxes, ha="center")
