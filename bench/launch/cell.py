"""What the process of one cell runs; not for people, who have `bench.run --launcher local`.

    python -m bench.launch.cell TRAINING_ID ATTEMPT SCORES ARGUMENT …

The arguments are those of `bench.run`: of them this process makes its own plan. ATTEMPT is the number of the
cell's last attempt when the launch began, and SCORES stands for the protocols of its scores. Lines of JSON on
stdout tell the launch how far it is.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
import warnings
from typing import TextIO

import torch

from bench import cli
from bench.errors import BAD_INPUT, InputError
from bench.folders import CACHE_VARIABLE
from bench.grid import Cell
from bench.launch.cell_process import GRACE_SEC
from bench.launch.job import ELSEWHERE, Job, job_of, scores_id
from bench.launch.one_cell import run_cell
from bench.plan import plan
from bench.progress import TrainingProgress
from bench.run_options import options_of, parser
from bench.stopping import AGAIN, AGAIN_WITHOUT_RERUN, Stopped, Stopping


def main(arguments: list[str]) -> int:
    """Run one cell of a launch."""
    training_id, attempt, scores, *command = arguments
    launch = _taken(sys.stdout.fileno(), os.dup(sys.stderr.fileno()))
    _end_with(_taken(sys.stdin.fileno(), os.open(os.devnull, os.O_RDONLY)))
    with os.fdopen(launch, "w") as replies:
        try:
            again = AGAIN_WITHOUT_RERUN if parser().parse_args(command).rerun else AGAIN
            with Stopping(quiet=True, again=again) as stopping:
                return _run(training_id, int(attempt), scores, command, replies, stopping)
        except Stopped as stop:  # the launch says it
            return stop.exit_code


def _run(
    training_id: str, attempt: int, scores: str, command: list[str], replies: TextIO, stopping: Stopping
) -> int:
    try:
        job, number = _job(training_id, attempt, scores, command)
    except BAD_INPUT as error:
        _reply(replies, failed=str(error))
        return cli.BAD
    cell = job.cells[number - 1]
    _reply(replies, began=True)
    try:
        with TrainingProgress(len(job.cells), quiet=job.options.quiet) as progress:
            ended = run_cell(job, number, cell, progress, stopping)
    except BAD_INPUT as error:
        _reply(replies, stop=str(error))
        return cli.BAD
    _reply(replies, outcome=ended.outcome, reason=ended.reason)
    return cli.OK if ended.outcome in ("ok", ELSEWHERE) else cli.FAILURES


def _job(training_id: str, attempt: int, scores: str, command: list[str]) -> tuple[Job, int]:
    """The launch's job as this process sees it, and the cell's number in it."""
    options = options_of(command)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the launch has shown them
        cells, scorings = plan(options)
    for number, cell in enumerate(cells, start=1):
        if cell.training_id == training_id:
            # Not the attempts of every cell: each of ten thousand processes would look for them.
            job = job_of(cells, scorings, options, command, {training_id: attempt})
            require_same_scores(job, cell, scores)
            require_device(cell)
            return job, number
    raise InputError("The data, the variant or the suite have changed since the launch began.")


def require_same_scores(job: Job, cell: Cell, scores: str) -> None:
    """Raise InputError if this process would score by other protocols than the launch has planned."""
    if scores_id(job, cell) != scores:
        raise InputError(
            f"{socket.gethostname()} would score otherwise than the launch has planned, most likely with a "
            f"classifier of its own: give all machines one cache folder (${CACHE_VARIABLE}), or name an "
            "--extractor."
        )


def require_device(cell: Cell) -> None:
    """Raise InputError if a cell is to run on a GPU and there is none: the launch could not know."""
    if cell.settings.device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"{socket.gethostname()} has no CUDA device that this process may use.")


def _taken(standard: int, instead: int) -> int:
    """A standard stream for this process alone: others that use its number use the other file."""
    own = os.dup(standard)  # which nobody inherits
    os.dup2(instead, standard)
    os.close(instead)
    return own


def _end_with(stdin: int) -> None:
    """End this process when its launch has ended, by whatever: stdin ends then, on every system."""

    def watch() -> None:
        while os.read(stdin, 1):
            pass
        if (
            signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        ):  # else it was told before, and writes it already
            os.kill(os.getpid(), signal.SIGTERM)  # which writes a checkpoint
        time.sleep(GRACE_SEC)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _reply(replies: TextIO, **what: object) -> None:
    with contextlib.suppress(BrokenPipeError):  # the launch has gone, and nobody wants to know
        print(json.dumps(what), file=replies, flush=True)


if __name__ == "__main__":
    code = cli.call(main)
    sys.stderr.flush()
    os._exit(code)  # whatever a variant has left running
