"""Drawings as SVG inside the page: in its font and colours (dark ones, too), with ids that do not clash."""

import io
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from results.palette import LIGHT

# Colours that stand for the page's own: replaced by CSS variables when the drawing is written.
INK, MUTED, GRID, SURFACE = "#fe2000", "#fe2001", "#fe2002", "#fe2003"
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", SURFACE: "--surface"}
_VARIABLES |= {f"#fe10{index:02x}": f"--v{index}" for index in range(len(LIGHT))}

_drawn = ContextVar("_drawn", default=True)

PANEL_INCHES = (5.0, 3.4)
"""A panel is legible at the width of a phone; two stand side by side on a desk."""


def colour(index: int) -> str:
    """Return what stands for a variant's colour in a drawing."""
    return f"#fe10{index:02x}"


@contextmanager
def drawing(width: float = PANEL_INCHES[0], height: float = PANEL_INCHES[1]) -> Iterator[Figure]:
    """Give an empty figure of so many inches, with the report's style in force."""
    style: Any = {
        "svg.fonttype": "none",
        "text.parse_math": False,  # a variant may be called $x$
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.labelsize": 10,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "axes.grid": True,
        "grid.color": GRID,
        "grid.linewidth": 0.7,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "path.simplify_threshold": 0.3,
    }
    with matplotlib.rc_context(style), warnings.catch_warnings():
        # The text is text: the reader's fonts draw it, which have more than the one that measures it here.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure


@contextmanager
def no_drawings() -> Iterator[None]:
    """For a report that shows none: drawing is most of the time that a report takes."""
    before = _drawn.set(False)
    try:
        yield
    finally:
        _drawn.reset(before)


def to_svg(figure: Figure, name: str) -> str:
    """Write a figure as an ``<svg>`` element that may stand in a page beside others.

    Parameters
    ----------
    figure
        Made by `drawing`, still inside its block.
    name
        Unique in the page: ids begin with it. It may hold letters, digits and hyphens.

    Returns
    -------
    str
        "" within `no_drawings`.
    """
    if not _drawn.get():
        return ""
    buffer = io.StringIO()
    laid_out(figure)
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    assert isinstance(figure.canvas, FigureCanvasSVG)
    with matplotlib.rc_context({"svg.hashsalt": name}):
        # `savefig` would draw it twice, to lay it out first.
        figure.canvas.print_svg(buffer, metadata=nothing)  # type: ignore[no-untyped-call]
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(
        r"<svg [^>]*viewBox=\"([^\"]*)\"[^>]*>",
        rf'<svg class="plot" viewBox="\1" role="img" aria-labelledby="{name}-title {name}-description">',
        text,
        count=1,
    )
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", text))
    # Within tags alone: what stands between them is text of the drawing, a variant's name perhaps.
    text = re.sub(r"<[^>]*>", lambda tag: _rewritten(tag[0], name, used), text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    for _ in range(3):  # groups that held an id and nothing else
        text = re.sub(r"<g>\n((?:<(?:path|use)[^>]*/>\n)+)</g>\n", r"\1", text)
        text = re.sub(r"<g>\n(<text[^>]*>[^<]*</text>\n)</g>\n", r"\1", text)
    return text


def _rewritten(tag: str, name: str, used: set[str]) -> str:
    tag = re.sub(r" id=\"([^\"]*)\"", lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", tag)
    tag = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", tag)
    tag = re.sub(r"xlink:href=\"#([^\"]+)\"", rf'href="#{name}-\1"', tag)
    tag = re.sub(
        r"(fill|stroke): (#fe[12]0[0-9a-f]{2})",
        lambda m: f"{m[1]}: var({_VARIABLES[m[2]]})" if m[2] in _VARIABLES else m[0],
        tag,
    )
    tag = re.sub(r" ?font-family: [^;\"]*;?", "", tag)
    tag = re.sub(r" transform=\"rotate\(-?0(?:\.0)? [^)]*\)\"", "", tag)
    if tag.startswith("<svg"):
        return tag
    return re.sub(r"(\d\.\d)\d+", r"\1", tag)  # a tenth of a point is not to be seen


def laid_out(figure: Figure) -> None:
    """Fix where everything stands, once: the layout is half of the time that a drawing takes."""
    if _drawn.get() and (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def log_axis(axes: Axes, which: str) -> None:
    """Make an axis logarithmic, with plain numbers at 1, 2 and 5 of the decades that fit."""
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    low, high = sorted(getattr(axes, f"get_{which}lim")())
    decades = math.log10(high / low) if low > 0 else 1
    if decades > 2.5:
        subs: tuple[float, ...] = (1.0,)
    elif decades > 1:
        subs = (1.0, 2.0, 5.0)
    elif decades > 0.45:
        subs = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    else:  # steps of a fifth above a 1, of which at most ten lie between the limits, and of a half above a 4
        fine = tuple(round(1 + step / 5, 1) for step in range(15))
        subs = (*fine, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0, 9.5)
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))


def plain(value: float) -> str:
    """A tick's number, never an exponent below a million."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def label_ends(axes: Axes, ends: list[tuple[float, str, str]], *, x: float) -> None:
    """Write the lines' names at their right ends, pushed apart so that none hides another.

    Parameters
    ----------
    axes
        With its final limits and scales.
    ends
        For each line the y where it ends (data units), its name, its colour.
    x
        Where the lines end (data units).
    """
    longest = max((text for _, text, _ in ends), key=len, default="")
    room = _beside(axes, longest, 0.5, INK)  # so that the layout leaves room for the names
    laid_out(axes.figure)  # type: ignore[arg-type]
    room.remove()
    height = axes.get_window_extent().height * 72 / axes.figure.dpi  # points
    gap = 11.5 / max(height, 1.0)
    highest = 1.0 - 4.0 / max(height, 1.0)  # nothing is drawn above the axes: half a name's height below
    to_share = axes.transData + axes.transAxes.inverted()
    placed = sorted((float(to_share.transform((x, y))[1]), text, shade, y) for y, text, shade in ends)
    shares = [share for share, *_ in placed]
    for _ in range(60):
        for i in range(1, len(shares)):
            if (lack := gap - (shares[i] - shares[i - 1])) > 0:
                shares[i - 1] -= lack / 2
                shares[i] += lack / 2
    for i in reversed(range(len(shares))):  # down from the top of the axes, then up from the bottom
        shares[i] = min(shares[i], highest if i == len(shares) - 1 else shares[i + 1] - gap)
    for i in range(len(shares)):
        shares[i] = max(shares[i], 0.0 if i == 0 else shares[i - 1] + gap)
    for share, (_, text, shade, _) in zip(shares, placed, strict=True):
        _beside(axes, text, share, shade)


def _beside(axes: Axes, text: str, share: float, shade: str) -> Annotation:
    return axes.annotate(
        text, (1.0, share), xycoords="axes fraction", xytext=(4, 0), textcoords="offset points",
        color=shade, va="center", ha="left", fontsize=9, annotation_clip=False,
    )  # fmt: skip


def label_points(axes: Axes, points: list[tuple[float, float, str, str]]) -> None:
    """Write a name beside each point, where no other name and no point is.

    Parameters
    ----------
    axes
        With its final limits and scales.
    points
        x and y (data units), the name, its colour.
    """
    laid_out(axes.figure)  # type: ignore[arg-type]
    marks = [axes.transData.transform((x, y)) * 72 / axes.figure.dpi for x, y, *_ in points]
    taken = [(mx - 5, my - 5, mx + 5, my + 5) for mx, my in marks]
    for (x, y, text, shade), (mx, my) in zip(points, marks, strict=True):
        width = 5.4 * len(text)
        boxes = {place: _box(mx, my, width, place) for place in _PLACES}
        best = min(boxes, key=lambda place: sum(_overlap(boxes[place], other) for other in taken))
        taken.append(boxes[best])
        dx, dy, side = best
        axes.annotate(
            text, (x, y), xytext=(dx, dy), textcoords="offset points", ha=side, va="center", fontsize=9,
            color=shade, annotation_clip=False,
        )  # fmt: skip


_Side = Literal["left", "right", "center"]
_Box = tuple[float, float, float, float]
# Offsets in points of a name from its point, and which of its ends lies there; the first is the best.
_PLACES: tuple[tuple[float, float, _Side], ...] = (
    (9, 0, "left"), (-9, 0, "right"), (0, 12, "center"), (0, -12, "center"),
    (8, 11, "left"), (8, -11, "left"), (-8, 11, "right"), (-8, -11, "right"),
)  # fmt: skip


def _box(x: float, y: float, width: float, place: tuple[float, float, _Side]) -> _Box:
    dx, dy, side = place
    left = x + dx - {"left": 0.0, "right": width, "center": width / 2}[side]
    return left, y + dy - 5, left + width, y + dy + 5


def _overlap(a: _Box, b: _Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
