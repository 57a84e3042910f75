"""The launcher `slurm`: every cell a job of a Slurm cluster, through submitit."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, UncompletedJobError

from bench.errors import InputError
from bench.launch.cell_process import Fate, ProcessSpec
from bench.launch.cluster import cpus_per_cell, process_specs
from bench.launch.job import Ended, Job
from bench.launch.pool import run_pool
from bench.launch.slurm_job import run_job
from bench.stopping import Stopping

FOLDER = "slurm"
"""In the store: what jobs are given, print and answer."""

AT_ONCE = 100
"""So many jobs are with Slurm at a time, waiting or running, unless `--jobs` says otherwise."""

LIMIT_MIN = 240
"""A job's time limit unless `--slurm timeout_min=…` sets it: short jobs find gaps, and a cell that is not
done then goes on in another job."""

LOOK_EVERY_SEC = 2.0
"""How often the file system is asked whether a job has answered."""

SHARED = ("timeout_min", "mem_gb", "name")
"""Parameters that submitit calls alike on every cluster; it prefixes Slurm's own."""


def launch(job: Job, stopping: Stopping) -> Iterator[Ended]:
    """Run the cells of a job as jobs, each in a process of its own.

    Raises
    ------
    InputError
        There is no Slurm here, it refuses a job, or its machines do not share the launch's folders.
    """
    with process_specs(job) as spec_for:
        yield from run_pool(job, stopping, SlurmQueue(job, spec_for), summary=True)


class SlurmQueue:
    """Slurm as a place for cells."""

    shows_lines = False

    def __init__(self, job: Job, spec_for: Callable[[tuple[str, ...]], ProcessSpec]) -> None:
        wanted = dict(job.options.slurm or ())
        cluster = wanted.pop("cluster", "slurm")
        self._spec_for = spec_for
        self._at_once = job.options.jobs or (AT_ONCE if cluster == "slurm" else 1)
        self._executor = executor_for(job, cluster, wanted)
        self._jobs: list[SlurmJob] = []

    def room(self) -> int:
        """How many more jobs may be with Slurm."""
        self._jobs = [submitted for submitted in self._jobs if submitted.fate is None]
        return self._at_once - len(self._jobs)

    def start(self, arguments: tuple[str, ...], _: Callable[[str], None]) -> "SlurmJob":
        """Submit a job."""
        try:
            submitted = SlurmJob(self._executor.submit(run_job, self._spec_for(arguments)))
        except FailedJobError as error:
            raise InputError(f"Slurm refuses a job: {error}") from error
        self._jobs.append(submitted)
        return submitted


def executor_for(job: Job, cluster: str, wanted: dict[str, str]) -> submitit.AutoExecutor:
    """Submitit's executor with what each job asks for."""
    gpus = job.options.gpus_per_cell or 0
    if gpus != int(gpus):
        raise InputError(f"Slurm reserves whole GPUs; --gpus-per-cell {gpus:g} is not one.")
    parameters: dict[str, Any] = {"timeout_min": LIMIT_MIN, "name": "gan-bench"}
    parameters |= {
        key if key in SHARED else f"slurm_{key}": int(value) if value.isdecimal() else value
        for key, value in wanted.items()
    }
    parameters["cpus_per_task"] = cpus_per_cell(job)
    if gpus:
        parameters["gpus_per_node"] = int(gpus)
    try:
        executor = submitit.AutoExecutor(folder=job.store.resolve() / FOLDER, cluster=cluster)
        executor.update_parameters(**parameters)
    except (
        RuntimeError,
        ValueError,
        TypeError,
        NameError,
        AssertionError,
    ) as error:  # all of them submitit's
        raise InputError(f"--launcher slurm: {error}") from error
    return executor


class SlurmJob:
    """One cell as a job."""

    def __init__(self, job: "submitit.Job[Fate]") -> None:
        self.fate: Fate | None = None
        """How it ended, as far as is known."""
        self._job = job
        self._next_look = 0.0

    def poll(self) -> Fate | None:
        """How it ended, None while it waits or goes on."""
        if self.fate is None and time.monotonic() >= self._next_look:
            if self._job.done():
                self.fate = self._answer()
            self._next_look = time.monotonic() + LOOK_EVERY_SEC
        return self.fate

    def tell(self, _: int) -> None:
        """Cancel it, which lets the cell write a checkpoint."""
        self._job.cancel(check=False)

    def kill(self) -> None:
        """Cancel it: Slurm has no quicker way that lets it release what it holds."""
        if self.fate is None:
            self._job.cancel(check=False)

    def _answer(self) -> Fate:
        log = self._job.paths.stderr
        try:
            fate = self._job.result()
        except UncompletedJobError:
            return Fate(reason=f"Its job {self._job.job_id} was lost ({self._job.state}, {log}).", lost=True)
        except FailedJobError as error:
            *_, last = [line for line in str(error).splitlines() if "Error" in line] or ["?"]
            return Fate(stop=f"A job could not run its cell: {last} ({log})")
        if fate.reported and fate.outcome == "ok":
            for path in self._job.paths.folder.glob(f"{self._job.job_id}_*"):
                path.unlink(missing_ok=True)  # ten thousand cells would leave four files each
        return fate
