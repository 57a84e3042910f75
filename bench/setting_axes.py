"""Hyper-parameter axes: `--set dcgan.lr=1e-4,2e-4` makes a recipe of each value."""

import itertools
from collections.abc import Sequence

import gans
from bench.errors import InputError
from bench.grid import Recipe, with_changes


def recipes_of(
    variants: Sequence[gans.Variant], changes: Sequence[str], suggested: dict[str, str]
) -> list[Recipe]:
    """Every variant at every combination of the values that `--set` gives its fields.

    Parameters
    ----------
    variants
        As chosen.
    changes
        As for `with_changes`; a value with commas is an axis (no field's own value has one).
    suggested
        A data set's suggested fields.

    Raises
    ------
    InputError
        As `with_changes`; if an axis has an empty value, or two that set the same; if a field is an axis and
        set elsewhere, too.
    gans.VariantError
        As `with_changes`.
    """
    axes = [change for change in changes if "," in change]
    for axis in axes:
        target = axis.partition("=")[0]
        if "" in _values(axis):
            raise InputError(f"--set {axis} has an empty value.")
        if sum(change.partition("=")[0] == target for change in changes) > 1:
            raise InputError(f"--set gives {target} twice, and once several values: give all in one.")
    choices = [_settings(change) if change in axes else [change] for change in changes]
    # Of each variant, by the settings of its own axes: another variant's make no difference to it.
    found: list[dict[tuple[str, ...], Recipe]] = [{} for _ in variants]
    for combination in itertools.product(*choices):
        for mine, variant in zip(found, with_changes(variants, combination, suggested), strict=True):
            own = [
                i
                for i, change in enumerate(changes)
                if change in axes and gans.has_field(variant, _field(change, variant))
            ]
            words = " ".join(f"{_field(changes[i], variant)}={','.join(_values(changes[i]))}" for i in own)
            key = tuple(combination[i] for i in own)
            recipe = Recipe(variant=variant, tuning_axes=words)
            if any(other.variant == variant for at, other in mine.items() if at != key):
                raise InputError(
                    f"--set {' '.join(changes[i] for i in own)} makes the same {variant.name} twice."
                )
            mine[key] = recipe
    return [recipe for mine in found for recipe in mine.values()]


def _values(axis: str) -> list[str]:
    return axis.partition("=")[2].split(",")


def _settings(axis: str) -> list[str]:
    return [f"{axis.partition('=')[0]}={value}" for value in _values(axis)]


def _field(axis: str, variant: gans.Variant) -> str:
    """The field as it is named of this variant."""
    return axis.partition("=")[0].removeprefix(f"{variant.name}.")
