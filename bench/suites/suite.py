"""What a suite is, and how its TOML file is read."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from bench.errors import InputError

COMMANDS = ("bench.run", "bench.throughput")
SEPARATE = "set"
"""The option that is given once for each of its values; the values of others are joined by commas."""

Texts = tuple[str, ...]
Stated = Mapping[str, Texts]
"""Options by name, each with the texts that it is given: of most one, of `set` several."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Options of a command, in parts: each part's cells are those of one command line."""

    name: str
    file: str
    """Where it stands, for who wants to read or copy it."""
    summary: str
    command: str
    """Which of `COMMANDS` it is for."""
    options: Stated
    """What all parts share."""
    parts: tuple[Stated, ...]
    """What each part states itself; one part without anything if the file has none."""


def read_suite(text: str, *, name: str, file: str) -> Suite:
    """A suite from the text of its TOML file.

    Raises
    ------
    InputError
        If it is not TOML, has no summary, is for no such command, or a value is none that an option can have.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The suite {file} is not TOML: {error}.") from error
    except RecursionError as error:
        raise InputError(f"The suite {file} is nested too deeply.") from error
    summary = table.pop("summary", None)
    if not (isinstance(summary, str) and summary.strip()):
        raise InputError(f'The suite {file} has no summary: give it a line, as summary = "…".')
    command = table.pop("command", COMMANDS[0])
    if command not in COMMANDS:
        raise InputError(
            f"The suite {file} is for command = {command!r}.{did_you_mean(command, COMMANDS)} There are "
            f"{' and '.join(COMMANDS)}."
        )
    parts = table.pop("parts", [{}])
    if not (isinstance(parts, list) and parts and all(isinstance(part, dict) for part in parts)):
        raise InputError(f"The suite {file} has parts that are no tables: each begins with a line [[parts]].")
    return Suite(
        name=name,
        file=file,
        summary=summary.strip(),
        command=command,
        options=_stated(table, file),
        parts=tuple(_stated(part, file) for part in parts),
    )


def did_you_mean(name: object, known: tuple[str, ...]) -> str:
    """A sentence with the nearest of the known names, "" if none is near."""
    near = difflib.get_close_matches(str(name).lower(), known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _stated(table: Mapping[str, object], file: str) -> Stated:
    found = {}
    for key, value in table.items():
        values = value if isinstance(value, list) else [value]
        if not values:
            raise InputError(f"The suite {file} states {key} = [], which is empty: leave it out, or fill it.")
        if not all(map(_is_value, values)):
            raise InputError(
                f"The suite {file} states {key} = {value!r}: an option is a text, a number or a list of them."
            )
        texts = tuple(str(one) for one in values)
        found[key] = texts if key == SEPARATE else (",".join(texts),)
    return found


def _is_value(one: object) -> bool:
    """Whether it can be an option's value; true and false cannot: no option of a suite is a switch."""
    return isinstance(one, str | int | float) and not isinstance(one, bool)
