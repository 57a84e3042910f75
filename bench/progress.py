"""What the user sees while cells run: a live bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

ProgressCallback = Callable[[int, int], None]  # told how many of how many are done

LINE_EVERY_SEC = 15  # in a log file, where nothing can be redrawn


class TrainingProgress:
    """Progress of a grid on stderr; silent if `quiet`, without a bar where processes have their own."""

    def __init__(self, n_cells: int, *, quiet: bool, bar: bool = True) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self.n_cells, self.last_line = n_cells, 0.0
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            disable=not (bar and self.console.is_terminal),
            transient=True,
        )
        self.task: TaskID | None = None
        self.label = ""
        self.kimg = 0.0

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def cell(self, label: str, kimg: float, number: int) -> None:
        """A cell begins, the first being number 1."""
        self.label, self.kimg = f"[{number}/{self.n_cells}] {label}", kimg
        self.last_line = time.monotonic()
        if self.task is not None:
            self.bar.remove_task(self.task)
        self.task = self.bar.add_task(self.label, total=kimg, state="")

    def training(self, record: Mapping[str, float]) -> None:
        """Monitors have been read."""
        speed = record["kimg"] * 1000 / record["training_sec"]
        state = (
            f"{record['kimg']:.4g}/{self.kimg:g} kimg  {speed:.0f} img/s  "
            f"D(x) {record['d_real']:.2f}  D(G(z)) {record['d_fake']:.2f}"
        )
        if self.task is not None:
            self.bar.update(self.task, completed=record["kimg"], state=state)
        now = time.monotonic()
        if not self.console.is_terminal and now - self.last_line >= LINE_EVERY_SEC:
            self.last_line = now
            self.say(state)

    def doing(self, what: str) -> None:
        """Something else than training goes on."""
        if self.task is not None:
            self.bar.update(self.task, state=what)

    def say(self, what: str) -> None:
        """Print a line about the current cell."""
        self.console.print(f"{self.label}  {what}", markup=False)


@contextmanager
def extraction_progress(*, quiet: bool) -> Iterator[Callable[[str], ProgressCallback]]:
    """Bars on stderr while images go through a network: a function from what they are to its callback.

    Silent if `quiet`; in a log file a line now and then.
    """
    console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
    last_line = time.monotonic()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bars:

        def of(what: str) -> ProgressCallback:
            task = None

            def done(n: int, total: int) -> None:
                nonlocal task, last_line
                if task is None or n < bars.tasks[task].completed:
                    task = bars.add_task(what, total=total)
                bars.update(task, completed=n, total=total)
                now = time.monotonic()
                if not console.is_terminal and now - last_line >= LINE_EVERY_SEC:
                    last_line = now
                    console.print(f"{what}: {n} of {total}", markup=False)

            return done

        yield of
