"""What `subprocess.Popen` starts for `--launcher local`, started in a tenth of the time.

The process comes from a server that has imported torch. All else is as it is: pipes for stdin and stdout, a
session of its own, `bench.launch.cell` with its arguments.
"""

import os
import signal
import sys
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import DupFd
from subprocess import PIPE, TimeoutExpired

import results
from bench import cli, costs
from bench.launch import cell


class Served:
    """The part of `Popen` that `bench.launch.child` uses."""

    def __init__(self, processes: ForkServerContext, command: list[str], stderr: int | None = None) -> None:
        ours, theirs, errors = os.pipe(), os.pipe(), os.pipe() if stderr == PIPE else (None, os.dup(2))
        self.stdin, self.stdout = os.fdopen(ours[1], "wb"), os.fdopen(theirs[0], "rb")
        self.stderr = None if errors[0] is None else os.fdopen(errors[0], "rb")
        # The forked one must not hold the end whose closing ends it; only what is passed is inherited.
        self._process = processes.Process(
            target=serve,
            args=(DupFd(ours[0]), DupFd(theirs[1]), DupFd(errors[1]), command[command.index("-m") + 2 :]),
        )
        self._process.start()
        self.pid = self._process.pid
        for passed_on in (ours[0], theirs[1], errors[1]):
            os.close(passed_on)

    def wait(self, seconds: float) -> int:
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise TimeoutExpired("", seconds)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self._process.pid, number)


def serve(stdin: DupFd, stdout: DupFd, stderr: DupFd, arguments: list[str]) -> None:
    os.setsid()
    for descriptor, number in ((stdin.detach(), 0), (stdout.detach(), 1), (stderr.detach(), 2)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a script's `&`, and inherited
    without_instruments()
    sys.exit(cli.call(cell.main, arguments))


def without_instruments() -> None:
    """As `conftest` has it in the tests' own process: they take seconds a run."""
    results.plot_monitors = lambda *_, **__: None
    costs.TrainingCosts._arithmetic = costs.TrainingCosts._reads = lambda _: iter(())
