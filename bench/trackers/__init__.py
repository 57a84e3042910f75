"""Where a training can be watched while it goes on, besides the store: one file a backend.

A backend is a module named in `BACKENDS` whose `open_tracker(folder)` returns a `Tracker`. It is told what
the store gets and is never read back, so that nothing is lost without one.
"""

import importlib
from collections.abc import Callable
from pathlib import Path

from bench.errors import InputError
from bench.trackers.tracker import Nothing, Tracker

BACKENDS = {"tensorboard": "bench.trackers.tensorboard"}
"""Name, which is that of the extra to install, too, and module."""

__all__ = ["BACKENDS", "Nothing", "Tracker", "tracking"]


def tracking(name: str | None) -> Callable[[Path], Tracker]:
    """A function from a training's folder to its tracker; of no name one that keeps nothing.

    Raises
    ------
    InputError
        If the backend's package is not installed; says how to install it.
    """
    if name is None:
        return lambda _: Nothing()
    try:
        opener: Callable[[Path], Tracker] = importlib.import_module(BACKENDS[name]).open_tracker
    except ImportError as missing:
        raise InputError(
            f"--track {name} needs a package that is not installed ({missing}): "
            f"python -m pip install 'gan-bench[{name}]'."
        ) from missing
    return opener
