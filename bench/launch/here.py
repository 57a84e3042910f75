"""The launcher `here`: every cell in this process, one after the other."""

from collections.abc import Iterator

from bench.launch.job import Ended, Job, in_turn
from bench.launch.one_cell import run_cell
from bench.progress import TrainingProgress
from bench.stopping import Stopping


def launch(job: Job, stopping: Stopping) -> Iterator[Ended]:
    """Run the cells of a job in this process.

    The fastest way for short cells; a crash of the process (a segmentation fault, the kernel's
    out-of-memory killer) takes the launch along, and the same command goes on from there.
    """
    with TrainingProgress(len(job.cells), quiet=job.options.quiet) as progress:
        yield from in_turn(job, lambda number, cell: run_cell(job, number, cell, progress, stopping))
