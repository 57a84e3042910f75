"""Pieces: what a recipe is put together from.

A *slot* (`Network`, `Noise`, `Conditioning`, `Penalty`, `Optimiser`, `CriticSchedule`) is a direct subclass
of `Piece`; each frozen dataclass below a slot is one choice for it, with a `kind` that people type:

    class Noise(Piece): ...                          # a slot

    @dataclass(frozen=True, kw_only=True)
    class Uniform(Noise, kind="uniform"): ...        # --set dcgan.noise=uniform

Because a piece is plain data, a whole recipe can be printed, hashed, changed from a command line and
rebuilt from a checkpoint (`gans/configuration.py`), and another package adds a choice by subclassing.
"""

from typing import ClassVar

from gans.errors import VariantError


class Piece:
    """Base of every slot; keeps, for each slot, the kinds that fill it."""

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type["Piece"]]]

    def __init_subclass__(cls, *, kind: str | None = None) -> None:
        super().__init_subclass__()
        if kind is None:  # a slot: it starts a table of its own
            cls.kinds = {}
            return
        taken = cls.kinds.get(kind)
        # A module that is imported anew (importlib.reload, a notebook) may fill its kind again.
        if taken and (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
            raise VariantError(
                f"Two pieces call themselves {kind!r}: {taken.__module__}.{taken.__qualname__} "
                f"and {cls.__module__}.{cls.__qualname__}."
            )
        cls.kind = kind
        cls.kinds[kind] = cls


def require_positive(piece: object, **values: float) -> None:
    """Raise `VariantError` unless every value is above zero."""
    for name, value in values.items():
        if not value > 0:
            raise VariantError(f"{name} of {type(piece).__name__} must be above 0, not {value}.")
