"""The launcher `local`: every cell in a process of its own on this machine, `--jobs` of them at once."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from bench.launch.cell_process import CellProcess, ProcessSpec
from bench.launch.job import Ended, Job
from bench.launch.pool import run_pool
from bench.stopping import Stopping

VISIBLE = "CUDA_VISIBLE_DEVICES"
THREADS = "OMP_NUM_THREADS"


def launch(job: Job, stopping: Stopping) -> Iterator[Ended]:
    """Run the cells of a job in processes of their own.

    Whatever ends such a process ends one cell. Each makes its own plan, which takes some seconds.
    """
    n = min(job.options.jobs or 1, len(job.cells))  # shares that no cell would have are dealt to the others
    yield from run_pool(job, stopping, ThisMachine(n, job.options.device, job.options.timeout), summary=n > 1)


class ThisMachine:
    """So many processes at once, each with its share of the GPUs and of the processors."""

    shows_lines = True

    def __init__(self, n: int, device: str, limit_sec: float | None) -> None:
        self._limit_sec = limit_sec
        self._shares = shares(n, device)
        self._holders: list[CellProcess | None] = [None] * n

    def room(self) -> int:
        """The number of shares that no process has."""
        return len(self._free())

    def start(self, arguments: tuple[str, ...], on_line: Callable[[str], None]) -> CellProcess:
        """Start a process with a free share; one that is alone may draw on the terminal itself."""
        share = self._free()[0]
        spec = ProcessSpec(arguments=arguments, limit_sec=self._limit_sec, environment=self._shares[share])
        started = CellProcess(spec, on_line if len(self._shares) > 1 else None)
        self._holders[share] = started
        return started

    def _free(self) -> list[int]:
        return [i for i, holder in enumerate(self._holders) if holder is None or holder.fate is not None]


def shares(n: int, device: str) -> Sequence[Mapping[str, str]]:
    """What each of `n` processes is given of this machine, as environment variables.

    The GPUs that this process may use are dealt out in turn, where `device` names no particular one, and the
    processors are divided: processes that each start a thread a processor wait for one another. A number of
    threads that the user has set stands, and a process that is alone has everything.
    """
    if n == 1:
        return [{}]
    found: list[dict[str, str]] = [{} for _ in range(n)]
    if THREADS not in os.environ:
        for share in found:
            share[THREADS] = str(max(1, n_processors() // n))
    gpus = gpus_of_this_process() if device in ("auto", "cuda") else []
    if gpus:
        for i, share in enumerate(found):
            share[VISIBLE] = gpus[i % len(gpus)]
    return found


def gpus_of_this_process() -> list[str]:
    """The GPUs that it may use, as `CUDA_VISIBLE_DEVICES` names them."""
    n = torch.cuda.device_count()
    named = os.environ.get(VISIBLE)
    return [name.strip() for name in named.split(",")][:n] if named else [str(i) for i in range(n)]


def n_processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
