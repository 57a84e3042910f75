"""What a grid would do and how long it would take, without training it."""

import dataclasses
import time
from collections.abc import Mapping, Sequence

import pandas as pd

from bench.execute import outcome_of
from bench.grid import Cell, trainer_of
from bench.plain_table import plain_table
from bench.todo import Todo
from gans.critic_schedule import Constant

TIMED_STEPS = 5
COUNTED_STEPS = 1_000_000


def plan_table(cells: Sequence[Cell], todos: Mapping[str, Todo]) -> str:
    """Every cell with its budget and an estimate from a few throw-away steps, as text."""
    rows = []
    timed: dict[object, tuple[float, float] | str] = {}
    total = 0.0
    for cell in cells:
        settings = cell.settings
        work = todos[cell.training_id].kind
        # Of a long training, from its share among the first steps: schedules repeat themselves long before.
        counted = min(settings.total_steps, COUNTED_STEPS)
        critic_steps = sum(map(cell.variant.critic.steps, range(counted))) * settings.total_steps // counted
        estimate = "–"
        if work == "train":
            key = (cell.variant, cell.dataset.name, dataclasses.replace(settings, seed=0))
            if key not in timed:
                try:
                    timed[key] = step_seconds(cell)
                except Exception as error:  # what the cell would end with, too
                    timed[key] = outcome_of(error)[0]
            found = timed[key]
            if isinstance(found, str):
                estimate = found
            else:
                d_sec, g_sec = found
                seconds = critic_steps * d_sec + settings.total_steps * g_sec
                total += seconds
                estimate = in_words(seconds)
        rows.append(
            {
                "variant": cell.variant.name,
                "changed": cell.changed or "–",
                "dataset": cell.dataset.name,
                "seed": str(settings.seed),
                "batch": str(settings.batch_size),
                "precision": settings.precision,
                "compile": settings.compile,
                "kimg": f"{settings.kimg:g}",
                "G steps": str(settings.total_steps),
                "D steps": str(critic_steps),
                "estimate": estimate,
                "to do": {"train": "train and score", "score": "score", "nothing": "done"}[work],
            }
        )
    return (
        f"{plain_table(pd.DataFrame(rows))}\n\n{len(cells)} cells; about {in_words(total)} of training, "
        "timed on a few throw-away steps; scoring comes on top."
    )


def step_seconds(cell: Cell) -> tuple[float, float]:
    """Seconds of one D step and of one G step, from trainers that are thrown away."""
    once, twice = (_iteration_seconds(cell, n_critic) for n_critic in (1, 2))
    d_sec = max(twice - once, 0.0)
    return d_sec, max(once - d_sec, 0.0)


def _iteration_seconds(cell: Cell, n_critic: int) -> float:
    variant = dataclasses.replace(cell.variant, critic=Constant(n_critic=n_critic))
    # A G step and its D steps by the batch, so that the window's one host read is shared by all.
    kimg = TIMED_STEPS * cell.settings.batch_size / 1000
    settings = dataclasses.replace(cell.settings, kimg=2 * kimg)
    trainer = trainer_of(cell, settings, variant)
    for _ in trainer.train(kimg):  # caches, memory, compilation
        pass
    start = time.perf_counter()
    for _ in trainer.train():
        pass
    return (time.perf_counter() - start) / TIMED_STEPS


def in_words(seconds: float) -> str:
    """A duration as a person would say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
