"""Reading a store: a folder of runs becomes one tidy frame, one row a value."""

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from results.errors import StoreError
from results.journal import set_aside
from results.row_file import (
    DamagedError,
    RowFile,
    is_journal,
    is_row_file,
    parse,
    row_file_number,
    rows_path,
)
from results.schema import COLUMNS, DTYPES, Kind

_SAME_VALUE = ["training_id", "phase", "metric", "kimg", "protocol_hash", "split"]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    folder: str
    number: int
    rows: RowFile


def load(path: str | os.PathLike[str], *, every_attempt: bool = False) -> pd.DataFrame:
    """Load a store, or one run of it.

    Parameters
    ----------
    path
        A store's folder or a run's folder.
    every_attempt
        False: of each training only the last attempt that trained and the scorings after it, and of
        a value measured again (same phase, metric, kimg, protocol and split) only the newest. An
        attempt that went on from a checkpoint (``resumed_kimg``) continues the ones before it: what
        they measured before that point counts, and how the last one ended is the outcome of all.
        True: everything that was ever written.

    Returns
    -------
    DataFrame
        One row a value; all columns of ``COLUMNS`` in their order and with their dtypes
        (``DTYPES``). A run that measured nothing is one row without a metric: no failure vanishes.
        Runs still going are there as far as they have got, without an outcome.

    Raises
    ------
    StoreError
        No folder, no runs in it, or rows of a newer schema version.

    Warns
    -----
    DamagedRowsWarning
        A file is damaged: it is renamed to ``<name>.damaged`` if the folder allows it, and left
        out. A damaged journal is left out and keeps its name: its writer may live.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise StoreError(f"{folder} is not a folder.")
    names = _row_files(folder)
    if names:
        files = [(folder, name) for name in names]
    else:
        runs = sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir())
        files = [(run, name) for run in runs for name in _row_files(run)]
    if not files:
        raise StoreError(f"There are no runs in {folder}.")
    attempts = [attempt for run, name in files if (attempt := _read(run, name)) is not None]
    if not attempts:
        raise StoreError(f"There are no readable rows in {folder}.")
    if every_attempt:
        return _frame(attempts)
    return _frame(_attempts_that_count(attempts)).drop_duplicates(_SAME_VALUE, keep="last", ignore_index=True)


def read_run(run_folder: str | os.PathLike[str]) -> pd.DataFrame:
    """Load every attempt of one run: what was ever written about it, in the order of writing."""
    folder = Path(run_folder)
    if not folder.is_dir() or not _row_files(folder):
        raise StoreError(f"{folder} is not the folder of a run.")
    return load(folder, every_attempt=True)


def _row_files(folder: Path) -> list[str]:
    names = {entry.name for entry in os.scandir(folder) if is_row_file(entry.name)}
    # Listed while its writer renamed it, a file may appear under both names.
    names -= {name for name in names if is_journal(name) and rows_path(Path(name)).name in names}
    return sorted(names, key=lambda name: row_file_number(name) or 0)


def _read(run: Path, name: str) -> _Attempt | None:
    path = run / name
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        path = rows_path(path)  # sealed since it was listed
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None  # or given back, with nothing in it
    journal = is_journal(path.name)
    if journal and b"\n" not in content:
        return None  # just being opened
    try:
        rows = parse(content, journal=journal)
    except DamagedError as damage:
        set_aside(path, str(damage))
        return None
    except StoreError as error:
        raise StoreError(f"{path}: {error}") from error
    return _Attempt(folder=run.resolve().name, number=row_file_number(name) or 0, rows=rows)


def _attempts_that_count(attempts: Iterable[_Attempt]) -> list[_Attempt]:
    """Keep, of each training, what its last training and the attempts after it say, oldest first.

    Within a folder the attempts' numbers say which is later, whatever the clock did. The same
    training in two folders (stores that were merged): the folder last worked in is the later one.
    """
    cells = defaultdict(list)
    last_start: dict[str, datetime] = defaultdict(lambda: _LONG_AGO)
    for attempt in attempts:
        cells[attempt.rows.run["training_id"]].append(attempt)
        start = attempt.rows.run["started_utc"] or _LONG_AGO
        last_start[attempt.folder] = max(last_start[attempt.folder], start)
    counting = []
    for cell in cells.values():
        cell.sort(key=lambda attempt: (last_start[attempt.folder], attempt.folder, attempt.number))
        trained = [index for index, attempt in enumerate(cell) if attempt.rows.run["trained"]]
        last = trained[-1] if trained else 0
        counting.extend(_continued(cell[: last + 1]))
        counting.extend(cell[last + 1 :])
    return counting


def _continued(cell: Sequence[_Attempt]) -> list[_Attempt]:
    """The last of these attempts, and what counts of those that it continues, oldest first.

    Each attempt that went on from a checkpoint leaves of those before it what they measured before
    that point, and not what they measured at it or, the checkpoint being lost with the process, later.
    """
    *before, last = cell
    kept, until_kimg, resumed_kimg = [last], math.inf, last.rows.run["resumed_kimg"]
    for attempt in reversed(before):
        if resumed_kimg is None or attempt.folder != last.folder:
            break
        until_kimg = min(until_kimg, resumed_kimg)
        if (rows := _before(attempt.rows, until_kimg, last.rows.seal)) is not None:
            kept.append(replace(attempt, rows=rows))
        if attempt.rows.run["trained"]:
            resumed_kimg = attempt.rows.run["resumed_kimg"]
    return kept[::-1]


def _before(rows: RowFile, kimg: float, seal: dict[str, Any] | None) -> RowFile | None:
    """The rows taken before a point of the training, under the seal of the attempt that continued it."""
    kept = [i for i, at in enumerate(rows.values["kimg"]) if at is not None and at < kimg]
    if not kept:
        return None
    values = {name: [column[i] for i in kept] for name, column in rows.values.items()}
    return replace(rows, values=values, seal=seal)


def _frame(attempts: Sequence[_Attempt]) -> pd.DataFrame:
    n_values = [len(attempt.rows.values["metric"]) for attempt in attempts]
    n_rows = np.array([max(n, 1) for n in n_values])  # an attempt without a value is a row, too
    columns = {}
    for column in COLUMNS:
        if column.scope == "value":
            chunks = (
                attempt.rows.values[column.name] if n else [None]
                for attempt, n in zip(attempts, n_values, strict=True)
            )
            columns[column.name] = _array(column.kind, list(chain.from_iterable(chunks)))
        else:
            once = [_of_attempt(attempt, column.scope, column.name) for attempt in attempts]
            columns[column.name] = _array(column.kind, once).repeat(n_rows)
    return pd.DataFrame(columns)


def _of_attempt(attempt: _Attempt, scope: str, name: str) -> Any:
    if scope == "run":
        return attempt.rows.run[name]
    if scope == "seal":
        return None if attempt.rows.seal is None else attempt.rows.seal[name]
    return attempt.folder if name == "run_folder" else attempt.number


def _array(kind: Kind, values: list[Any]) -> Any:
    if kind == "real":
        return np.array(values, dtype=np.float64)  # None becomes NaN
    if kind == "text":  # by Arrow in a tenth of the time that pandas takes to look at each object
        return pd.StringDtype().__from_arrow__(pa.array(values, pa.large_string()))
    return pd.array(values, dtype=DTYPES[kind])
