"""What a launcher is given, and what it gives back."""

import argparse
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import results
from bench.grid import Cell
from bench.scoring import Scoring
from bench.stopping import AGAIN, AGAIN_WITHOUT_RERUN
from bench.team import Team
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
    team: Team | None = None
    """The other processes of each cell, if torchrun has started several."""

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
    attempts_before: Mapping[str, int],
    team: Team | None = None,
) -> Job:
    """A launch; InputError if what `--track` needs is not installed."""
    return Job(
        cells=cells,
        scorings=scorings,
        store=options.output,
        options=options,
        arguments=arguments,
        track=tracking(options.track),
        attempts_before=attempts_before,
        team=team,
    )


def last_attempts(cells: Sequence[Cell], store: Path) -> dict[str, int]:
    """The number of each cell's last attempt so far, by training id; -1: there is none."""
    return {cell.training_id: (last_attempt(store / cell.folder) or NO_ATTEMPT)[0] for cell in cells}


def scores_id(job: Job, cell: Cell) -> str:
    """8 hex digits of the SHA-256 of the protocols by which a cell is scored."""
    scoring = job.scorings[cell.dataset.name]
    hashes = [
        protocol.hash
        for found in (scoring.protocols(cell), scoring.choices(cell))
        for protocol in found.values()
    ]
    return hashlib.sha256(" ".join(sorted(hashes)).encode()).hexdigest()[:8]


def last_attempt(folder: Path) -> tuple[int, str, str] | None:
    """Number, outcome ("" while it goes on) and reason of the newest attempt in a run's folder, if any."""
    try:
        last = results.read_run(folder).iloc[-1]
    except results.StoreError:
        return None
    outcome, reason = last[["outcome", "reason"]].fillna("")
    return int(last["attempt"]), str(outcome), str(reason)
