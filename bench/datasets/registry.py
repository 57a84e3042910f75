"""Data sets by name: one file each in `bench.datasets`, discovered like variants.

@register("digits", summary="…", licence="…", origin="…", image_size=16)
def load(root: Path, image_size: int) -> Dataset: ...
"""

import difflib
import functools
import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.datasets.dataset import Dataset
from bench.errors import InputError

Loader = Callable[[Path, Any], Dataset]  # the folder of data; pixels a side of images, None for points


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set that can be loaded.

    `recipe_fields` are changes to a variant that suit its size (narrower networks for small pictures),
    made where a variant has such a field and the user does not set it.
    """

    name: str
    summary: str
    licence: str
    origin: str
    image_size: int | None  # when none is asked for; None: points, which have no size
    load: Loader
    recipe_fields: Mapping[str, str] = field(default_factory=dict)


_sources: dict[str, Source] = {}


def register(
    name: str,
    *,
    summary: str,
    licence: str,
    origin: str,
    image_size: int | None,
    recipe_fields: Mapping[str, str] | None = None,
) -> Callable[[Loader], Loader]:
    """Decorate a loader to make its data set known under `name`."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):  # it becomes part of folders' and scores' names
        raise InputError(f"A data set's name is lower-case letters, digits, '.' and '-', not {name!r}.")

    def decorate(load: Loader) -> Loader:
        taken = _sources.get(name)
        if taken is not None and taken.load.__module__ != load.__module__:
            raise InputError(
                f"Two data sets are called {name!r}: in {taken.load.__module__} and {load.__module__}."
            )
        _sources[name] = Source(
            name=name,
            summary=summary,
            licence=licence,
            origin=origin,
            image_size=image_size,
            load=load,
            recipe_fields=recipe_fields or {},
        )
        return load

    return decorate


def names() -> tuple[str, ...]:
    """The names of all data sets, sorted."""
    _discover()
    return tuple(sorted(_sources))


def get(name: str) -> Source:
    """The data set of that name, not yet loaded.

    Raises
    ------
    InputError
        If there is none ("did you mean").
    """
    _discover()
    if name not in _sources:
        near = difflib.get_close_matches(name, _sources, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"There is no data set {name!r}.{hint} There are: {', '.join(names())}.")
    return _sources[name]


@functools.cache
def _discover() -> None:
    package = importlib.import_module("bench.datasets")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"bench.datasets.{module.name}")
