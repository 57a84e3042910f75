"""Files inside a zip, read where they lie: nothing is unpacked to disk, and any number of threads may read.

What is wrong with an archive is said with its name: damage, encryption, one name twice, a compression
that is not read, or an entry that unpacks to far more than its like (a zip bomb). A name such as
``../../x.png`` is a name like any other, as nothing is ever written.
"""

import struct
import threading
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from metrics.errors import MetricError
from metrics.images import MAX_PIXELS

MAX_ENTRY_BYTES = 8 * MAX_PIXELS
"""The largest file inside a zip that is read: the largest picture, uncompressed, four channels of 16 bits."""

_BOMB_RATIO = 200  # an entry beyond `_BOMB_BYTES` that shrank by more than this holds nothing worth seeing
_BOMB_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20

# Signature, …, lengths of the name and of what lies between it and the data.
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000  # flags of the zip format: encrypted, strongly so, its directory too
# What `zipfile` raises for a damaged directory; an entry without a name is an IndexError.
_NO_ZIP = (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, IndexError, struct.error)
_METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}


class Archive:
    """The files inside a zip.

    Parameters
    ----------
    path
        The zip; it stays open, and must stay as it is, as long as this object lives.

    Raises
    ------
    MetricError
        If there is no such file, or it is not a whole zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as directory:
                entries = [entry for entry in directory.infolist() if not entry.is_dir()]
            self._file = path.open("rb", buffering=0)  # a buffer would hide a change
        except OSError as error:
            raise MetricError(f"the file {path} cannot be read: {error.strerror or error}") from error
        except _NO_ZIP as error:
            raise MetricError(f"{path} is damaged, or no zip: {_reason(error)}") from error
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._twice: set[str] = set()
        for entry in entries:
            name = _plain(entry.filename)
            if name in self._entries:
                self._twice.add(name)
            self._entries[name] = entry

    @property
    def names(self) -> tuple[str, ...]:
        """Of every file in it, with /, in the archive's order; without a leading / or ./"""
        return tuple(self._entries)

    def check(self, name: str, *, at_most: int | None = MAX_ENTRY_BYTES) -> None:
        """See by the directory alone that an entry can be read.

        Raises
        ------
        MetricError
            If its name is there twice, or it is encrypted, compressed in a way that is not read, larger
            than `at_most` bytes, if that is given, or packed as a zip bomb is.
        """
        entry = self._entries[name]
        what = f"'{name}' in {self.path}"
        if name in self._twice:
            raise MetricError(f"{what} is there twice, and nothing says which of the two is meant")
        if entry.flag_bits & _ENCRYPTED:
            raise MetricError(f"{what} is encrypted; pack it without a password")
        if entry.compress_type not in _METHODS:
            raise MetricError(
                f"{what} is compressed by a method that is not read; pack it deflated, or just stored"
            )
        if at_most is not None and entry.file_size > at_most:
            raise MetricError(f"{what} is refused: it unpacks to {entry.file_size:,} bytes, over {at_most:,}")
        if entry.file_size > max(_BOMB_BYTES, _BOMB_RATIO * entry.compress_size):
            raise MetricError(
                f"{what} is refused: {entry.compress_size:,} bytes that unpack to {entry.file_size:,}, as a "
                "zip bomb's do"
            )

    def read(self, name: str) -> bytes:
        """All bytes of an entry that `check` has let pass, their checksum tested; any thread may call.

        Raises
        ------
        MetricError
            If they are damaged, or the archive has changed since it was opened.
        """
        entry = self._entries[name]
        # One byte more than it may be, so that a longer one shows without being unpacked.
        content = self.head(name, entry.file_size + 1)
        if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
            raise self._damaged(name)
        return content

    def head(self, name: str, length: int) -> bytes:
        """At most the first `length` bytes of an entry, unpacked; their checksum is not tested.

        Raises
        ------
        MetricError
            If they are damaged.
        """
        return b"".join(self.pieces(name, length))

    def pieces(self, name: str, length: int) -> Iterator[bytes]:
        """`head`, a mebibyte or so at a time."""
        entry = self._entries[name]
        at = self.start(name)
        end = at + entry.compress_size
        unpacking = zlib.decompressobj(-zlib.MAX_WBITS) if entry.compress_type else None
        while length > 0 and at < end:
            packed = self._raw(at, min(_PIECE_BYTES, end - at, length if unpacking is None else end - at))
            if not packed:
                raise self._damaged(name)
            at += len(packed)
            if unpacking is None:
                length -= len(packed)
                yield packed
                continue
            full = True
            while full and length > 0:  # a full piece may leave more to come, even of no more input
                limit = min(_PIECE_BYTES, length)
                try:
                    piece = unpacking.decompress(packed, limit)
                except zlib.error as error:
                    raise self._damaged(name) from error
                packed, full = unpacking.unconsumed_tail, len(piece) == limit
                length -= len(piece)
                yield piece

    def start(self, name: str) -> int:
        """Where in the archive's file an entry's data begin, in bytes."""
        offset = self._entries[name].header_offset
        header = self._raw(offset, _LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size:
            raise self._damaged(name)
        signature, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        if signature != b"PK\x03\x04":
            raise self._damaged(name)
        return int(offset + _LOCAL_HEADER.size + name_length + extra_length)

    def entry(self, name: str) -> zipfile.ZipInfo:
        """What the archive's directory says of an entry."""
        return self._entries[name]

    def _raw(self, start: int, length: int) -> bytes:
        try:
            with self._lock:
                self._file.seek(start)
                return self._file.read(length)
        except (OSError, ValueError) as error:
            raise MetricError(f"the file {self.path} cannot be read: {_reason(error)}") from error

    def _damaged(self, name: str) -> MetricError:
        return MetricError(f"'{name}' in {self.path} is damaged, or has changed since the file was opened")


def _plain(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).strip().rstrip(".") or type(error).__name__
