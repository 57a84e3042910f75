"""Variants by name.

A recipe is a function without arguments that returns a `Variant`, registered under a name:

    @register("dcgan")
    def dcgan() -> Variant: ...

The modules of `gans.variants` are imported on first use; another package offers recipes through the
entry-point group `gan_bench.variants`, whose names are the variants' and whose objects are such
functions, named by the module that defines them. A broken plug-in, or one whose name is taken, is an
error only for who asks for that name.
"""

import dataclasses
import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from gans.errors import VariantError
from gans.variant import Variant

ENTRY_POINT_GROUP = "gan_bench.variants"

Recipe = Callable[[], Variant]

_recipes: dict[str, tuple[Recipe, str]] = {}  # name → recipe, and where it comes from


def register(name: str) -> Callable[[Recipe], Recipe]:
    """Decorate a recipe to make it known under `name`.

    Raises
    ------
    VariantError
        If another recipe has that name.
    """

    def decorate(recipe: Recipe) -> Recipe:
        _add(name, recipe, f"{recipe.__module__}.{recipe.__qualname__}")
        return recipe

    return decorate


def names() -> tuple[str, ...]:
    """The names of all variants, sorted."""
    _discover()
    return tuple(sorted(_recipes))


def get(name: str) -> Variant:
    """The variant of that name, as its recipe says.

    Raises
    ------
    VariantError
        If there is none ("did you mean"), or if the package that offers it cannot be loaded.
    """
    _discover()
    if name not in _recipes:
        near = difflib.get_close_matches(name.lower(), _recipes, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise VariantError(f"There is no variant {name!r}.{hint} There are: {', '.join(sorted(_recipes))}.")
    recipe, _ = _recipes[name]
    return dataclasses.replace(recipe(), name=name)


def _add(name: str, recipe: Recipe, origin: str) -> None:
    # A module that is imported anew (importlib.reload, a notebook) may register itself again.
    _, taken = _recipes.get(name, (recipe, origin))
    if taken != origin:
        raise VariantError(f"Two variants are called {name!r}: {taken} and {origin}.")
    _recipes[name] = recipe, origin


@functools.cache
def _discover() -> None:
    package = importlib.import_module("gans.variants")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"gans.variants.{module.name}")
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        origin = entry_point.value.replace(":", ".")
        try:
            _add(entry_point.name, _from_plugin(entry_point), origin)
        except VariantError as collision:
            _recipes[entry_point.name] = _refusing(collision), origin


def _refusing(error: VariantError) -> Recipe:
    def recipe() -> Variant:
        raise VariantError(str(error))

    return recipe


def _from_plugin(entry_point: EntryPoint) -> Recipe:
    def recipe() -> Variant:
        try:
            variant = entry_point.load()()
        except Exception as error:  # whatever another package's code may raise
            raise VariantError(
                f"The variant {entry_point.name!r} of {entry_point.value} cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(variant, Variant):
            raise VariantError(
                f"The variant {entry_point.name!r} of {entry_point.value} is not a gans.Variant."
            )
        return variant

    return recipe
