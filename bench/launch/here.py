"""The launcher `here`: every cell in this process, one after the other."""

from collections.abc import Iterator

from bench.launch.job import ELSEWHERE, Ended, Job
from bench.launch.one_cell import run_cell
from bench.progress import TrainingProgress
from bench.stopping import Stopping


def launch(job: Job, stopping: Stopping) -> Iterator[Ended]:
    """Run the cells of a job in this process.

    The fastest way for short cells; a crash of the process (a segmentation fault, the kernel's
    out-of-memory killer) takes the launch along, and the same command goes on from there.

    Cells that another process is running are tried again after the others, for as long as that changes
    anything: it may have finished them, or died over them. What it is still running then is not waited for,
    because how long that takes is not for this launch to say.
    """
    left = list(enumerate(job.cells, start=1))
    with TrainingProgress(len(job.cells), quiet=job.options.quiet) as progress:
        while left:
            elsewhere = []
            for number, cell in left:
                ended = run_cell(job, number, cell, progress, stopping)
                if ended.outcome == ELSEWHERE:
                    elsewhere.append((number, cell))
                else:
                    yield ended
            if len(elsewhere) == len(left):
                break
            left = elsewhere
        yield from (Ended(cell=cell, outcome=ELSEWHERE) for _, cell in left)
