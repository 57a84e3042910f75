"""What a launcher is given, what it gives back, and the order of its work."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import results
from bench.grid import Cell
from bench.scoring import Scoring
from bench.stopping import AGAIN, AGAIN_WITHOUT_RERUN
from bench.trackers import Tracker, tracking

ELSEWHERE = "elsewhere"
"""In the place of an outcome: another process is running this cell, and it was left to it."""


NO_ATTEMPT = (-1, "", "")
"""What `last_attempt` would say of none."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One launch: its cells, and all that it takes to run any of them."""

    cells: Sequence[Cell]
    scorings: Mapping[str, Scoring]
    """By the data set's name."""
    store: Path
    options: argparse.Namespace
    arguments: Sequence[str]
    """The command line that says all of this, too: another process makes the same job of it."""
    track: Callable[[Path], Tracker]
    """From a training's folder to where it can be watched."""
    attempts_before: Mapping[str, int]
    """The number of each cell's last attempt when the launch began, by training id; -1: there was none."""

    @property
    def again(self) -> str:
        """What goes on from where this launch is ended."""
        return AGAIN_WITHOUT_RERUN if self.options.rerun else AGAIN

    @property
    def command(self) -> list[str]:
        """The command as it stands in the rows."""
        return ["bench.run", *self.arguments]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a cell ended: one of `results.OUTCOMES`, or `ELSEWHERE`."""

    cell: Cell
    outcome: str
    reason: str = ""
    note: str = ""
    """What to say instead, if this launch did nothing for it."""


def job_of(
    cells: Sequence[Cell],
    scorings: Mapping[str, Scoring],
    options: argparse.Namespace,
    arguments: Sequence[str],
) -> Job:
    """A launch that begins now; InputError if what `--track` needs is not installed."""
    before = {
        cell.training_id: (last_attempt(options.output / cell.folder) or NO_ATTEMPT)[0] for cell in cells
    }
    return Job(
        cells=cells,
        scorings=scorings,
        store=options.output,
        options=options,
        arguments=arguments,
        track=tracking(options.track),
        attempts_before=before,
    )


def last_attempt(folder: Path) -> tuple[int, str, str] | None:
    """Number, outcome ("" while it goes on) and reason of the newest attempt in a run's folder, if any."""
    try:
        last = results.read_run(folder).iloc[-1]
    except results.StoreError:
        return None
    outcome, reason = last[["outcome", "reason"]].fillna("")
    return int(last["attempt"]), str(outcome), str(reason)


def in_turn(job: Job, run: Callable[[int, Cell], Ended]) -> Iterator[Ended]:
    """Run one cell after the other, those that another process has at the end.

    Cells that another process is running are tried again after the others, for as long as that changes
    anything: it may have finished them, or died over them. What it is still running then is not waited for,
    because how long that takes is not for this launch to say.

    Parameters
    ----------
    run
        From a cell's number in the launch, from 1, and the cell to how it ended.
    """
    left = list(enumerate(job.cells, start=1))
    while left:
        elsewhere = []
        for number, cell in left:
            ended = run(number, cell)
            if ended.outcome == ELSEWHERE:
                elsewhere.append((number, cell))
            else:
                yield ended
        if len(elsewhere) == len(left):
            break
        left = elsewhere
    yield from (Ended(cell=cell, outcome=ELSEWHERE) for _, cell in left)
