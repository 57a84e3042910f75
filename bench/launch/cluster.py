"""What the launchers of clusters share: what a cell's process is started with, on machines with one store."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.folders import CACHE_VARIABLE, DATA_VARIABLE
from bench.launch.cell_process import ProcessSpec
from bench.launch.job import Job
from bench.launch.local import THREADS, VISIBLE

HANDED_ON = (CACHE_VARIABLE, DATA_VARIABLE, "PYTHONPATH", THREADS)
"""Environment variables of the launch that are set for its cells' processes, too, on every machine."""


@contextmanager
def process_specs(job: Job) -> Iterator[Callable[[tuple[str, ...]], ProcessSpec]]:
    """A function from the arguments of `bench.launch.cell` to what any machine can start them with.

    Within this block a file lies in the store, by which each machine sees whether it has the same store.
    """
    token = job.store.resolve() / f".launch-{uuid.uuid4().hex}"
    token.touch()
    environment = {THREADS: str(cpus_per_cell(job))}
    environment |= {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    if job.options.gpus_per_cell is None:
        environment[VISIBLE] = ""  # so that --device auto is there what it is here

    def spec_for(arguments: tuple[str, ...]) -> ProcessSpec:
        return ProcessSpec(
            arguments=arguments,
            limit_sec=job.options.timeout,
            environment=environment,
            folder=Path.cwd(),
            token=token,
        )

    try:
        yield spec_for
    finally:
        token.unlink(missing_ok=True)


def cpus_per_cell(job: Job) -> int:
    """Processors to reserve for each cell; its process has as many threads unless OMP_NUM_THREADS is set."""
    return job.options.cpus_per_cell or 1
