"""What holds for all tests, before any of them imports torch."""

import atexit
import gc
import os
import signal
from pathlib import Path

import pytest

# A shell's `&` and `nohup` start programs that ignore these; the tests of signals want to be heard.
for name in ("SIGINT", "SIGHUP"):
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        handler = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
        signal.signal(getattr(signal, name), handler)

if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes that each start a thread a core wait for one another at every step of every training.
    share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, share)))

gc.disable()  # what is imported stays: there is nothing to collect until the tests begin


def pytest_collection_finish() -> None:
    """Full collections, of which some commands ask for several, need not pass over torch and all tests."""
    gc.collect()
    gc.freeze()
    gc.enable()
    atexit.register(gc.unfreeze)  # or extension modules complain of leaks at the end


TOGETHER = {
    "a server of processes": (
        "bench/test_launch_local.py", "bench/test_pool.py", "bench/test_stopping.py",
        "bench/test_two_launches.py", "bench/test_killed.py", "bench/test_torchrun.py",
        "gans/test_processes.py", "results/test_store.py",
    ),
    "Inception": ("parity/test_*.py",),
    "a report": ("results/test_report_*.py", "faults/test_hostile_files.py"),
}  # fmt: skip
"""Files of tests that share what takes seconds to make, by what that is."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With `-n`: a file's tests in one process, and all of `TOGETHER`, so that fixtures are made once."""
    if config.getoption("dist") != "load":
        return None  # asked for
    from xdist.scheduler import LoadScopeScheduling

    class ByFixtures(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return next((what for what, files in TOGETHER.items() if any(map(Path(file).match, files))), file)

    config.option.loadscopereorder = False  # or files with few tests, which take longest, would come last
    return ByFixtures(config, log)
