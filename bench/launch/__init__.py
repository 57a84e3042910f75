"""Where the cells of a launch run: one file a launcher.

A launcher is a function of a `Job`, and of requests to end it, that carries out its cells, in their order
as far as it can, and yields how each one ended as soon as it has. Whatever a cell does to itself is a row and
the next cell; what concerns all of them (a disk that cannot be written, the user's Ctrl-C) is raised.
"""

from collections.abc import Callable, Iterator

from bench.launch import here, local
from bench.launch.job import ELSEWHERE, Ended, Job, job_of
from bench.stopping import Stopping

LAUNCHERS: dict[str, Callable[[Job, Stopping], Iterator[Ended]]] = {
    "here": here.launch,
    "local": local.launch,
}

__all__ = ["ELSEWHERE", "LAUNCHERS", "Ended", "Job", "job_of"]
