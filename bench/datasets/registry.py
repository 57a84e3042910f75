"""Data sets by name: one file each in `bench.datasets`, discovered like variants.

@register("digits", summary="…", licence="…", origin="…", image_size=16)
def load(request: Request) -> Dataset: ...
"""

import dataclasses
import difflib
import functools
import importlib
import os
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.datasets.dataset import Dataset
from bench.errors import InputError

Streaming = Literal["auto", "always", "never"]


def default_workers() -> int:
    """As many threads as this process may use processors, up to 8."""
    usable = getattr(os, "sched_getaffinity", None)  # Linux only
    return min(8, len(usable(0)) if usable else os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How pictures in files are read; it never changes what is learned from those that can be read."""

    skip_damaged: bool = False  # leave out, and count, what cannot be read; otherwise it is an error
    stream: Streaming = "auto"  # decode training pictures when they are asked for; auto: if they don't fit
    workers: int = field(default_factory=default_workers)  # threads that decode


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a loader is asked for."""

    root: Path  # where data sets lie or are downloaded to
    image_size: int  # side in pixels; 0 where none is known or there is none (points)
    argument: str = ""  # what stands behind the name: PATH, PATH#FOLD or #FOLD; "" for nothing
    reading: Reading = Reading()


Loader = Callable[[Request], Dataset]


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
    image_size: int | None  # when none is asked for; 0: by what is found; None: points, which have none
    loader: Loader
    recipe_fields: Mapping[str, str] = field(default_factory=dict)
    spelling: str  # how a user writes it, as folder:PATH; its name if nothing may stand behind that
    argument: str = ""  # what stands behind the name: PATH, PATH#FOLD or #FOLD; "" for nothing
    reads_pictures: bool = False  # whether a `Reading` means anything to it

    def load(self, root: Path, image_size: int | None = None, reading: Reading | None = None) -> Dataset:
        """Load it from `root`, at its own size if no other is asked for.

        Raises
        ------
        InputError, MetricError
            If it is not there, cannot be downloaded, or is damaged.
        """
        return self.loader(
            Request(
                root=root,
                image_size=image_size or self.image_size or 0,
                argument=self.argument,
                reading=reading or Reading(),
            )
        )


_sources: dict[str, Source] = {}


def register(
    name: str,
    *,
    summary: str,
    licence: str,
    origin: str,
    image_size: int | None,
    recipe_fields: Mapping[str, str] | None = None,
    spelling: str | None = None,
    reads_pictures: bool = False,
) -> Callable[[Loader], Loader]:
    """Decorate a loader to make its data set known under `name`.

    `spelling` is for one that takes an argument: `name:PATH` if it must have one, `name[:PATH]` if it may.
    `reads_pictures` is for one that heeds the request's `Reading`.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):  # it becomes part of folders' and scores' names
        raise InputError(f"A data set's name is lower-case letters, digits, '.' and '-', not {name!r}.")

    def decorate(loader: Loader) -> Loader:
        taken = _sources.get(name)
        if taken is not None and taken.loader.__module__ != loader.__module__:
            raise InputError(
                f"Two data sets are called {name!r}: in {taken.loader.__module__} and {loader.__module__}."
            )
        _sources[name] = Source(
            name=name,
            summary=summary,
            licence=licence,
            origin=origin,
            image_size=image_size,
            loader=loader,
            recipe_fields=recipe_fields or {},
            spelling=spelling or name,
            reads_pictures=reads_pictures,
        )
        return loader

    return decorate


def names() -> tuple[str, ...]:
    """The names of all data sets, sorted."""
    _discover()
    return tuple(sorted(_sources))


def known() -> tuple[Source, ...]:
    """All data sets, sorted by name: to be described, not loaded (some need an argument first)."""
    return tuple(_sources[name] for name in names())


def get(spelled: str) -> Source:
    """The data set that `NAME`, `NAME:ARGUMENT` or `NAME#ARGUMENT` means, not yet loaded.

    Raises
    ------
    InputError
        If there is none ("did you mean"), or if its argument is missing or one too many.
    """
    _discover()
    name = re.split("[:#]", spelled, maxsplit=1)[0]
    rest = spelled.removeprefix(name)
    source = _sources.get(name)
    if source is None:
        near = difflib.get_close_matches(name, _sources, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        spellings = ", ".join(source.spelling for source in known())
        raise InputError(f"There is no data set {name!r}.{hint} There are: {spellings}.")
    if rest and source.spelling == name:
        raise InputError(f"Nothing may stand behind the name of the data set {name}, as in {spelled!r}.")
    if source.spelling.startswith(f"{name}:") and not (rest.startswith(":") and rest[1:].strip()):
        raise InputError(f"The data set {name} is written {source.spelling}, not {spelled!r}.")
    return dataclasses.replace(source, argument=rest.removeprefix(":"))


@functools.cache
def _discover() -> None:
    package = importlib.import_module("bench.datasets")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"bench.datasets.{module.name}")
