"""The launcher `ray`: every cell a task of a Ray cluster."""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import ray
from ray.exceptions import (
    AuthenticationError,
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    TaskCancelledError,
    WorkerCrashedError,
)

from bench.errors import InputError
from bench.launch.cell_process import Fate, ProcessSpec
from bench.launch.cluster import cpus_per_cell, process_specs
from bench.launch.job import Ended, Job
from bench.launch.pool import run_pool
from bench.launch.ray_task import run_task
from bench.stopping import SIGNALS, Stopping

AHEAD = 8
"""So many cells wait in Ray beyond those that it has room for: a cluster that can grow sees them."""

LOOK_EVERY_SEC = 10.0
"""How often it is asked how large the cluster is."""

CONNECT_SEC = 10.0
"""How long a cluster's head may take to answer at all."""

LOST = (WorkerCrashedError, NodeDiedError, OutOfMemoryError)
"""What is not the cell's doing: another worker may run it."""


def launch(job: Job, stopping: Stopping) -> Iterator[Ended]:
    """Run the cells of a job as tasks, each in a process of its own beside the worker that has the task.

    Raises
    ------
    InputError
        There is no such cluster, or its machines do not share the launch's folders.
    """
    try:
        connect(job)
        with process_specs(job) as spec_for:
            yield from run_pool(job, stopping, RayCluster(job, spec_for), summary=True)
    finally:
        ray.shutdown()


def connect(job: Job) -> None:
    """Join the cluster; where none is named and none is there, start one of this machine."""
    named = job.options.ray_address or os.environ.get("RAY_ADDRESS")
    if named is not None:
        require_cluster(named)
    handlers = {signum: signal.getsignal(signum) for signum in SIGNALS}
    try:
        ray.init(address=named or "auto", log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, AuthenticationError) as error:
        if asks_for_a_token(error):
            raise InputError(
                "The Ray cluster asks for a token: set RAY_AUTH_MODE=token, here and where its nodes are "
                "started, and let all have the same ~/.ray/auth_token."
            ) from error
        if named is not None:
            raise InputError(f"The Ray cluster {named} cannot be joined: {error}") from error
        ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)  # Ray has put its own in place


def asks_for_a_token(error: BaseException | None) -> bool:
    """Whether a connection failed because it offered no token, or a wrong one.

    From version 2.60 on a head asks for one if its machine has one, and nobody else offers his unasked.
    """
    while error is not None:
        # Ray says so by the type, or, where it has tried for a while, in the message alone.
        if isinstance(error, AuthenticationError) or AuthenticationError.__name__ in str(error):
            return True
        error = error.__cause__
    return False


def require_cluster(address: str) -> None:
    """Raise InputError if nobody answers there: Ray itself tries for many minutes."""
    host, _, port = address.rpartition(":")
    if "://" in address or not (host and port.isdecimal()):
        raise InputError(
            "A Ray cluster is named by the HOST:PORT of its head, to be joined from one of its machines, not "
            f"by {address}."
        )
    try:
        socket.create_connection((host, int(port)), CONNECT_SEC).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"There is no Ray cluster at {address}: {error}.") from error


class RayCluster:
    """A Ray cluster as a place for cells."""

    shows_lines = True

    def __init__(self, job: Job, spec_for: Callable[[tuple[str, ...]], ProcessSpec]) -> None:
        self._spec_for, self._jobs = spec_for, job.options.jobs
        self._needs = {"CPU": float(cpus_per_cell(job)), "GPU": job.options.gpus_per_cell or 0.0}
        self._run_task = ray.remote(run_task).options(
            num_cpus=self._needs["CPU"],
            num_gpus=self._needs["GPU"],
            num_returns="streaming",
            max_retries=0,  # the launch looks up in the store what is left to do before it tries again
            name="gan-bench cell",
        )
        self._tasks: list[RayTask] = []
        self._room_at = -LOOK_EVERY_SEC
        self._slots = 0

    def room(self) -> int:
        """For how many more tasks there is room, and some that wait, unless `--jobs` says how many."""
        self._tasks = [task for task in self._tasks if task.fate is None]
        if self._jobs is not None:
            return int(self._jobs) - len(self._tasks)
        if time.monotonic() - self._room_at >= LOOK_EVERY_SEC:
            self._slots, self._room_at = slots(self._needs), time.monotonic()
        return self._slots + AHEAD - len(self._tasks)

    def start(self, arguments: tuple[str, ...], on_line: Callable[[str], None]) -> "RayTask":
        """Submit a task."""
        task = RayTask(self._run_task.remote(self._spec_for(arguments)), on_line)
        self._tasks.append(task)
        return task


def slots(needs: dict[str, float]) -> int:
    """How many tasks with these needs the machines of the cluster have room for."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return sum(
        min(int(node["Resources"].get(name, 0) / need) for name, need in needs.items() if need)
        for node in nodes
        if node["Alive"]
    )


class RayTask:
    """One cell as a task."""

    def __init__(self, stream: "ray.ObjectRefGenerator", on_line: Callable[[str], None]) -> None:
        self.fate: Fate | None = None
        """How it ended, as far as is known."""
        self._stream, self._on_line = stream, on_line

    def poll(self) -> Fate | None:
        """How it ended, None while it goes on; what it has printed is printed."""
        while self.fate is None and ray.wait([self._stream], timeout=0, fetch_local=False)[0]:
            said = self._next()
            if isinstance(said, Fate):
                self.fate = said
            else:
                self._on_line(said)
        return self.fate

    def tell(self, _: int) -> None:
        """Cancel it."""
        ray.cancel(self._stream, force=False)

    def kill(self) -> None:
        """Leave it to the end of this process's connection, with which Ray ends all its tasks."""

    def _next(self) -> str | Fate:
        try:
            said: str | Fate = ray.get(next(self._stream))
        except LOST as error:
            return Fate(reason=f"Its Ray worker was lost ({type(error).__name__}).", lost=True)
        except (TaskCancelledError, StopIteration):
            return Fate(outcome="killed", reason="Its Ray task was cancelled.")
        except RayError as error:
            return Fate(stop=f"Ray could not run a cell: {error}")
        return said
