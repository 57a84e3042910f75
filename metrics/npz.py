"""Arrays in `.npy` and `.npz` files: looked at before they are read, mapped where that can be.

Pickles are never opened, checksums are tested, and an array takes no more memory than there is: one that
is not compressed is mapped, in an `.npz` as in an `.npy`.
"""

import io
import math
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from metrics.archives import Archive
from metrics.errors import MetricError

_HEADER_BYTES = 64 << 10  # more than NumPy lets the header of an array have
_CHUNK = 16 << 20  # bytes whose checksum is computed at a time
_MEMORY_SHARE = 0.5  # of the machine's memory that one compressed array may fill
_FEWEST_MEMORY_BYTES = 8 << 30  # where the system does not say how much there is


@dataclass(frozen=True, kw_only=True)
class ArrayHeader:
    """What a `.npy`, alone or inside an `.npz`, says of its array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    offset: int
    """Where values begin, in bytes from the start of the `.npy`."""

    @property
    def nbytes(self) -> int:
        """Of all values."""
        return math.prod(self.shape) * self.dtype.itemsize


def map_array(path: Path) -> np.ndarray:
    """The array of an `.npy`, read-only, mapped.

    Raises
    ------
    MetricError
        If the file is not there or damaged, or holds pickled objects.
    """
    try:
        length = path.stat().st_size
        with path.open("rb") as file:
            header = _read_header(file, length, str(path))
        if not header.nbytes:
            return np.empty(header.shape, header.dtype)  # of nothing, no map can be made
        order: Any = "F" if header.fortran_order else "C"
        return np.memmap(path, header.dtype, "r", header.offset, header.shape, order)
    except OSError as error:
        raise MetricError(f"the file {path} cannot be read: {error.strerror or error}") from error


class Npz:
    """The arrays of an `.npz`.

    Raises
    ------
    MetricError
        If there is no such file, or it is not a whole zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive = Archive(path)
        self.keys = tuple(name.removesuffix(".npy") for name in self._archive.names if name.endswith(".npy"))

    def what(self, key: str) -> str:
        """What an error calls an array."""
        return f"the array '{key}' in {self.path}"

    def header(self, key: str) -> ArrayHeader:
        """Shape and dtype of an array.

        Raises
        ------
        MetricError
            If it is damaged, holds pickled objects, is encrypted, or there twice, or packed as a bomb is.
        """
        name = f"{key}.npy"
        self._archive.check(name, at_most=None)  # what is mapped may be of any size; `array` sees to the rest
        head = io.BytesIO(self._archive.head(name, _HEADER_BYTES))
        return _read_header(head, self._archive.entry(name).file_size, self.what(key))

    def array(self, key: str) -> np.ndarray:
        """An array, read-only: mapped if it is not compressed, else unpacked into memory.

        Raises
        ------
        MetricError
            As `header`, or if its checksum is wrong, or it is too large for memory.
        """
        header = self.header(key)
        entry = self._archive.entry(f"{key}.npy")
        if entry.compress_type == zipfile.ZIP_STORED:
            stored = self._mapped(key)
        else:
            stored = self._unpacked(key)
        checksum = 0
        for at in range(0, len(stored), _CHUNK):
            checksum = zlib.crc32(stored[at : at + _CHUNK].data, checksum)
        if checksum != entry.CRC:
            raise MetricError(f"{self.what(key)} is damaged: its checksum is wrong")
        values = stored[header.offset :]
        order: Any = "F" if header.fortran_order else "C"
        return np.ndarray(header.shape, header.dtype, buffer=values.data, order=order)

    def _mapped(self, key: str) -> np.ndarray:
        name = f"{key}.npy"
        start, length = self._archive.start(name), self._archive.entry(name).file_size
        try:
            return np.memmap(self.path, np.uint8, "r", start, (length,))
        except (OSError, ValueError) as error:  # it would reach beyond the file's end
            raise MetricError(f"{self.what(key)} is damaged") from error

    def _unpacked(self, key: str) -> np.ndarray:
        name = f"{key}.npy"
        length = self._archive.entry(name).file_size
        if length > _MEMORY_SHARE * memory_bytes():
            raise MetricError(
                f"{self.what(key)} unpacks to {length / 2**30:.1f} GiB, too much for this machine's memory; "
                "save it uncompressed (np.savez or np.save), and it is read from disk"
            )
        unpacked = np.empty(length, np.uint8)
        at = 0
        for piece in self._archive.pieces(name, length):
            unpacked[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
            at += len(piece)
        if at < length:
            raise MetricError(f"{self.what(key)} is damaged: it is shorter than it says")
        unpacked.flags.writeable = False
        return unpacked


def memory_bytes() -> int:
    """The machine's memory, or 8 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _FEWEST_MEMORY_BYTES


def _read_header(file: BinaryIO, length: int, what: str) -> ArrayHeader:
    """Header of the `.npy` of `length` bytes that begins where `file` stands."""
    start = file.tell()
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
        shape, fortran_order, dtype = (read or np.lib.format.read_array_header_2_0)(file)
    except Exception as error:  # the header is Python's text, and NumPy lets its parser's errors through
        raise MetricError(f"{what} is damaged, or no array of NumPy's") from error
    if dtype.hasobject:
        raise MetricError(f"{what} holds Python objects, which could run any code; save plain numbers")
    header = ArrayHeader(shape=shape, dtype=dtype, fortran_order=fortran_order, offset=file.tell() - start)
    if min(shape, default=0) < 0 or header.offset + header.nbytes != length:
        raise MetricError(
            f"{what} is damaged: an array of shape {shape} takes {header.nbytes:,} bytes, and there are "
            f"{max(0, length - header.offset):,}"
        )
    return header
