"""Damage as files suffer it and as attackers make it: valid bytes in, changed bytes out."""

import copy
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Change = Callable[[bytearray, bytes, random.Random], bytearray]

_BORDERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_NUMBERS = (
    b"0",
    b"-1",
    b"1e999",
    b"NaN",
    b"4294967296",
    b"9" * 19,
    b"9" * 5000,
    b"1.5",
    b"null",
    b'""',
    b"[]",
)


def mutated(valid: Sequence[bytes], rng: random.Random) -> bytes:
    """One of `valid` after one to four changes, drawn by `rng`."""
    content = bytearray(rng.choice(valid))
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        content = rng.choice(_CHANGES)(content, rng.choice(valid), rng)
    return bytes(content)


def _span(content: bytearray, rng: random.Random) -> tuple[int, int]:
    """A block, short ones more often."""
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + int(2 ** rng.uniform(0, 12)))


def _flip_bit(content: bytearray, _: bytes, rng: random.Random) -> bytearray:
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def _set_byte(content: bytearray, _: bytes, rng: random.Random) -> bytearray:
    if content:
        content[rng.randrange(len(content))] = rng.choice((0, 0xFF, 0x7F, 0x80, rng.randrange(256)))
    return content


def _set_length_field(content: bytearray, _: bytes, rng: random.Random) -> bytearray:
    """A number at a border of its type, where a length, an offset or a count may stand."""
    width = rng.choice((2, 4, 8))
    value = (rng.choice(_BORDERS) + rng.choice((0, 0, -1, 1))) % 2 ** (8 * width)
    at = rng.randrange(max(1, min(len(content), rng.choice((64, 512, len(content) or 1)))))
    content[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
    return content


def _set_written_number(content: bytearray, _: bytes, rng: random.Random) -> bytearray:
    """The same in a header that is text."""
    found = list(re.finditer(rb"[0-9]+", bytes(content[:65536])))
    if found:
        start, end = rng.choice(found).span()
        content[start:end] = rng.choice(_NUMBERS)
    return content


def _truncate(content: bytearray, _: bytes, rng: random.Random) -> bytearray:
    return content[: rng.randrange(len(content) + 1)]


def _delete(content: bytearray, _: bytes, rng: random.Random) -> bytearray:
    start, end = _span(content, rng)
    del content[start:end]
    return content


def _duplicate(content: bytearray, _: bytes, rng: random.Random) -> bytearray:
    start, end = _span(content, rng)
    content[end:end] = content[start:end]
    return content


def _zero(content: bytearray, _: bytes, rng: random.Random) -> bytearray:
    start, end = _span(content, rng)
    content[start:end] = bytes(end - start)
    return content


def _insert_noise(content: bytearray, _: bytes, rng: random.Random) -> bytearray:
    start, _end = _span(content, rng)
    content[start:start] = rng.randbytes(rng.randrange(1, 64))
    return content


def _splice(content: bytearray, other: bytes, rng: random.Random) -> bytearray:
    """The beginning of one file and the end of another."""
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other) + 1) :]


_CHANGES: tuple[Change, ...] = (
    _flip_bit, _flip_bit, _set_byte, _set_byte, _set_length_field, _set_length_field, _set_written_number,
    _truncate, _delete, _duplicate, _zero, _insert_noise, _splice,
)  # fmt: skip


_ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2, 3.5, 2**31, 2**63 - 1, 2**63, -(10**30), 1e308, float("inf"), float("nan"), "",
    "x",
    "NaN", "-Infinity", "{}", "[1]", "null", "{\"a\": {}}", "9" * 5000, "1x2x3", "\x00", "\ud800",
    "<script>alert(1)</script>",
    "../../x", "a" * 100_000, "2026-01-01T00:00:00", [], {}, [[]], [None], {"": None}, [1, 2, 3],
    {"kind": "mlp"},
)  # fmt: skip


def mutated_json(value: Any, rng: random.Random) -> Any:
    """A JSON value with one to three of its parts replaced, removed, renamed or repeated."""
    changed = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(changed))
        if not places:
            break
        parent, key = rng.choice(places)
        what = rng.randrange(6)
        if what == 0:
            del parent[key]
        elif what == 1 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif what == 1:
            parent[rng.choice(("x", "kind", "name", "value", str(key) + "_"))] = parent.pop(key)
        elif what == 2:
            other, its_key = rng.choice(places)
            parent[key] = copy.deepcopy(other[its_key]) if its_key in _keys(other) else None
        else:
            parent[key] = copy.deepcopy(rng.choice(_ODD_VALUES))
    return changed


def _keys(node: Any) -> Any:
    return range(len(node)) if isinstance(node, list) else node


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(_keys(node)):
        yield node, key
        if isinstance(node[key], list | dict):
            yield from _places(node[key])
