"""What a Ray cluster's node does for one cell; it needs no torch."""

import contextlib
import queue
import signal
from collections.abc import Iterator

from bench.launch.cell_process import POLL_SEC, CellProcess, Fate, ProcessSpec, why_not_here


def run_task(spec: ProcessSpec) -> Iterator[str | Fate]:
    """Run one cell in a process of its own; yields each line that it prints, then how it ended.

    A task that is cancelled (Ray raises KeyboardInterrupt in it) lets the cell write a checkpoint.
    """
    if why := why_not_here(spec):
        yield Fate(stop=why)
        return
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    process = CellProcess(spec, lines.put)
    try:
        while (fate := process.poll()) is None:
            # Not `try: … except queue.Empty: continue`: CPython 3.11 leaves an instruction of it out of the
            # exception table, an interrupt there passes by both clauses below, and the cell is never told.
            with contextlib.suppress(queue.Empty):
                yield lines.get(timeout=POLL_SEC)
        while not lines.empty():
            yield lines.get()
        yield fate
    except KeyboardInterrupt:
        process.tell(signal.SIGTERM)  # Ray's workers block SIGINT, and the cell's process inherits that
    finally:  # in GeneratorExit, too: Ray closes a task that it cancels in the middle of a yield
        process.end()
