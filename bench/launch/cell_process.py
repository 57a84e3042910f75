"""A cell's process on this machine: what it is started with, its time limit, and how it ended.

Nodes of a cluster import this to run a cell. Nothing here needs torch, so that what only waits for the cell's
process is small (import-linter checks it).
"""

import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.launch.child import Child
from bench.launch.oom_killer import OomKills

OVER_SEC = 30.0
"""How much longer than `--timeout` a cell's process may take to end itself."""

GRACE_SEC = 30.0
"""How long a cell may take to stop when its launch has gone."""

PLANNING_SEC = 600.0
"""How long a cell's process may take to read its data and to make its plan, where there is a `--timeout`."""

POLL_SEC = 0.1
"""Between two looks whether a process has ended."""


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """What it takes to start the process of one cell on any machine."""

    arguments: tuple[str, ...]
    """Of `bench.launch.cell`."""
    limit_sec: float | None
    """`--timeout`; None: no limit."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that are set for the process, besides those that it inherits."""
    folder: Path | None = None
    """Its working directory; None: that of the process that starts it."""
    token: Path | None = None
    """A file that the launch has written to its store, which every machine must see; None: not checked."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """How the process of a cell ended."""

    outcome: str = ""
    """One of `results.OUTCOMES`, or `bench.launch.job.ELSEWHERE`; "" with `stop` and `lost`."""
    reason: str = ""
    reported: bool = False
    """Whether the process itself reported the outcome; then it has sealed its rows, if it had any."""
    stop: str = ""
    """A sentence, if the process found that no cell of the launch can run; "" if it did not."""
    lost: bool = False
    """Whether its machine ended it (a node that died, a time limit, a preemption), not the cell. Another
    machine may run the cell."""


class CellProcess:
    """The process of a cell, which starts at once.

    Parameters
    ----------
    on_line
        Called in a thread with each line that the process prints on stderr; None: its stderr is this
        process's.
    """

    def __init__(self, spec: ProcessSpec, on_line: Callable[[str], None] | None = None) -> None:
        self.fate: Fate | None = None
        """How it ended, as far as `poll` has seen."""
        self.told_to_end = False
        """Whether a signal has told it to end."""
        self._limit_sec = spec.limit_sec
        self._began = time.monotonic()
        self._planning_sec = PLANNING_SEC
        self._kills = OomKills.now()
        self._child = Child(spec.arguments, environment=spec.environment, folder=spec.folder, on_line=on_line)

    def poll(self) -> Fate | None:
        """How it ended, None while it goes on."""
        if self.fate is None:
            self.fate = self._look()
        return self.fate

    def _look(self) -> Fate | None:
        """How it ended, None while it goes on; one that is past its time is killed.

        Its time begins when it has made its plan, for which it has `PLANNING_SEC`. The process stops itself
        at its limit; one that has not `OVER_SEC` later hangs where no signal handler runs, so that a signal
        would not be heard either.
        """
        code = self._child.wait(0)
        if code is not None:
            return self._fate(code)
        if self._planning_sec and "began" in self._child.said:
            self._began, self._planning_sec = time.monotonic(), 0.0
        if self._limit_sec is None:
            return None
        if time.monotonic() - self._began <= self._planning_sec + self._limit_sec + OVER_SEC:
            return None
        self.kill()
        return Fate(
            outcome="timeout",
            reason=f"Its process had not ended {OVER_SEC:g} s after the {self._limit_sec:g} s of --timeout.",
        )

    def tell(self, signum: int) -> None:
        """Send it a signal that asks it to end.

        What has not begun has nothing to finish, and Ctrl-C's would make Python print what it imports.
        """
        self.told_to_end = True
        self._child.tell(signum if "began" in self._child.said else signal.SIGTERM)

    def kill(self) -> None:
        """End it and whatever it has started, at once."""
        self._child.kill()
        while self._child.wait(POLL_SEC) is None:
            pass

    def end(self) -> None:
        """Make sure that it has ended: what was told to end is given time for its checkpoint first."""
        if self.poll() is None and not self.told_to_end:  # a second signal would not wait for the checkpoint
            self.tell(signal.SIGTERM)
        until = time.monotonic() + GRACE_SEC
        while self.poll() is None and time.monotonic() < until:
            time.sleep(POLL_SEC)
        if self.fate is None:
            self.kill()

    def _fate(self, code: int) -> Fate:
        said = self._child.said
        if "stop" in said:
            return Fate(stop=said["stop"])
        if "outcome" in said:
            return Fate(outcome=said["outcome"], reason=said["reason"], reported=True)
        self._child.kill()  # what it has started and left
        outcome, reason = death(code, said.get("failed"), self._kills)
        return Fate(outcome=outcome, reason=reason)


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


def why_not_here(spec: ProcessSpec) -> str:
    """Why this machine cannot run the cells of a launch, "" if it can as far as one can see."""
    here = socket.gethostname()
    if spec.folder is not None and not spec.folder.is_dir():
        return (
            f"The launch began in {spec.folder}, which {here} does not have: begin it in a folder that all "
            "machines share."
        )
    if spec.token is not None and not spec.token.is_file():
        return (
            f"The store {spec.token.parent} of the launch is not the one that {here} sees: --output needs a "
            "folder that all machines share."
        )
    return ""
