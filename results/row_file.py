"""The format of one row file: bytes in, checked rows out.

JSON, one object a line, UTF-8:

- the header: ``{"schema_version": 5, "run": {run columns}}``
- one line a value: ``{value columns}``
- the seal: ``{seal columns, "rows": how many, "sha256": of all bytes before this line}``

``rows-NNN.jsonl`` is sealed and never changes again. ``journal-NNN.jsonl`` is being written: it has
no seal yet, and its last line may be torn.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.encoding import decode_columns, encode
from results.errors import StoreError
from results.schema import OUTCOMES, SCHEMA_VERSION

_NAME = re.compile(r"(rows|journal)-(\d{3,})\.jsonl(.*)", re.DOTALL)


class DamagedError(Exception):
    """The bytes are not those of a row file; the message says what is wrong, as a clause."""


@dataclass(frozen=True, kw_only=True)
class RowFile:
    """What one row file holds, decoded: one list entry a value, ``None`` where missing.

    ``seal`` is ``None`` while the run goes on; ``size_bytes`` is where the last whole line ends.
    """

    run: dict[str, Any]
    values: dict[str, list[Any]]
    seal: dict[str, Any] | None
    size_bytes: int


def row_file_number(name: str) -> int | None:
    """Return NNN of any row file's name, damaged ones included, or ``None`` for another name."""
    match = _NAME.fullmatch(name)
    return int(match[2]) if match else None


def is_row_file(name: str) -> bool:
    """Whether the name is that of a sealed file or a journal (not one set aside as damaged)."""
    match = _NAME.fullmatch(name)
    return match is not None and not match[3]


def is_journal(name: str) -> bool:
    """Whether the name is that of a journal."""
    return is_row_file(name) and name.startswith("journal-")


def rows_path(journal: Path) -> Path:
    """Return the name that a journal gets when it is sealed."""
    return journal.with_name(journal.name.replace("journal-", "rows-", 1))


def header_line(header: Mapping[str, object]) -> bytes:
    """Return the first line for these run columns, checked."""
    return _line({"schema_version": SCHEMA_VERSION, "run": encode("run", header)})


def value_line(values: Mapping[str, object]) -> bytes:
    """Return the line of one value, checked."""
    return _line(encode("value", values))


def seal_line(content: bytes, seal: Mapping[str, object]) -> bytes:
    """Return the last line for a journal whose bytes so far are ``content``."""
    encoded = encode("seal", seal)
    if encoded["outcome"] not in OUTCOMES:
        known = ", ".join(OUTCOMES)
        raise StoreError(f"There is no outcome {encoded['outcome']!r}; there are {known}.")
    rows = content.count(b"\n") - 1
    return _line({**encoded, "rows": rows, "sha256": hashlib.sha256(content).hexdigest()})


def parse(content: bytes, *, journal: bool) -> RowFile:
    """Check and decode a whole file.

    Of a journal, a torn last line is dropped, and the seal may be missing or (when the writer died
    just before renaming the file) there.

    Raises
    ------
    DamagedError
        The content is not what a writer of this version leaves.
    StoreError
        A newer version of the schema.
    """
    *lines, tail = content.split(b"\n")
    if journal and len(lines) > 1 and not _is_json(lines[-1]):
        lines.pop()  # a crash may also leave a whole block of zeros, with a line end in it or not
    elif tail and not journal:
        raise DamagedError("it is truncated")
    if not lines:
        raise DamagedError("it has no header")
    run = _parse_header(lines[0])
    try:
        # One call for all lines: several times faster than one a line.
        rows: list[Any] = json.loads(b"[" + b",".join(lines[1:]) + b"]")
    except ValueError as error:
        raise DamagedError("a line of it is not JSON") from error
    if len(rows) != len(lines) - 1 or not all(type(row) is dict for row in rows):
        raise DamagedError("a line of it is not one JSON object")
    if b"\\ud" in content.lower() and not _is_unicode([run, rows]):
        raise DamagedError("a text of it is not Unicode")
    size_bytes = sum(map(len, lines)) + len(lines)
    seal = None
    if rows and "sha256" in rows[-1]:
        seal = _check_seal(rows.pop(), content[: size_bytes - len(lines[-1]) - 1], len(rows))
    elif not journal:
        raise DamagedError("it is truncated")
    try:
        return RowFile(
            run=_single(decode_columns("run", [run])),
            values=decode_columns("value", rows),
            seal=None if seal is None else _single(decode_columns("seal", [seal])),
            size_bytes=size_bytes,
        )
    except StoreError as error:
        raise DamagedError(str(error)[0].lower() + str(error)[1:].rstrip(".")) from error


def _parse_header(line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except ValueError as error:
        raise DamagedError("it has no header") from error
    version = header.get("schema_version") if isinstance(header, dict) else None
    if type(version) is not int or version < 1:
        raise DamagedError("it has no header")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"The rows have schema version {version} and this gan-bench reads up to "
            f"{SCHEMA_VERSION}: install a newer one."
        )
    if not isinstance(header.get("run"), dict):
        raise DamagedError("it has no header")
    return header["run"]


def _check_seal(seal: dict[str, Any], content: bytes, n_rows: int) -> dict[str, Any]:
    if seal.pop("sha256") != hashlib.sha256(content).hexdigest():
        raise DamagedError("its checksum is wrong")
    if seal.pop("rows", None) != n_rows:
        raise DamagedError("its number of rows is wrong")
    if seal.get("outcome") not in OUTCOMES:
        raise DamagedError("its outcome is unknown")
    return seal


def _single(columns: dict[str, list[Any]]) -> dict[str, Any]:
    return {name: values[0] for name, values in columns.items()}


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _is_unicode(decoded: object) -> bool:
    """Whether there is no half of a surrogate pair, which JSON can spell."""
    try:
        json.dumps(decoded, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _line(content: Mapping[str, object]) -> bytes:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"
