"""How the cost of a grid grows: with cells, with samples to score, with the size of the images.

    OMP_NUM_THREADS=1 python tests/bench/growth.py --output results/published/scaling

Times are of the process's own clock, which leaves out what other processes take, on one thread. Operations
are counted, not timed (`bench/flops.py`).
"""

import argparse
import contextlib
import csv
import io
import os
import shlex
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from commands import VANILLA

import bench.run
import gans
import metrics
from bench import cli
from bench.flops import step_flops
from bench.launch.job import job_of, last_attempt, last_attempts
from bench.launch.one_cell import left_to_do
from bench.launch.pool import arguments_of
from bench.plan import plan
from bench.run_options import options_of

T = TypeVar("T")

CELLS = (100, 1_000, 10_000)
LOOKS = 100
SAMPLES = (2_500, 5_000, 10_000)
SIDES = (16, 32, 64, 128)
BATCH = 64


def main() -> None:
    """All three, as one CSV of what, how many, how much."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--output", type=Path, required=True)
    output = options.parse_args().output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        rows = [*cells(), *samples(), *sides()]
    with (output / "growth.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("what", "of how many", "value", "unit"), *rows])
    print((output / "growth.csv").read_text())


def cells() -> list[tuple[str, int, float, str]]:
    """What a launch does for cells, besides running them."""
    rows: list[tuple[str, int, float, str]] = []
    for n in CELLS:
        command = shlex.split(f"{VANILLA} --seeds 0-{n - 1}")
        options = options_of(command)
        took, _ = timed(plan, options)
        rows.append(("plan", n, round(took, 2), "s"))
    with contextlib.redirect_stdout(io.StringIO()):
        assert cli.call(bench.run.main, shlex.split(f"{VANILLA} --quiet")) == cli.OK
    command = shlex.split(VANILLA)
    options = options_of(command)
    (cell,), scorings = plan(options)
    job = job_of([cell], scorings, options, command, last_attempts([cell], options.output))
    for what, work in {
        "look for the last attempt of a cell that is done": lambda: last_attempt(job.store / cell.folder),
        "see that nothing is left to do of it": lambda: left_to_do(job, cell),
        "say what a cell's process is given": lambda: arguments_of(job, cell),
    }.items():
        took, _ = timed(lambda work=work: [work() for _ in range(LOOKS)])
        rows.append((what, 1, round(1000 * took / LOOKS, 2), "ms"))
    return rows


def samples() -> list[tuple[str, int, float, str]]:
    """Parzen-window likelihood of 10,000 images, by the number of samples."""
    generator = torch.Generator().manual_seed(0)
    test = torch.rand(10_000, 784, generator=generator)
    rows = []
    for n in SAMPLES:
        fake = torch.rand(n, 784, generator=generator)
        took, _ = timed(metrics.parzen_log_likelihood, test, fake, 0.2)
        rows.append(("Parzen window, one width, 784 pixels", n, round(took, 2), "s"))
    return rows


def sides() -> list[tuple[str, int, float, str]]:
    """Operations and gradients of a DCGAN iteration, by the side of its images."""
    rows = []
    for side in SIDES:
        data = torch.zeros(BATCH, 3, side, side, dtype=torch.uint8)
        trainer = gans.Trainer(
            gans.get("dcgan"), data, gans.Settings(batch_size=BATCH, kimg=1, seed=0, device="cpu")
        )
        operations = step_flops(trainer).iteration / BATCH / 1e9
        rows.append(("dcgan, operations an image", side, round(operations, 3), "GFLOP"))
        players = (trainer.generator, trainer.discriminator)
        gradients = sum(parameter.numel() for player in players for parameter in player.parameters())
        rows.append(("dcgan, float32 gradients an iteration", side, round(gradients * 4 / 1e6, 1), "MB"))
    return rows


def timed(work: Callable[..., T], *arguments: object) -> tuple[float, T]:
    """Seconds of this process's own clock, and what the work gave."""
    began = time.process_time()
    done = work(*arguments)
    return time.process_time() - began, done


if __name__ == "__main__":
    main()
