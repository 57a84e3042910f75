"""What the user sees while several cells run at once: how many are done, and a line about each."""

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.grid import Cell
from bench.launch.job import ELSEWHERE, Ended
from bench.launch.one_cell import label, words_for
from bench.progress import LINE_EVERY_SEC


class GridProgress:
    """Progress of a grid on stderr: a bar on a terminal, elsewhere a line now and then; silent if `quiet`."""

    def __init__(self, n_cells: int, *, quiet: bool, summary: bool) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._n_cells, self._summary = n_cells, summary
        self._done = self._failed = 0
        self._shown, self._next_line = "", time.monotonic() + LINE_EVERY_SEC
        self._hearing = threading.Lock()
        self._bar = Progress(
            TextColumn("cells"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            disable=not (summary and self._console.is_terminal),
            transient=True,
        )
        self._task = self._bar.add_task("cells", total=n_cells, state="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def submitted(self, n: int) -> None:
        """So many cells are submitted and have not ended; called now and then."""
        state = f"{n} submitted" + (f", {self._failed} failed" if self._failed else "")
        self._bar.update(self._task, completed=self._done, state=state)
        if not self._summary or self._console.is_terminal or time.monotonic() < self._next_line:
            return
        self._next_line = time.monotonic() + LINE_EVERY_SEC
        line = f"{self._done} of {self._n_cells} cells are done, {state}"
        if line != self._shown:
            self.show_line(line)
        self._shown = line

    def ended(self, number: int, ended: Ended, *, said: bool) -> None:
        """A cell has ended; `said`: the user has been told how."""
        if ended.outcome != ELSEWHERE:
            self._done += 1
            self._failed += ended.outcome != "ok"
        words = words_for(ended) or ("" if not self._summary else "ok")
        if words and not said:
            self.say(number, ended.cell, words)

    def say(self, number: int, cell: Cell, what: str) -> None:
        """Print a line about a cell."""
        self.show_line(f"[{number}/{self._n_cells}] {label(cell)}  {what}")

    def show_line(self, line: str) -> None:
        """Print a line, from whatever thread."""
        with self._hearing:
            self._console.print(line, markup=False)
