"""One cell's training: from nothing or from a checkpoint, scored on the way where asked, to its last row."""

import csv
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pandas as pd
import torch

import gans
import results
from bench.checkpoints import Checkpoints, Saved, machine
from bench.costs import Record, TrainingCosts
from bench.grid import Cell, trainer_of
from bench.progress import TrainingProgress
from bench.run_pictures import fixed_latents, save_pictures, title_of
from bench.scoring import Names, Scoring
from bench.stopping import Stopping
from bench.team import Team
from bench.todo import rows_that_count
from bench.trackers import Tracker

HISTORY = "history.csv"
AXES = ("step", "kimg", "real_images")  # columns of the history that are where, not what


@dataclass
class Training:
    """A cell's training with all that it tells: its history, rows, pictures, progress and tracker."""

    cell: Cell
    scoring: Scoring
    folder: Path
    journal: results.Journal
    tracker: Tracker
    progress: TrainingProgress
    stopping: Stopping
    checkpoints: Checkpoints
    flags: list[str]
    team: Team | None = None
    """The other processes that take part, which follow this one."""

    def train(self, saved: Saved | None, eval_every: float | None) -> None:
        """Train to the end, scoring where asked, and leave history, checkpoints and pictures.

        A checkpoint at a point where scores are taken is saved before they are: who goes on from it takes
        them (again). The rows that say that the training has ended come when its checkpoint, history and
        pictures are there, so that nothing but scores can be left to do then.
        """
        cell, settings = self.cell, self.cell.settings
        choosing = eval_every is not None or bool(cell.tuning_axes)
        names = self.scoring.names_for(cell, validation=choosing)
        if self.team is not None:
            self.team.tell("begin", cell=cell.training_id)
        processes = None if self.team is None else self.team.processes
        trainer = trainer_of(cell, settings, processes=processes)
        latents = fixed_latents(cell)
        costs = TrainingCosts(trainer)
        with self.stopping.held():
            attempts = self._go_on(saved, trainer, costs, eval_every)
            if self.team is not None:
                self.team.hand_state(trainer)
        ended = False
        try:
            with costs, open_history(self.folder / HISTORY, costs.records) as history:
                for target in evaluation_points(settings, eval_every):
                    if settings.steps_at(target) < trainer.steps:
                        continue
                    self._train_to(target, trainer, costs, history, attempts)
                    if trainer.steps < settings.total_steps:
                        self._draw(trainer, latents)
                        self._score(trainer, names)
            with self.stopping.held():
                results.plot_monitors(
                    pd.DataFrame(costs.records),
                    self.folder / "monitors.png",
                    title=title_of(cell),
                    output=cell.variant.output,
                )
            self._draw(trainer, latents)
            ended = True
        finally:
            if discriminator_dominates(costs.records, cell.variant.output):
                self.flags.append("discriminator-dominates")
            with self.stopping.held():
                for row in costs.rows(final=ended):
                    self.journal.append(**row, **position(trainer))
        self._score(trainer, names)

    def _go_on(
        self, saved: Saved | None, trainer: gans.Trainer, costs: TrainingCosts, eval_every: float | None
    ) -> tuple[int, ...]:
        """Load what was saved, and remove what is of no use; the attempts that make up this training."""
        if saved is None:
            self.checkpoints.begin_anew()
            return (self.journal.number,)
        trainer.load_state_dict(saved.tensors)
        costs.load_state_dict(saved.tensors, saved.history)
        here = machine(self.cell.settings.device)
        moved = [f"It was trained on several machines: {saved.machine}; then {here}."]
        costs.load_warnings([*saved.warnings, *(moved if saved.machine not in ("", here) else [])])
        if missing := unscored_points(self.cell, self.folder, eval_every, trainer.steps):
            self.progress.say(
                f"has no scores at {', '.join(f'{at:g}' for at in missing)} kimg, which it had passed before "
                "(--eval-every); --rerun trains again to take them."
            )
        self.checkpoints.saved_step = trainer.steps
        self.checkpoints.discard(beyond_step=trainer.steps)
        self.progress.say(f"goes on from {trainer.kimg:g} kimg ({saved.path.name}).")
        return (*saved.attempts, self.journal.number)

    def _train_to(
        self,
        target: float,
        trainer: gans.Trainer,
        costs: TrainingCosts,
        history: TextIO,
        attempts: tuple[int, ...],
    ) -> None:
        """Train until there, or until the end is asked for, and save."""
        with self.stopping.held(trainer.stop):
            costs.stretch()
            while True:
                if self.team is not None:
                    self.team.tell("train", until=target)
                with closing(trainer.train(target)) as records:  # left early, it ends in all processes
                    for record in records:
                        costs.window(record)
                        write_record(history, record, header=len(costs.records) == 1)
                        self.progress.training(record)
                        monitors = {f"monitors/{name}": record[name] for name in record if name not in AXES}
                        self.tracker.scalars(monitors, record["kimg"])
                        if self.checkpoints.due:
                            trainer.stop()
                if trainer.steps == self.cell.settings.total_steps:
                    os.fsync(history.fileno())  # the rows to come say that it is whole
                self.checkpoints.save(trainer, costs, attempts)
                if self.stopping.asked or trainer.steps >= self.cell.settings.steps_at(target):
                    return

    def _draw(self, trainer: gans.Trainer, latents: tuple[torch.Tensor, torch.Tensor | None]) -> None:
        """Pictures of the generator as it is now."""
        final = trainer.steps == self.cell.settings.total_steps
        with self.stopping.held():
            pictures = save_pictures(
                self.cell, trainer.sampler(), latents, self.folder, trainer.kimg, final=final
            )
            for name, path in pictures.items():
                self.tracker.picture(name, path, trainer.kimg)

    def _score(self, trainer: gans.Trainer, names: Names) -> None:
        """One row a score of the generator as it is now."""
        self.progress.doing("scoring")
        final = trainer.steps == self.cell.settings.total_steps
        said = []
        for row in self.scoring.rows(trainer.sampler(), self.cell, names, self.team):
            with self.stopping.held():
                self.journal.append(**row, **position(trainer), final=final)
                split = f"/{row['split']}" if row["split"] else ""
                self.tracker.scalars({f"scores/{row['metric']}{split}": row["value"]}, trainer.kimg)
            if row["split"] != "validation":  # which is there for choices
                said.append(f"{row['metric']} {row['value']:.4g}")
        if said:
            self.progress.say(f"at {trainer.kimg:g} kimg: {', '.join(said)}")


def open_history(path: Path, records: Sequence[Record]) -> TextIO:
    """The history with these records in it, whatever was in it before, and open for more."""
    part = path.with_name(path.name + ".part")
    with part.open("w", newline="") as file:
        for i, record in enumerate(records):
            write_record(file, record, header=i == 0)
    part.replace(path)
    return path.open("a", newline="", buffering=1)


def write_record(file: TextIO, record: Record, *, header: bool) -> None:
    """Write a line of the history, and the names of its columns before it if it is the first."""
    writer = csv.DictWriter(file, record)
    if header:
        writer.writeheader()
    writer.writerow(record)


def evaluation_points(settings: gans.Settings, eval_every: float | None) -> Iterator[float]:
    """Where to score: 0, every `eval_every` kimg, and the end; the end alone without `eval_every`.

    No two of them are the same generator step.
    """
    if eval_every is not None:
        every = max(eval_every, settings.batch_size / 1000)
        points = (i * every for i in itertools.count())
        yield from itertools.takewhile(lambda at: settings.steps_at(at) < settings.total_steps, points)
    yield settings.kimg


def unscored_points(
    cell: Cell, folder: Path, eval_every: float | None, before_step: int | None = None
) -> list[float]:
    """The points on the way, in kimg, at which a run was to be scored and its rows have no score."""
    if eval_every is None or (rows := rows_that_count(folder)) is None:
        return []
    settings = cell.settings
    known = rows.loc[rows["phase"].eq("score").fillna(False), "kimg"]
    scored = {round(kimg * 1000 / settings.batch_size) for kimg in known.dropna()}
    end = settings.total_steps if before_step is None else before_step
    return [
        at
        for at in evaluation_points(settings, eval_every)
        if settings.steps_at(at) < end and settings.steps_at(at) not in scored
    ]


def position(trainer: gans.Trainer) -> dict[str, object]:
    """Where a training stands: the columns that every row of it carries."""
    return {
        "kimg": trainer.kimg,
        "training_sec": trainer.training_sec,
        "real_images": trainer.real_images,
    }


def discriminator_dominates(records: list[dict[str, float]], output: str) -> bool:
    """Whether D won by far for long: D(x) > .95 and D(G(z)) < .05 in at least a quarter of the training.

    A flag, not an end: good runs look like that too, and G may still learn from the gradient's
    direction. Only for losses in which D's output is a probability.
    """
    if output != "probability" or not records:
        return False
    won = sum(record["d_real"] > 0.95 and record["d_fake"] < 0.05 for record in records)
    return won >= len(records) / 4
