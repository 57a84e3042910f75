"""The launcher `local`: every cell in a process of its own on this machine, one after the other."""

import signal
import time
from collections.abc import Iterator

import results
from bench.errors import InputError
from bench.execute import identity_of
from bench.grid import Cell
from bench.launch.child import Child
from bench.launch.job import ELSEWHERE, NO_ATTEMPT, Ended, Job, in_turn, last_attempt
from bench.launch.one_cell import label, left_to_do, tell
from bench.launch.oom_killer import OomKills
from bench.progress import TrainingProgress
from bench.stopping import Stopping

OVER_SEC = 30.0
"""How much longer than `--timeout` a cell's process may take to end itself."""

PLANNING_SEC = 600.0
"""How long a cell's process may take to read its data and to make its plan, where there is a `--timeout`."""

POLL_SEC = 0.2


def launch(job: Job, stopping: Stopping) -> Iterator[Ended]:
    """Run the cells of a job in processes of their own.

    Whatever ends such a process ends one cell. Each makes its own plan, which takes some seconds.
    """
    with TrainingProgress(len(job.cells), quiet=job.options.quiet, bar=False) as progress:
        yield from in_turn(job, lambda number, cell: run_in_child(job, number, cell, progress, stopping))


def run_in_child(job: Job, number: int, cell: Cell, progress: TrainingProgress, stopping: Stopping) -> Ended:
    """Do what is left of one cell in a process of its own; a death of it is a row."""
    progress.cell(label(cell), cell.settings.kimg, number)
    work = left_to_do(job, cell)
    if isinstance(work, Ended):
        tell(work, progress)
        return work
    try:
        results.seal_abandoned(job.store / cell.folder)  # what is abandoned after this is this child's
        ended = child_of(job, cell, progress, stopping)
    except results.InUseError:
        ended = Ended(cell=cell, outcome=ELSEWHERE)
        tell(ended, progress)
    return ended


def child_of(job: Job, cell: Cell, progress: TrainingProgress, stopping: Stopping) -> Ended:
    """Run a cell in a child, whatever becomes of it.

    Raises
    ------
    InputError
        The child says that the store cannot be written, and so no cell could be run.
    Stopped
        As soon as the child, which was told, has ended.
    results.InUseError
        Another launch has taken the cell over from the child, which is dead.
    """
    attempts, _, _ = last_attempt(job.store / cell.folder) or NO_ATTEMPT
    kills = OomKills.now()
    child = Child([cell.training_id, str(job.attempts_before[cell.training_id]), *job.arguments])
    with stopping.held(wake=lambda: child.tell(stopping.signum)):
        code, by_itself = watched(child, job.options.timeout)
    if "stop" in child.said:
        raise InputError(child.said["stop"])
    if "outcome" in child.said:  # which it has told the user, too
        return Ended(cell=cell, outcome=child.said["outcome"], reason=child.said["reason"])
    child.kill()  # what it has started and left
    outcome, reason = death(code, child.said.get("failed"), kills)
    if not by_itself:
        outcome = "timeout"
        reason = f"Its process had not ended {OVER_SEC:g} s after the {job.options.timeout:g} s of --timeout."
    ended = left_behind(job, cell, attempts, outcome, reason)
    tell(ended, progress)
    return ended


def watched(child: Child, limit_sec: float | None) -> tuple[int, bool]:
    """Wait for a child to end: its exit code, and whether it ended by itself.

    Its time begins when it has made its plan, for which it has `PLANNING_SEC`. The child itself stops at its
    limit; one that has not soon after hangs where no signal handler runs, so that there is no use in asking
    again.
    """
    began, planning = time.monotonic(), PLANNING_SEC
    while (code := child.wait(POLL_SEC)) is None:
        if planning and "began" in child.said:
            began, planning = time.monotonic(), 0.0
        if limit_sec is not None and time.monotonic() - began > planning + limit_sec + OVER_SEC:
            child.kill()
            while (code := child.wait(POLL_SEC)) is None:
                pass
            return code, False
    return code, True


def death(code: int, failed: str | None, kills: OomKills) -> tuple[str, str]:
    """Outcome and reason of a cell whose process ended without a word, or failed before it began."""
    if failed is not None:
        return "error", f"Its process could not begin: {failed}"
    if code >= 0:
        return "killed", f"Its process ended with exit code {code} without sealing its rows."
    name = signal.Signals(-code).name
    if -code == signal.SIGKILL and (why := kills.since()):
        return "oom", f"Its process was ended by {name}, {why}."
    return "killed", f"Its process was ended by {name}."


def left_behind(job: Job, cell: Cell, attempts: int, outcome: str, reason: str) -> Ended:
    """How a cell ended whose process has said nothing: as the process sealed it, or else as given.

    Parameters
    ----------
    attempts
        The number of the last attempt before the process was started.
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
