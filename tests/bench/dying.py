"""Runs that kill their own process at a chosen place; imported by a process of their own."""

import os
import shlex
import signal
import sys

import bench.run
import bench.scoring
import gans
from bench import cli


def killed_in_training(command: str) -> None:
    step = gans.Trainer.step

    def deadly(trainer):
        if trainer.steps == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(trainer)

    gans.Trainer.step = deadly
    run(command)


def killed_in_scoring(command: str) -> None:
    def deadly(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    bench.scoring.Scoring.rows = deadly
    run(command)


def told_twice(command: str) -> None:
    """To end, twice in one step that would never end by itself."""

    def endless(_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        while True:
            signal.pause()

    gans.Trainer.step = endless
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's `&` leaves it ignored
    run(command)


def run(command: str) -> None:
    sys.exit(cli.call(bench.run.main, shlex.split(command)))
