"""Named sets of cells, as data: a suite is a TOML file that states options of a command line by their names.

    python -m bench.run --suite modes
    python -m bench.run --suite my-own.toml

The files beside this one come with the package. Another package offers suites through the entry-point group
`gan_bench.suites`: a suite's name, and the package in which NAME.toml lies. docs/suites.md says what a file
may state.
"""

import importlib.resources
from importlib.metadata import EntryPoint, entry_points
from importlib.resources.abc import Traversable
from pathlib import Path

from bench.errors import InputError
from bench.suites.suite import Suite, did_you_mean, read_suite

ENTRY_POINT_GROUP = "gan_bench.suites"
SUFFIX = ".toml"


def names() -> tuple[str, ...]:
    """The names of all suites, sorted."""
    return tuple(sorted({*_shipped(), *_offered()}))


def get(spelled: str) -> Suite:
    """The suite of a name, or in a file: what ends in .toml is one.

    Raises
    ------
    InputError
        If there is none ("did you mean"), two have the name, or it cannot be read.
    """
    if spelled.lower().endswith(SUFFIX):
        return _read(Path(spelled), name=Path(spelled).stem)
    shipped, offered = _shipped(), _offered()
    if spelled not in names():
        raise InputError(
            f"There is no suite {spelled!r}.{did_you_mean(spelled, names())} There are: "
            f"{', '.join(names())}; a file of your own ends in {SUFFIX}."
        )
    found = [shipped[spelled]] if spelled in shipped else []
    found += [_of_plugin(entry_point) for entry_point in offered.get(spelled, ())]
    if len(found) > 1:
        raise InputError(f"Two suites are called {spelled!r}: {found[0]} and {found[1]}.")
    if not found[0].is_file():
        raise InputError(
            f"The suite {spelled!r} is to be {found[0]}, which is not there: its package must install "
            f"{SUFFIX} files as package data."
        )
    return _read(found[0], name=spelled)


def _shipped() -> dict[str, Traversable]:
    files = importlib.resources.files(__name__).iterdir()
    return {file.name.removesuffix(SUFFIX): file for file in files if file.name.endswith(SUFFIX)}


def _offered() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        found.setdefault(entry_point.name, []).append(entry_point)
    return found


def _of_plugin(entry_point: EntryPoint) -> Traversable:
    try:
        return importlib.resources.files(entry_point.value) / f"{entry_point.name}{SUFFIX}"
    except Exception as error:  # whatever another package's code may raise
        raise InputError(
            f"The suite {entry_point.name!r} of {entry_point.value} cannot be found: "
            f"{type(error).__name__}: {error}."
        ) from error


def _read(file: Traversable, *, name: str) -> Suite:
    try:
        text = file.read_text(encoding="utf-8-sig")  # some editors on Windows begin a file with a mark
    except OSError as error:
        raise InputError(f"The suite {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The suite {file} is not UTF-8, so not TOML.") from error
    return read_suite(text, name=name, file=str(file))
