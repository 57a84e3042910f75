"""Commands that torchrun starts in several processes, and their processes."""

import os
import runpy
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import torch
from served import without_instruments
from torch.distributed import TCPStore

CHECKOUT = Path(__file__).parents[2]


def start(command: str, processes: int) -> subprocess.Popen[str]:
    """`torchrun -m COMMAND`, at a free port."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    path = os.pathsep.join((str(CHECKOUT), os.environ.get("PYTHONPATH", "")))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*torchrun, "--nproc-per-node", str(processes), "-m", *shlex.split(command)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # a script's `&` ignores it
    )


def finish(command: str, processes: int) -> str:
    """What it prints; it must end well."""
    process = start(command, processes)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def finish_served(processes: ForkServerContext, command: str, count: int) -> None:
    """As `finish`, without torchrun: its variables, its store, and processes that have imported torch."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    variables = {
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
    }
    ranks = []
    for rank in range(count):
        own = variables | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        ranks.append(processes.Process(target=_rank, args=(own, command)))
        ranks[-1].start()
    for process in ranks:
        process.join(120)
        if process.exitcode is None:
            process.kill()
    assert [process.exitcode for process in ranks] == [0] * count


def _rank(variables: dict[str, str], command: str) -> None:
    os.environ |= variables
    torch.set_num_threads(1)
    without_instruments()
    name, *sys.argv[1:] = shlex.split(command)
    del sys.modules[name]  # of which the server has one, and `-m` makes another
    runpy.run_module(name, run_name="__main__")


def ranks_of(torchrun: subprocess.Popen[str]) -> dict[int, int]:
    """Process ids by rank (Linux)."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"PPid:\t{torchrun.pid}\n" in (folder / "status").read_text():
                variables = (folder / "environ").read_text().split("\0")
                found |= {
                    int(v.removeprefix("RANK=")): int(folder.name) for v in variables if v.startswith("RANK=")
                }
        except (OSError, ValueError):  # it has ended meanwhile, or is no rank
            continue
    return found


def wait_until(true: Callable[[], object], seconds: float = 120) -> None:
    """Wait until `true()` holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
