"""The processes of one run that `torchrun` has started, and how rank 0 leads the others.

Rank 0 does all that a run without torchrun does: plans, keeps the store, prints, is stopped. The others make
the same plan and then do what it tells them (`bench/member.py`): steps of a training, samples, features. A
word to them goes through torchrun's key-value store, and they wait for it without a limit. What they then do
together goes by collectives, and those have one (`--process-timeout`): a process that ends or hangs ends the
run.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store, _get_default_store

import gans
from bench import cli
from bench.errors import BAD_INPUT, InputError
from bench.stopping import Stopped, Stopping, TimedOut
from gans.processes import Processes

GRACE_SEC = 20.0
"""How long a process goes on that was asked to end and is not told anything; torchrun kills after 30 s."""

SHORTEST_SEC, LONGEST_SEC = 0.0005, 0.05
"""Between two looks for a word: what comes at once is heard at once, and waiting takes no processor."""

WATCH_SEC = 1.0
"""Between two looks whether torchrun is still there."""

OF_ALL = (gans.Diverged, gans.Unsupported, gans.VariantError, Stopped, TimedOut)
"""Ends that all processes come to at the same place, and that leave them fit for the next cell.

Not so a VariantError in a step: a variant may refuse one share of a batch, and the others wait for it.
"""


class Lost(Exception):
    """The processes no longer work together; how that ends the cell: `outcome` and why."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(outcome, reason)
        self.outcome, self.reason = outcome, reason

    def __str__(self) -> str:
        return self.reason


class Team:
    """This process among those of its run.

    Parameters
    ----------
    store
        torchrun's key-value store.
    processes
        What they do at once.
    timeout_sec
        Of a collective.
    """

    def __init__(self, store: Store, processes: Processes, timeout_sec: float) -> None:
        self.store, self.processes, self.timeout_sec = store, processes, timeout_sec
        self.broken = False
        """Whether a failure has left the processes at different places."""
        self.stopping: Stopping | None = None
        """Of rank 0: a request to end waits until a collective is through."""
        self._told = 0
        self._doing = ""

    def tell(self, do: str, **what: Any) -> None:
        """As rank 0: give the others something to do, and go and do the same."""
        with self.together():
            self.store.set(f"word/{self._told}", json.dumps({"do": do, **what}))
            self._told += 1
        self._doing = do

    def hear(self, asked: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """As another: wait for rank 0's next word; `end` if this process was asked to end and none comes."""
        asked_at = None
        pause_sec = SHORTEST_SEC
        while True:
            try:
                if self.store.check([f"word/{self._told}"]):
                    break
            except dist.DistNetworkError:  # torchrun has gone
                return {"do": "end"}
            time.sleep(pause_sec)  # not the store's own wait, which writes a warning at each of its limits
            pause_sec = min(2 * pause_sec, LONGEST_SEC)
            if asked_at is None and asked():
                asked_at = time.monotonic()
            if asked_at is not None and time.monotonic() - asked_at > GRACE_SEC:
                return {"do": "end"}
        word = json.loads(self.store.get(f"word/{self._told}"))
        self._told += 1
        self._doing = word["do"]
        return word

    def hand_out(self, what: Any = None) -> Any:
        """Give rank 0's object to all; pickled, which is right among processes of one program alone."""
        box = [what]
        dist.broadcast_object_list(box, src=0, group=self.processes.control)
        return box[0]

    def hand_over(self, path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
        """As rank 0: let the others load what `gans.checkpoint.read_checkpoint` has read."""
        with self.together():
            self.tell("load")
            self.hand_out((path, tensors, metadata))

    def hand_state(self, trainer: gans.Trainer) -> None:
        """As rank 0: let the others' trainers go on from where this one stands."""
        self.tell("state")
        self.hand_out({name: tensor.cpu() for name, tensor in trainer.state_dict().items()})

    def gather(self, rows: Tensor) -> Tensor:
        """As rank 0: the rows of all, in the order of the ranks, on the CPU. As another: give one's own."""
        group, mine = self.processes.control, rows.contiguous()
        if self.processes.rank:
            dist.send(torch.tensor(len(mine)), 0, group)
            dist.send(mine, 0, group)
            return mine
        parts = [mine]
        for rank in range(1, self.processes.count):
            count = torch.tensor(0)
            dist.recv(count, rank, group)
            parts.append(mine.new_empty(int(count), *mine.shape[1:]))
            dist.recv(parts[-1], rank, group)
        return torch.cat(parts)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let no request to end come between collectives that belong together."""
        with self.stopping.held() if self.stopping is not None else nullcontext():
            yield

    def has_failed(self, outcome: str, reason: str) -> None:
        """As another: say why this process ends, for rank 0's row."""
        with suppress(dist.DistError):
            self.store.set("failed", json.dumps([outcome, f"Process {self.processes.rank}: {reason}"]))

    def is_of_all(self, error: BaseException) -> bool:
        """Whether an exception within a cell leaves all processes fit for the next."""
        in_step = self._doing == "train"
        return isinstance(error, OF_ALL) and not (in_step and isinstance(error, gans.VariantError))

    def explained(self, error: BaseException) -> BaseException:
        """As rank 0: what an exception within a cell means for all: itself, or `Lost`.

        If the run is to end by it, torchrun's request to end, which follows, is not heard any more: how the
        cell ended is still to be written and said.
        """
        if self.is_of_all(error):
            return error
        self.broken = True
        if self.stopping is not None:
            self.stopping.deaf(signal.SIGTERM)
        if not is_of_connection(error):
            return error
        with suppress(dist.DistError):
            if self.store.check(["failed"]):  # said before that process ended
                return Lost(*json.loads(self.store.get("failed")))
        sentence = str(error).strip().splitlines()[0]
        if "imed out" in sentence:
            return Lost(
                "killed",
                f"Another process of the run has not answered for the {self.timeout_sec:g} s of "
                f"--process-timeout ({sentence}).",
            )
        return Lost("killed", f"Another process of the run has ended ({sentence}).")

    def behind(self, stop: Stopped) -> BaseException | None:
        """As rank 0: the failure in the middle of which a request to end was heard, if there was one.

        When a process has died torchrun asks the others to end.
        """
        error: BaseException | None = stop
        while error is not None and not is_of_connection(error):
            error = error.__context__
        return error and self.explained(error)


def is_of_connection(error: BaseException) -> bool:
    """Whether an exception says that a collective failed: torch has no type for what Gloo raises."""
    words = ("gloo", "Connection closed", "Connection reset", "NCCL", "imed out")
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    )


def add_process_timeout(group: Any) -> None:
    """Add `--process-timeout` to an argument parser, or a group of it."""
    group.add_argument(
        "--process-timeout",
        type=cli.positive,
        default=600.0,
        metavar="SEC",
        help="under torchrun: how long a process waits for the others in a step, compiling included; then "
        "the run ends (default 600)",
    )


def join(device: str, timeout_sec: float) -> Team | None:
    """Meet the other processes of this run; None if there are none.

    On CUDA each takes the device of its number on its machine, which is then the one called `cuda`.

    Raises
    ------
    InputError
        If there are fewer devices than processes.
    """
    if not cli.under_torchrun():
        return None
    end_with_parent()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    local = int(os.environ["LOCAL_RANK"])
    if device == "cuda":
        if local >= torch.cuda.device_count():
            raise InputError(
                f"Process {local} of this machine needs a CUDA device of its own, and there are "
                f"{torch.cuda.device_count()}; start as many processes, or give --device cpu."
            )
        torch.cuda.set_device(local)
    elif device != "cpu":
        raise InputError(f"Under torchrun each process has its own device: give --device cuda, not {device}.")
    limit = timedelta(seconds=timeout_sec)
    try:
        return _meet(device, limit)
    except RuntimeError as error:
        if not is_of_connection(error):
            raise
        size, host, port = (os.environ[name] for name in ("WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))
        raise InputError(
            f"The {size} processes of $WORLD_SIZE have not met at {host}:{port} "
            f"({str(error).strip().splitlines()[0].rstrip('.')}); if this command is for one process, unset "
            "that variable."
        ) from error


def _meet(device: str, limit: timedelta) -> Team:
    if device == "cuda":
        # Gloo, by which they agree on every step, is to notice first: where NCCL does, it ends the process.
        dist.init_process_group("nccl", timeout=2 * limit)
    else:
        dist.init_process_group("gloo", timeout=limit)
    control = dist.new_group(backend="gloo", timeout=limit)
    world = dist.group.WORLD
    assert world is not None
    assert isinstance(control, dist.ProcessGroup)
    store = PrefixStore("gan-bench", _get_default_store())
    return Team(store, Processes(world, control), limit.total_seconds())


@contextmanager
def said_once() -> Iterator[None]:
    """What every process would say of the command line is said by the first; the others end quietly."""
    try:
        yield
    except BAD_INPUT:
        if is_first():
            raise
        raise SystemExit(cli.BAD) from None


def is_first() -> bool:
    """Whether this is the process that prints and writes: rank 0, or the only one."""
    return not cli.under_torchrun() or os.environ["RANK"] == "0"


@contextmanager
def leading(team: Team | None) -> Iterator[None]:
    """As rank 0: at the end of this block, whatever ends it, let the others end."""
    try:
        yield
    finally:
        if team is not None:
            with suppress(dist.DistError):
                team.tell("end")
            if not team.broken:
                dist.destroy_process_group()


def end_with_parent() -> None:
    """End this process when torchrun has ended without ending it, as by SIGKILL."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SEC)
        os.kill(os.getpid(), signal.SIGTERM)  # of which rank 0 writes a checkpoint
        time.sleep(GRACE_SEC)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
