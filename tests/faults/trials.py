"""One cell or grid, run again and again in forked processes that are broken on the way, then compared."""

import json
import os
import shlex
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from fault_points import Faults

import bench.run
import results
from bench import cli, costs
from gans.checkpoint import read_checkpoint

# Times, and what was measured with them, are all that two runs of one cell may differ in.
_TIMED = ("progress.training_sec", "costs.joules", "costs.peak_bytes", "costs.starts")
_SCORED = ["training_id", "variant", "dataset", "seed", "phase", "metric", "value", "uncertainty",
           "uncertainty_kind", "better", "protocol", "protocol_hash", "split", "kimg", "real_images", "final",
           ]  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or minus the signal; and what it wrote to stderr."""

    code: int
    err: str


def without_instruments() -> None:
    """Drop what takes half a second a run and only measures (arithmetic, reads) or draws (monitors)."""
    costs.TrainingCosts._arithmetic = lambda _: iter(())  # type: ignore[method-assign,assignment]
    costs.TrainingCosts._reads = lambda _: iter(())  # type: ignore[method-assign,assignment]
    results.plot_monitors = lambda *_, **__: None  # type: ignore[assignment]


def forked(work: Callable[[], int], *, kill_after_sec: float | None = None) -> Ended:
    """Do something in a fork of this process, which must have one thread."""
    assert len(list(Path("/proc/self/task").iterdir())) == 1
    with tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            code = 97
            try:
                os.dup2(err.fileno(), 2)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                code = work()
            except SystemExit as end:
                code = int(end.code or 0)
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(code)
        if kill_after_sec is not None:
            time.sleep(kill_after_sec)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        err.seek(0)
        return Ended(os.waitstatus_to_exitcode(status), err.read().decode(errors="replace"))


@dataclass(frozen=True)
class Trial:
    """A command of `bench.run` and what its unbroken run leaves."""

    command: str
    folder: Path
    """Where stores are made."""

    def run(self, store: Path, faults: Faults | None = None, *, kill_after_sec: float | None = None) -> Ended:
        def work() -> int:
            without_instruments()
            if faults is not None:
                faults.install()
            return cli.call(bench.run.main, shlex.split(f"{self.command} --quiet --output {store}"))

        return forked(work, kill_after_sec=kill_after_sec)

    def points(self, store: Path) -> list[str]:
        """Every call of a whole run that changes the store."""
        listed = self.folder / "points"
        listed.unlink(missing_ok=True)

        def note(point: str) -> None:
            with _REAL_OPEN(listed, "a") as file:
                file.write(point + "\n")

        ended = self.run(store, Faults(store, report=note))
        assert ended.code == cli.OK, ended
        return listed.read_text().splitlines()

    def verdict(self, store: Path, unbroken: Path) -> list[str]:
        """What is wrong after the same command, undisturbed: its end, what it says, what it leaves."""
        lost = sorted(set(scores(store)) - set(scores(unbroken)))
        ended = self.run(store)
        if ended.code != cli.OK:
            return [f"the resume ended with {ended.code}: {ended.err[-300:]}"]
        wrong = [f"not measured in the unbroken run: {lost[0]}"] if lost else []
        if "damaged" in ended.err:
            wrong.append(f"the resume says: {ended.err[-300:]}")
        return wrong + differences(store, unbroken)


_REAL_OPEN = open


def scores(store: Path) -> list[str]:
    """Every score in a store so far, of every attempt."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", results.DamagedRowsWarning)
            frame = results.load(store, every_attempt=True)
    except results.StoreError:  # nothing has been written yet
        return []
    return _scores(frame)


def _scores(frame: pd.DataFrame) -> list[str]:
    rows = frame.loc[frame["phase"] == "score", _SCORED]
    return list(map(json.dumps, rows.astype(str).to_numpy().tolist()))


def differences(store: Path, unbroken: Path) -> list[str]:
    """What of a finished store is not as in the unbroken one, times and costs left out."""
    found = []
    folders = sorted(path.name for path in unbroken.iterdir() if path.is_dir())
    if folders != sorted(path.name for path in store.iterdir() if path.is_dir()):
        return ["the folders differ"]
    for name in folders:
        found += [f"{name}: {what}" for what in _run_differences(store / name, unbroken / name)]
    return found


def _run_differences(mine: Path, other: Path) -> Iterator[str]:
    ours, theirs = _files(mine), _files(other)
    if ours.keys() != theirs.keys():
        yield f"files: {sorted(ours.keys() ^ theirs.keys())}"
    for name in ours.keys() & theirs.keys():
        if name.endswith(".png") and ours[name].read_bytes() != theirs[name].read_bytes():
            yield name
        elif name.endswith(".safetensors"):
            yield from (f"{name}: {what}" for what in _checkpoint_differences(ours[name], theirs[name]))
        elif name == "history.csv" and _history(ours[name]) != _history(theirs[name]):
            yield name
    if (one := _rows(mine)) != (two := _rows(other)):
        yield f"rows: {sorted(set(one) ^ set(two))[:4]} ({len(one)} and {len(two)})"


def _files(folder: Path) -> dict[str, Path]:
    """All files but rows, of which every attempt has one, and reports of errors."""
    return {
        str(path.relative_to(folder)): path
        for path in folder.rglob("*")
        if path.is_file() and not (path.name.startswith(("rows-", "error-")))
    }


def _history(path: Path) -> list[list[str]]:
    lines = [line.split(",") for line in path.read_text().splitlines()]
    timed = lines[0].index("training_sec")
    return [line[:timed] + line[timed + 1 :] for line in lines]


def _checkpoint_differences(mine: Path, other: Path) -> Iterator[str]:
    (ours, said), (theirs, said_there) = read_checkpoint(mine), read_checkpoint(other)
    said["context"].pop("attempts"), said_there["context"].pop("attempts")
    if said != said_there:
        yield "metadata"
    if ours.keys() != theirs.keys():
        yield f"tensors: {sorted(ours.keys() ^ theirs.keys())}"
    timed = said["context"]["history"].index("training_sec") if said["context"]["history"] else 0
    for name in ours.keys() & theirs.keys():
        one, two = ours[name].cpu().numpy(), theirs[name].cpu().numpy()
        if name == "costs.records" and one.ndim == 2:
            one, two = (np.delete(records, timed, axis=1) for records in (one, two))
        if name not in _TIMED and (
            one.dtype != two.dtype or one.shape != two.shape or one.tobytes() != two.tobytes()
        ):
            yield name


def _rows(folder: Path) -> list[str]:
    """Scores bit for bit, of costs that they are there, and how the table counts the cell."""
    frame = results.load(folder)
    costs = frame["phase"] == "training"
    frame.loc[costs, ["value", "uncertainty"]] = np.nan
    frame.loc[costs, "uncertainty_kind"] = ""  # a resumed training may have too few windows for one
    kept = frame.loc[frame["phase"].isin(["training", "score"]), _SCORED]
    measured = kept["metric"].isin(["joules_per_1000_images", "peak_memory_bytes"])  # where there are meters
    counted = results.summary(frame)[["seeds", "seeds_ok", "outcomes"]].astype(str).to_numpy().tolist()
    return sorted(map(json.dumps, [*kept[~measured].astype(str).to_numpy().tolist(), *counted]))


@contextmanager
def fresh_store(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder) as made:
        yield Path(made).resolve() / "runs"
