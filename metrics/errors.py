"""The one exception that bad input to a metric raises, and what it says of a name that nobody knows."""

import difflib
from collections.abc import Iterable


class MetricError(ValueError):
    """A score can't be computed from what was given.

    The message is one sentence: what was given, and what is needed.
    """


def nearest_or_all(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that is none of `known`: the one like it, or else all of them."""
    known = tuple(known)
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
