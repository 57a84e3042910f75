"""Writing rows so that nothing measured is lost: the journal of one attempt, and its sealing.

The writer holds an advisory lock on its journal for as long as it lives, and the operating system
lets go of it however the writer ends. A journal that nobody holds has therefore lost its writer.
Where there are no locks (Windows, some network file systems) every journal looks like that, and it
is the user who must not run one cell twice at a time. A forked child that outlives the writer
keeps the lock.
"""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from results.errors import InUseError, StoreError
from results.row_file import (
    DamagedError,
    header_line,
    is_journal,
    parse,
    row_file_number,
    rows_path,
    seal_line,
    value_line,
)

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]


_WITHOUT_A_WORD = "The process ended without sealing its rows."


class DamagedRowsWarning(UserWarning):
    """A row file could not be read and was left out; the message names it."""


class Journal:
    """The growing row file of one attempt: open, append, seal.

    Every row is on the disk when ``append`` returns. An exception, a kill or a power cut loses none
    of them: an unsealed journal is read as it stands and sealed by ``seal_abandoned`` later.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.begun = False
        """Whether the header is written; until then there is only a place."""
        self._descriptor: int | None = descriptor

    @classmethod
    def open(cls, run_folder: Path, header: Mapping[str, object]) -> Self:
        """Start the next attempt of a cell.

        Parameters
        ----------
        run_folder
            The cell's folder; made if it is not there.
        header
            The run columns, of which ``training_id``, ``trained``, ``variant`` and ``dataset`` must
            be there. ``run_folder`` and ``attempt`` are read off the file's place, never given.

        Raises
        ------
        StoreError
            The header does not fit the schema; an ``InUseError``: another process is running this
            cell. Journals whose writers are dead are sealed on the way.
        OSError
            The folder can't be written.
        """
        header_line(header)  # wrong columns are known before there is a folder
        journal = cls.reserve(run_folder)
        try:
            journal.begin(header)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def reserve(cls, run_folder: Path) -> Self:
        """Take the place of a cell's next attempt, so that nobody else can, with nothing written yet.

        Whoever has it can look up what is left to do of the cell, and be sure that this stays so.
        ``begin`` writes the header; ``close`` without it gives the place back.

        Raises
        ------
        InUseError
            Another process is running this cell. Journals whose writers are dead are sealed on the way.
        OSError
            The folder can't be written.
        """
        run_folder.mkdir(parents=True, exist_ok=True)
        with _folder_locked(run_folder):
            journal = cls(*_create_next(run_folder))
            try:
                # Where folders have no locks, two may start at the same moment: the lower number wins.
                number = row_file_number(journal.path.name)
                for other in _journals(run_folder):
                    if row_file_number(other.name) < number:  # type: ignore[operator]
                        _seal_if_abandoned(other, {"outcome": "killed", "reason": _WITHOUT_A_WORD})
            except BaseException:
                journal.close()
                raise
        return journal

    def begin(self, header: Mapping[str, object]) -> None:
        """Write the header of a reserved journal; the errors are those of ``open``."""
        _append(self._open_descriptor(), header_line(header), self.path)
        self.begun = True
        _sync_folder(self.path.parent)

    @property
    def number(self) -> int:
        """The attempt: 0, 1, …"""
        return row_file_number(self.path.name) or 0

    def append(self, **values: object) -> None:
        """Write one value, and return when it is on the disk.

        Parameters
        ----------
        values
            Value columns; ``phase``, ``metric`` and ``value`` must be there.

        Raises
        ------
        StoreError
            The values do not fit the schema, or the journal is closed.
        OSError
            The disk is full or gone. The rows before stay, and one may try again.
        """
        _append(self._open_descriptor(), value_line(values), self.path)

    def seal(self, outcome: str, *, reason: str = "", flags: Iterable[str] = ()) -> Path:
        """End the attempt: write the seal and give the file its final name.

        Parameters
        ----------
        outcome
            One of ``OUTCOMES``.
        reason
            The outcome in a sentence.
        flags
            What was noticed about the training; no commas inside one.

        Returns
        -------
        Path
            The sealed ``rows-NNN.jsonl``.

        Raises
        ------
        StoreError
            An unknown outcome, or the journal is closed.
        OSError
            The disk is full or gone. The journal stays, and one may try again.
        """
        descriptor = self._open_descriptor()
        seal = {"outcome": outcome, "reason": reason, "flags": ",".join(flags)}
        sealed = _seal(self.path, descriptor, seal)
        self.close()
        return sealed

    def close(self) -> None:
        """Let go of the journal. Unsealed, it counts as abandoned; not begun, it vanishes."""
        if self._descriptor is None:
            return
        try:
            if not self.begun:
                self.path.unlink(missing_ok=True)
        finally:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise StoreError(f"The journal {self.path} is closed.")
        return self._descriptor


def seal_abandoned(
    run_folder: Path,
    outcome: str = "killed",
    reason: str = _WITHOUT_A_WORD,
) -> list[Path]:
    """Seal the journals of a cell whose writers are dead.

    A torn last line is dropped; a journal without a whole header holds nothing and is removed; a
    damaged one is set aside as ``<name>.damaged`` with a ``DamagedRowsWarning``.

    Returns
    -------
    list[Path]
        The files sealed by this call, empty if there was nothing to do or no such folder.

    Raises
    ------
    InUseError
        The writer of a journal lives.
    """
    if not run_folder.is_dir():
        return []
    seal = {"outcome": outcome, "reason": reason}
    sealed = [_seal_if_abandoned(path, seal) for path in _journals(run_folder)]
    return [path for path in sealed if path is not None]


def set_aside(path: Path, what: str) -> None:
    """Rename a damaged file to ``<name>.damaged`` where that is allowed, and warn."""
    try:
        path.rename(path.with_name(path.name + ".damaged"))
        where = f"it is now {path.name}.damaged"
    except OSError:
        where = "it could not be renamed"
    warnings.warn(f"{path} is damaged and left out ({what}); {where}.", DamagedRowsWarning, stacklevel=4)


def _seal_if_abandoned(path: Path, seal: Mapping[str, object]) -> Path | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
    except FileNotFoundError:
        return None  # its writer has just sealed it
    try:
        if not _lock(descriptor, wait=False):
            raise InUseError(f"This cell is being run by another process, which writes {path}.")
        if not _still_named(descriptor, path):
            return None
        content = path.read_bytes()
        if b"\n" not in content:
            path.unlink()
            return None
        try:
            rows = parse(content, journal=True)
        except DamagedError as damage:
            set_aside(path, str(damage))
            return None
        os.ftruncate(descriptor, rows.size_bytes)
        if rows.seal is not None:
            return _rename_sealed(path)
        return _seal(path, descriptor, seal)
    finally:
        os.close(descriptor)


def _create_next(run_folder: Path) -> tuple[Path, int]:
    while True:
        numbers = (row_file_number(entry.name) for entry in run_folder.iterdir())
        number = max((n for n in numbers if n is not None), default=-1) + 1
        path = run_folder / f"journal-{number:03d}.jsonl"
        try:
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND
            descriptor = os.open(path, flags, 0o666)
        except FileExistsError:
            continue
        # Before the lock is held, another process may take the empty file for an abandoned one and
        # remove it.
        _lock(descriptor, wait=True)
        if _still_named(descriptor, path):
            if not rows_path(path).exists():
                return path, descriptor
            path.unlink()  # the folder was listed while an attempt of this number was being renamed
        os.close(descriptor)


def _journals(run_folder: Path) -> list[Path]:
    journals = (path for path in run_folder.iterdir() if is_journal(path.name))
    return sorted(journals, key=lambda path: row_file_number(path.name) or 0)


def _append(descriptor: int, line: bytes, path: Path) -> None:
    """Write a line whole or not at all; an error names the journal."""
    size_bytes = os.fstat(descriptor).st_size
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)
        os.ftruncate(descriptor, size_bytes)
        raise


def _seal(path: Path, descriptor: int, seal: Mapping[str, object]) -> Path:
    content = path.read_bytes()
    _append(descriptor, seal_line(content, seal), path)
    try:
        return _rename_sealed(path)
    except OSError:
        os.ftruncate(descriptor, len(content))
        raise


def _rename_sealed(path: Path) -> Path:
    sealed = rows_path(path)
    path.rename(sealed)
    _sync_folder(path.parent)
    return sealed


@contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    """Let one process at a time choose the number of an attempt, where folders can be opened and locked."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make a new name last through a power cut; where folders can't be opened (Windows), skip."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Take the lock of a journal; false if another holds it. No locks here counts as taken."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _still_named(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
