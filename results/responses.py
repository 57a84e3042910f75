"""The figure of a self-test: what each metric sees of each damage."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from results.atomic import replacing
from results.errors import StoreError

BLIND = 5.0
"""Standard deviations of the undamaged piles within which a damage is not seen: with the eight piles that a
spread is estimated from, chance goes beyond it once in a thousand."""
_SATURATED = 300.0  # deviations beyond which a cell grows no darker
_COLUMNS = ["damage", "strength", "metric", "value", "deviations"]

# Orange: the damage is rewarded; white: not seen; blue: seen. Okabe and Ito's, as in the other figures.
_COLOURS = LinearSegmentedColormap.from_list("response", ["#D55E00", "#FFFFFF", "#0072B2"])


def plot_responses(frame: pd.DataFrame, path: str | Path, *, title: str, titles: dict[str, str]) -> None:
    """Draw a table of cells to a PNG: a row a damage, a column a metric, coloured by what it sees.

    Parameters
    ----------
    frame
        Text columns ``damage``, ``strength`` and ``metric``, reals ``value`` and ``deviations`` (how many
        of the undamaged piles' standard deviations worse than they; below 0: rewarded), in the order of
        the rows of the figure. A metric without a row for a damage has an empty cell.
    path
        The PNG, written atomically.
    title
        Stands above the figure.
    titles
        What stands above each metric's column.

    Raises
    ------
    StoreError
        A column missing, no rows, or the file can't be written.
    """
    if lacking := [name for name in _COLUMNS if name not in frame]:
        raise StoreError(f"The responses have no column {lacking[0]!r}.")
    if frame.empty:
        raise StoreError("The responses have no rows.")
    rows = list(dict.fromkeys(zip(frame["damage"], frame["strength"], strict=True)))
    columns = list(dict.fromkeys(frame["metric"]))
    figure = Figure(
        figsize=(4.2 + 1.15 * len(columns), 1.7 + 0.36 * len(rows)), dpi=100, layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    shades = np.full((len(rows), len(columns)), np.nan)
    for row in frame.itertuples():
        at = rows.index((row.damage, row.strength)), columns.index(row.metric)
        shades[at] = _shade(row.deviations)
        dark = abs(shades[at]) > 0.6
        axes.text(
            at[1], at[0], _text(row.value), ha="center", va="center", fontsize=10,
            color="white" if dark else "black",
        )  # fmt: skip
    axes.imshow(shades, cmap=_COLOURS, vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), [titles.get(name, name) for name in columns], fontsize=11)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(rows)), [strength for _, strength in rows], fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _name_groups(axes, rows)
    figure.suptitle(title, fontsize=14)
    figure.supxlabel(
        f"White: not told from undamaged (within {BLIND:g} standard deviations). Blue: seen, the darker "
        "the more of them.\nOrange: rewarded, as better than undamaged.",
        fontsize=10,
    )
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, format="png")


def _shade(deviations: float) -> float:
    """−1 … 1 on a log scale from `BLIND` to `_SATURATED`; 0 in between."""
    size = abs(deviations)
    if np.isnan(size) or size <= BLIND:
        return 0.0
    depth = np.log(min(size, _SATURATED) / BLIND) / np.log(_SATURATED / BLIND)
    return float(np.copysign(0.15 + 0.85 * depth, deviations))


def _text(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _name_groups(axes: Axes, rows: list[tuple[str, str]]) -> None:
    """Write each damage's name once, left of its strengths, and a line above each."""
    names = [damage for damage, _ in rows]
    beside = 12 + 6 * max(len(strength) for _, strength in rows)  # points: left of the widest strength
    for name in dict.fromkeys(names):
        first, count = names.index(name), names.count(name)
        axes.annotate(
            name, (0, first + (count - 1) / 2), xycoords=("axes fraction", "data"), xytext=(-beside, 0),
            textcoords="offset points", ha="right", va="center", fontsize=11, annotation_clip=False,
        )  # fmt: skip
        if first:
            axes.axhline(first - 0.5, color="#BBBBBB", linewidth=0.8)
