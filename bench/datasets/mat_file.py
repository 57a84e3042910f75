"""Arrays of numbers in MATLAB's files (level 5, what MATLAB 5 to 7 saves), and nothing else of them.

SciPy reads all of the format, and a damaged file can crash the process in its compiled code or fill the
memory; here every length is checked before it is used. The format: "MAT-File Format", The MathWorks, R2023b.
"""

import itertools
import math
import mmap
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_HEADER = 128
_LEVEL_5, _LEVEL_7_3 = 0x0100, 0x0200
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {
    1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "float64", 7: "float32", 8: "int8",
    9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32", 14: "int64", 15: "uint64",
    16: "function",
}  # fmt: skip
_NUMERIC = range(6, 16)
_COMPLEX = 0x08
_MOST_AXES = 32
_HEAD = 4096  # bytes that a variable's class, axes and name fit in

_BOMB_RATIO = 200  # what shrank by more than this holds nothing worth seeing, once it is beyond `_BOMB_BYTES`
_BOMB_BYTES = 64 << 20


class MatFileError(ValueError):
    """The file is damaged, or no MATLAB file of level 5."""


class NewerMatFileError(MatFileError):
    """The file is of MATLAB 7.3, which is HDF5."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Variable:
    """One variable of a file."""

    shape: tuple[int, ...]
    kind: str
    """MATLAB's class in NumPy's words: ``"uint8"``, ``"float64"``, … or ``"char"``, ``"cell"``, …"""
    values: np.ndarray | None
    """Of this shape and kind, read-only, where it was wanted and holds real numbers."""


def read_mat(path: Path, wanted: Collection[str]) -> dict[str, Variable]:
    """Every variable by its name; values of those `wanted` alone.

    What is not compressed is mapped, and a compressed variable takes as much memory as it holds.

    Raises
    ------
    MatFileError
        If it is damaged, of another format, or a variable is packed as a bomb is.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER)
        if len(head) < _HEADER or head[126:128] not in (b"IM", b"MI"):
            raise MatFileError("it has no header")
        order = "<" if head[126:128] == b"IM" else ">"
        (version,) = struct.unpack_from(f"{order}H", head, 124)
        if version == _LEVEL_7_3:
            raise NewerMatFileError("it is of MATLAB 7.3")
        if version != _LEVEL_5:
            raise MatFileError("its version is unknown")
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    found: dict[str, Variable] = {}
    for kind, data in _elements(content[_HEADER:], order):
        if kind == _COMPRESSED:
            data = _unpacked(data, order, wanted)
        elif kind != _MATRIX:
            continue
        name, variable = _variable(data, order, wanted)
        found[name] = variable
    return found


def _elements(content: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and data of each element; of the last one as much as there is."""
    at = 0
    while at < len(content):
        kind, start, length, end = _tag(content, at, order)
        if kind != _COMPRESSED:
            end += -end % 8
        yield kind, content[start : start + length]
        at = end


def _tag(content: memoryview, at: int, order: str) -> tuple[int, int, int, int]:
    """Type, where the data start, their length in bytes, where they end."""
    if at + 8 > len(content):
        raise MatFileError("it is cut off")
    kind, length = struct.unpack_from(f"{order}II", content, at)
    start = at + 8
    if kind >> 16:  # up to 4 bytes of data are in the tag itself
        kind, length, start = kind & 0xFFFF, kind >> 16, at + 4
        if length > 4:
            raise MatFileError("an element is longer than it can be")
        return kind, start, length, at + 8
    return kind, start, length, start + length


def _unpacked(packed: memoryview, order: str, wanted: Collection[str]) -> memoryview:
    """The variable in a compressed element; of one that is not wanted, its beginning."""
    unpacking = zlib.decompressobj()
    try:
        head = unpacking.decompress(packed, _HEAD)
        kind, start, length, _ = _tag(memoryview(head), 0, order)
        if kind != _MATRIX or start != 8:
            raise MatFileError("what is compressed is no variable")
        name, _ = _variable(memoryview(head)[8:], order, ())
        if name not in wanted:
            return memoryview(head)[8:]
        if length > max(_BOMB_BYTES, _BOMB_RATIO * len(packed)):
            raise MatFileError(f"{len(packed):,} bytes unpack to {length:,}, as a bomb's do")
        missing = 8 + length - len(head)
        rest = unpacking.decompress(unpacking.unconsumed_tail, missing) if missing > 0 else b""
    except zlib.error as error:
        raise MatFileError("what is compressed is damaged") from error
    if len(rest) < missing:
        raise MatFileError("it is cut off")
    return memoryview(head + rest)[8:]


def _variable(data: memoryview, order: str, wanted: Collection[str]) -> tuple[str, Variable]:
    elements = _elements(data, order)
    parts = [part for _, part in itertools.islice(elements, 3)]
    if len(parts) < 3:
        raise MatFileError("a variable is cut off")
    flags, axes, name = parts
    if len(flags) < 4 or not 8 <= len(axes) <= 4 * _MOST_AXES or len(axes) % 4:
        raise MatFileError("a variable has no axes")
    (flag,) = struct.unpack_from(f"{order}I", flags)
    shape = struct.unpack(f"{order}{len(axes) // 4}i", axes)
    text = bytes(name).decode("ascii", "replace")
    if min(shape) < 0:
        raise MatFileError(f"'{text}' has an axis below 0")
    kind = _CLASSES.get(flag & 0xFF, "object")
    values = None
    if text in wanted and flag & 0xFF in _NUMERIC and not flag >> 8 & _COMPLEX:
        stored, numbers = next(elements, (0, memoryview(b"")))
        values = _numbers(text, stored, numbers, shape, kind, order)
    return text, Variable(shape=shape, kind=kind, values=values)


def _numbers(
    name: str, stored: int, data: memoryview, shape: tuple[int, ...], kind: str, order: str
) -> np.ndarray:
    """MATLAB stores numbers in the smallest type that holds them."""
    if stored not in _NUMBERS:
        raise MatFileError(f"'{name}' holds no numbers")
    dtype = np.dtype(order + _NUMBERS[stored])
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise MatFileError(f"'{name}' has another number of values than its axes say")
    values = np.frombuffer(data, dtype).reshape(shape, order="F")
    with np.errstate(invalid="ignore"):  # a number that its class cannot hold is none that MATLAB wrote
        return values.astype(kind, copy=False)
