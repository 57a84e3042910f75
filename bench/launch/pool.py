"""Cells in processes of their own, several at once: submitted as there is room, and again if need be."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import results
from bench.errors import InputError
from bench.execute import identity_of
from bench.grid import Cell
from bench.launch.cell_process import GRACE_SEC, POLL_SEC, Fate
from bench.launch.grid_progress import GridProgress
from bench.launch.job import ELSEWHERE, NO_ATTEMPT, Ended, Job, last_attempt, scores_id
from bench.launch.one_cell import left_to_do
from bench.stopping import Stopping

LOSSES = 3
"""So many machines may be lost over a cell, one after the other, without a new checkpoint of it."""

AGAIN_SEC = 2.0
"""Between two looks whether the process of a lost machine has let go of its cell."""

LOST_SEC = max(GRACE_SEC, 90.0) + AGAIN_SEC
"""How long it may hold its cell: until it has ended itself, or, if the machine is dead, until a network file
system notices (the lease of an NFS 4 server is 90 s unless somebody changed it)."""


class Worker(Protocol):
    """One cell that has been submitted."""

    def poll(self) -> Fate | None:
        """How it ended, None while it has not."""

    def tell(self, signum: int) -> None:
        """Ask it to end, as that signal would."""

    def kill(self) -> None:
        """Make it end, at once."""


class Place(Protocol):
    """Where cells can run."""

    shows_lines: bool
    """Whether the user sees the lines that cells print there."""

    def room(self) -> int:
        """How many more cells can be submitted now."""

    def start(self, arguments: tuple[str, ...], on_line: Callable[[str], None]) -> Worker:
        """Submit a cell: the arguments of `bench.launch.cell`, and what gets each line it prints."""


@dataclass(kw_only=True)
class Entry:
    """A cell of the launch, and where it stands."""

    number: int
    cell: Cell
    losses: int = 0
    """So many machines have been lost over it since it got any further."""
    lost: str = ""
    """How the last one was."""
    lost_at: float = 0.0
    checkpoints: frozenset[str] = frozenset()
    """The files that it had then."""
    not_before: float = 0.0
    attempts: int = -1
    """The number of the last attempt before it was submitted."""


def run_pool(job: Job, stopping: Stopping, place: Place, *, summary: bool) -> Iterator[Ended]:
    """Run the cells of a job in a place, as many at once as it has room for.

    Cells that another launch is running are tried again after the others, as by the launcher `here`. One
    whose machine is lost is submitted again and goes on from its checkpoint.

    Parameters
    ----------
    summary
        Whether to show how many cells are done: where a cell does not draw on the terminal itself.

    Raises
    ------
    InputError
        A process says that the store cannot be written, and so no cell could be run.
    Stopped
        If that was asked for, once the cells under way have been told to end and have ended.
    """
    with GridProgress(len(job.cells), quiet=job.options.quiet, summary=summary) as progress:
        left = [Entry(number=number, cell=cell) for number, cell in enumerate(job.cells, start=1)]
        while left:
            one_round = Round(job, stopping, place, progress, left)
            yield from one_round.run()
            if len(one_round.elsewhere) == len(left):
                break
            left = one_round.elsewhere
        yield from (Ended(cell=entry.cell, outcome=ELSEWHERE) for entry in left)


class Round:
    """Every cell of a list submitted once, or again as long as its machines are lost."""

    def __init__(
        self, job: Job, stopping: Stopping, place: Place, progress: GridProgress, entries: list[Entry]
    ) -> None:
        self.elsewhere: list[Entry] = []
        """Those that another launch was running."""
        self._job, self._stopping, self._place, self._progress = job, stopping, place, progress
        self._waiting = deque(entries)
        self._under_way: list[tuple[Entry, Worker]] = []

    def run(self) -> Iterator[Ended]:
        """Give them out and yield how they ended; `Stopped` when they have, if that was asked for."""
        with self._stopping.held():
            try:
                while (self._waiting or self._under_way) and not self._stopping.asked:
                    yield from self._given_out()
                    time.sleep(POLL_SEC)
                    yield from self._come_back()
                self._stop()
            finally:
                for _, worker in self._under_way:
                    worker.kill()

    def _given_out(self) -> Iterator[Ended]:
        """Give out what there is room for; yields the cells of which nothing is left to do."""
        now = time.monotonic()
        for _ in range(len(self._waiting)):
            if self._stopping.asked or self._place.room() < 1:
                break
            entry = self._waiting.popleft()
            if entry.not_before > now:
                self._waiting.append(entry)
                continue
            work = left_to_do(self._job, entry.cell)
            if isinstance(work, Ended):
                self._progress.ended(entry.number, work, said=False)
                yield work
                continue
            try:
                if ended := self._taken_back(entry):
                    self._progress.ended(entry.number, ended, said=False)
                    yield ended
                    continue
            except results.InUseError:
                self._in_use(entry)
                continue
            worker = self._place.start(arguments_of(self._job, entry.cell), self._progress.show_line)
            self._under_way.append((entry, worker))
        self._progress.submitted(len(self._under_way))

    def _taken_back(self, entry: Entry) -> Ended | None:
        """Seal what is abandoned of a cell; how it ended if that is all that is done for it.

        Raises
        ------
        results.InUseError
            Somebody is still running it.
        """
        if entry.losses == LOSSES:
            return left_behind(self._job, entry.cell, entry.attempts, "killed", entry.lost)
        folder = self._job.store / entry.cell.folder
        if entry.lost:
            results.seal_abandoned(folder, "killed", entry.lost)
        else:
            results.seal_abandoned(folder)
        entry.attempts, _, _ = last_attempt(folder) or NO_ATTEMPT
        return None

    def _come_back(self) -> Iterator[Ended]:
        """Those that have ended since the last look."""
        for entry, worker in list(self._under_way):
            if (fate := worker.poll()) is None:
                continue
            self._under_way.remove((entry, worker))
            if fate.stop:
                raise InputError(fate.stop)
            try:
                ended = self._ended(entry, fate)
            except results.InUseError:  # by another launch, or by the process of a machine that was lost
                ended = Ended(cell=entry.cell, outcome=ELSEWHERE)
            if ended is None:
                continue
            if ended.outcome == ELSEWHERE:
                self._in_use(entry)
                continue
            self._progress.ended(entry.number, ended, said=fate.reported and self._place.shows_lines)
            yield ended

    def _ended(self, entry: Entry, fate: Fate) -> Ended | None:
        """How a cell ended, by the fate of its process; None if it is to be submitted again."""
        cell = entry.cell
        if fate.reported:
            return Ended(cell=cell, outcome=fate.outcome, reason=fate.reason)
        if fate.lost:
            self._lose(entry, fate.reason)
            return None
        return left_behind(self._job, cell, entry.attempts, fate.outcome, fate.reason)

    def _lose(self, entry: Entry, reason: str) -> None:
        files = (self._job.store / entry.cell.folder).glob("checkpoint-*.safetensors")
        checkpoints = frozenset(path.name for path in files)
        entry.losses = entry.losses + 1 if checkpoints == entry.checkpoints else 1
        entry.lost, entry.lost_at, entry.checkpoints = reason, time.monotonic(), checkpoints
        self._progress.say(entry.number, entry.cell, reason)
        self._later(entry)

    def _in_use(self, entry: Entry) -> None:
        """Its journal is somebody's: of the process of a machine that was lost, or of another launch."""
        if entry.lost and time.monotonic() - entry.lost_at < LOST_SEC:
            self._later(entry)
            return
        self._progress.ended(entry.number, Ended(cell=entry.cell, outcome=ELSEWHERE), said=False)
        self.elsewhere.append(entry)

    def _later(self, entry: Entry) -> None:
        entry.not_before = time.monotonic() + AGAIN_SEC
        self._waiting.append(entry)

    def _stop(self) -> None:
        """Tell those under way to end, if that was asked for, and wait for them.

        A cluster may answer for a cell while its process still writes the checkpoint, and holds the journal.
        """
        folders = [self._job.store / entry.cell.folder for entry, _ in self._under_way]
        for _, worker in self._under_way:
            worker.tell(self._stopping.signum)
        while self._under_way:
            self._under_way = [(entry, worker) for entry, worker in self._under_way if worker.poll() is None]
            time.sleep(POLL_SEC)
        until = time.monotonic() + GRACE_SEC
        while any(in_use(folder) for folder in folders) and time.monotonic() < until:
            time.sleep(POLL_SEC)


def in_use(folder: Path) -> bool:
    """Whether somebody writes a journal in a cell's folder; if nobody does, none is left unsealed."""
    try:
        results.seal_abandoned(folder)
    except results.InUseError:
        return True
    return False


def arguments_of(job: Job, cell: Cell) -> tuple[str, ...]:
    """What `bench.launch.cell` is given to run a cell of a job."""
    attempt = str(job.attempts_before[cell.training_id])
    return (cell.training_id, attempt, scores_id(job, cell), *job.arguments)


def left_behind(job: Job, cell: Cell, attempts: int, outcome: str, reason: str) -> Ended:
    """How a cell ended whose process has said nothing: as the process sealed it, or else as given.

    Parameters
    ----------
    attempts
        The number of the last attempt before the process was started.

    Raises
    ------
    results.InUseError
        Another launch has taken the cell over from the process, which is dead.
    """
    folder = job.store / cell.folder
    results.seal_abandoned(folder, outcome, reason)
    number, sealed_as, sealed_reason = last_attempt(folder) or NO_ATTEMPT
    if number > attempts:
        return Ended(cell=cell, outcome=sealed_as, reason=sealed_reason)
    # Nothing of it was trained, so that the attempts before stay those that count.
    with results.Journal.open(folder, identity_of(cell, job.command, trained=False)) as journal:
        journal.seal(outcome, reason=reason)
    return Ended(cell=cell, outcome=outcome, reason=reason)
