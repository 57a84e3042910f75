"""What a Slurm job does for one cell; it needs no torch."""

import signal
import time
from types import FrameType

from bench.launch.cell_process import POLL_SEC, CellProcess, Fate, ProcessSpec, why_not_here

ENDING = (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)
"""Signals that end a job: SIGUSR2 some time before its limit, as submitit sets Slurm up; SIGTERM by `scancel`
and at a preemption; SIGINT by submitit's local executor."""


def run_job(spec: ProcessSpec) -> Fate:
    """Run one cell in a process of its own; a job that is told to end lets it write a checkpoint."""
    if why := why_not_here(spec):
        return Fate(stop=why)
    asked: list[int] = []

    def ask(signum: int, _: FrameType | None) -> None:
        asked.append(signum)

    # The cell's process inherits what is ignored: Slurm may send this one to all processes of a job.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    process = CellProcess(spec)
    for signum in ENDING:
        signal.signal(signum, ask)
    while (fate := process.poll()) is None:
        if asked and not process.told_to_end:
            process.tell(signal.SIGTERM)
        time.sleep(POLL_SEC)
    if asked and not fate.reported:
        return Fate(reason=f"Its job was told to end by {signal.Signals(asked[0]).name}.", lost=True)
    return fate
