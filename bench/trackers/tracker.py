"""What a training tells to whoever shows it elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Tracker(Protocol):
    """One training's numbers and pictures; `kimg` is generator steps × batch / 1000."""

    def scalars(self, values: Mapping[str, float], kimg: float) -> None:
        """Note numbers by name, as ``monitors/d_real`` or ``scores/parzen/test``; NaN is a value, too."""

    def picture(self, name: str, path: Path, kimg: float) -> None:
        """Note a PNG file, which is whole and may be changed later."""

    def close(self) -> None:
        """All that was noted is on the disk when this returns."""


class Nothing:
    """Keeps nothing."""

    def scalars(self, values: Mapping[str, float], kimg: float) -> None:
        """Pass by."""

    def picture(self, name: str, path: Path, kimg: float) -> None:
        """Pass by."""

    def close(self) -> None:
        """Nothing is open."""
