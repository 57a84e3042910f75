"""Numbers and units as a reader wants them."""

import math

DASH = "–"


def number(value: float, digits: int = 3) -> str:
    """So many significant digits, never fewer than those before the point, never an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{value:,.{max(0, min(places, 8))}f}"
    return text.replace("-", "−")


def like(value: float, low: float, high: float) -> tuple[str, str, str]:
    """A value and the ends of its interval with as many places as the interval's width makes sense of."""
    width = high - low
    if not (math.isfinite(width) and width > 0):
        return number(value), number(low) if low == low else DASH, number(high) if high == high else DASH
    places = max(0, min(8, 1 - math.floor(math.log10(width))))
    return tuple(_fixed(x, places) for x in (value, low, high))  # type: ignore[return-value]


def _fixed(value: float, places: int) -> str:
    return DASH if math.isnan(value) else f"{value:,.{places}f}".replace("-", "−")


def seconds(value: float) -> str:
    """As "41 s", "12 min", "3.4 h"."""
    if not math.isfinite(value):
        return DASH
    if value < 120:
        return f"{number(value, 2)} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{number(value / 3600, 2)} h"


def gibibytes(value: float) -> str:
    """Bytes as GiB."""
    return f"{value / 2**30:.2f} GiB" if math.isfinite(value) else DASH


def count(n: int, what: str, plural: str = "") -> str:
    """As "1 seed" and "3 seeds"."""
    return f"{n:,} {what if n == 1 else plural or what + 's'}"


def cut(text: str, most: int) -> str:
    """A text of at most so many characters, with … for what is cut off."""
    return text if len(text) <= most else text[: most - 1] + "…"


def listed(texts: list[str], most: int = 12) -> str:
    """As "a, b and c"; of many, the first and how many more."""
    if len(texts) > most:
        return f"{', '.join(texts[:most])} and {len(texts) - most} more"
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
