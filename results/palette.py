"""The colours of variants: the same in every figure, told apart with any colour vision, light and dark.

The hues are Okabe and Ito's; their lightness is changed so that each stands out from its background (contrast
3:1 at least, as WCAG 1.4.11 asks of graphics) and from every other hue for protanopes, deuteranopes and
tritanopes too. Colour never stands alone: each variant has a marker of its own as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass

LIGHT = ("#0058C0", "#D55E00", "#00704F", "#D0559F", "#7A4A00", "#3F9AD6", "#222222", "#9A9530")
"""On white."""
DARK = ("#2F86E0", "#F28A30", "#2BC298", "#E06AB0", "#A87B2A", "#94CDF2", "#F0F0F0", "#E8DF50")
"""The same hues on `DARK_SURFACE`."""
LIGHT_SURFACE, DARK_SURFACE = "#FFFFFF", "#16181D"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Matplotlib's markers, one a colour."""
_DASHES = ("-", "--", ":", "-.")


@dataclass(frozen=True, kw_only=True)
class Style:
    """How one variant is drawn: the index of its colour, its marker and its line."""

    colour: int
    marker: str
    line: str


def styles(variants: Iterable[str]) -> dict[str, Style]:
    """Give each variant its style, by the order of the names.

    Beyond eight variants the colours come again with other markers and dashed lines.
    """
    made = {}
    for rank, name in enumerate(sorted(set(variants))):
        colour, turn = rank % len(LIGHT), rank // len(LIGHT)
        marker = MARKERS[(colour + turn) % len(MARKERS)]
        made[name] = Style(colour=colour, marker=marker, line=_DASHES[turn % len(_DASHES)])
    return made
