"""One cell → rows: train, sample, score; a failure is a row too."""

import csv
import itertools
import json
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pandas as pd
import torch

import gans
import results
from bench.cli import why_unwritable
from bench.costs import TrainingCosts
from bench.errors import InputError
from bench.grid import Cell, trainer_of
from bench.progress import TrainingProgress
from bench.provenance import backend_settings, provenance
from bench.run_pictures import fixed_latents, save_pictures, title_of
from bench.scoring import Names, Scoring
from bench.todo import CHECKPOINT, Todo
from bench.trackers import Tracker

HISTORY = "history.csv"
TRACKED = "tracked"  # the folder of what `--track` leaves
AXES = ("step", "kimg", "real_images")  # columns of the history that are where, not what


def execute(
    cell: Cell,
    scoring: Scoring,
    work: Todo,
    store: Path,
    *,
    eval_every: float | None,
    track: Callable[[Path], Tracker],
    command: list[str],
    progress: TrainingProgress,
) -> tuple[str, str]:
    """Do what is left of a cell; returns its outcome and the reason for it.

    Rows are on disk as soon as they are measured. The journal is sealed with the outcome, unless the
    disk cannot be written. That, an interrupt, and another process on the same cell go on to the caller.
    """
    folder = store / cell.folder
    results.seal_abandoned(folder)
    sampler = finished(cell, folder) if work.kind == "score" else None
    header = header_of(cell, command, trained=sampler is None)
    with results.Journal.open(folder, header) as journal:
        flags: list[str] = []
        try:
            if sampler is None:
                with closing(track(folder / TRACKED / number_of(journal))) as tracker:
                    train(cell, scoring, folder, journal, eval_every, tracker, progress, flags)
            else:
                score_again(cell, scoring, work.scores, sampler, folder, journal, progress)
        except KeyboardInterrupt:
            journal.seal("killed", reason="Interrupted by the user.", flags=flags)
            raise
        except Exception as error:
            if (why := why_unwritable(error)) is not None:
                raise InputError(f"Cannot write to {folder}: {why}; what was measured is kept.") from error
            outcome, reason = outcome_of(error)
            if outcome == "error":
                (folder / f"error-{number_of(journal)}.txt").write_text(traceback.format_exc())
            journal.seal(outcome, reason=reason, flags=flags)
            return outcome, reason
        journal.seal("ok", flags=flags)
        return "ok", ""


def number_of(journal: results.Journal) -> str:
    """The number of an attempt, as its files have it: 000."""
    return journal.path.stem.rpartition("-")[2]


def finished(cell: Cell, folder: Path) -> gans.Sampler | None:
    """The sampler of a finished training; None, and the file set aside, if the checkpoint is damaged."""
    path = folder / CHECKPOINT
    try:
        return gans.load(path, device=cell.settings.device)
    except gans.VariantError as damage:
        path.replace(path.with_name(path.name + ".damaged"))
        warnings.warn(
            f"{str(damage).rstrip('.')}; it was set aside as {path.name}.damaged, and the cell is trained "
            "anew.",
            stacklevel=2,
        )
        return None


def outcome_of(error: Exception) -> tuple[str, str]:
    """Which outcome an exception means, and the reason in words."""
    message = str(error).strip()
    reason = f"{type(error).__name__}: {message.splitlines()[0]}" if message else type(error).__name__
    if isinstance(error, gans.Diverged):
        return "diverged", message
    if isinstance(error, gans.Unsupported):
        return "unsupported", message
    # PyTorch's CPU allocator raises a plain RuntimeError.
    out_of_memory = isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in message
    return ("oom" if out_of_memory else "error"), reason


def header_of(cell: Cell, command: list[str], *, trained: bool) -> dict[str, object]:
    """The run columns of `results.schema` for this cell."""
    settings = cell.settings
    return {
        "training_id": cell.training_id,
        "trained": trained,
        "variant": cell.variant.name,
        "variant_version": str(cell.variant.version),
        "dataset": cell.dataset.name,
        "dataset_fingerprint": cell.dataset.fingerprint,
        "image_shape": "x".join(str(side) for side in cell.dataset.shape),
        "images_skipped": cell.dataset.images_skipped,
        "seed": settings.seed,
        "batch_size": settings.batch_size,
        "kimg_budget": float(settings.kimg),
        "device": torch.device(settings.device).type,
        "precision": settings.precision,
        "compile": settings.compile,
        "backend": json.dumps(backend_settings(settings, cell.dataset.shape)),
        "settings": cell.configuration_json,
        "changed": cell.changed,
        "tuning_axes": cell.tuning_axes,
        **provenance(command, settings.device),
    }


def train(
    cell: Cell,
    scoring: Scoring,
    folder: Path,
    journal: results.Journal,
    eval_every: float | None,
    tracker: Tracker,
    progress: TrainingProgress,
    flags: list[str],
) -> None:
    """Train a cell from the start, scoring where asked, and leave history, checkpoint and pictures."""
    choosing = eval_every is not None or bool(cell.tuning_axes)
    names = scoring.names_for(cell, validation=choosing)
    trainer = trainer_of(cell, cell.settings)
    latents = fixed_latents(cell)
    costs = TrainingCosts(trainer)
    records = costs.records
    with ExitStack() as stack:
        history = stack.enter_context((folder / HISTORY).open("w", newline="", buffering=1))
        writer: csv.DictWriter[str] | None = None
        try:
            with costs:
                for target in evaluation_points(cell.settings, eval_every):
                    costs.stretch()
                    for record in trainer.train(target):
                        if writer is None:
                            writer = csv.DictWriter(history, record)
                            writer.writeheader()
                        writer.writerow(record)
                        costs.window(record)
                        progress.training(record)
                        monitors = {f"monitors/{name}": record[name] for name in record if name not in AXES}
                        tracker.scalars(monitors, record["kimg"])
                    if target == cell.settings.kimg:
                        # Before the rows that say that the training has ended: a kill in between must not
                        # leave them beside the checkpoint of an earlier attempt.
                        gans.save_checkpoint(
                            folder / CHECKPOINT,
                            trainer.state_dict(),
                            cell.variant,
                            cell.dataset.shape,
                            trainer.classes,
                        )
                        break
                    evaluate(cell, scoring, names, trainer, latents, folder, journal, tracker, progress)
        finally:
            for row in costs.rows():
                journal.append(**row, **position(trainer))
            if discriminator_dominates(records, cell.variant.output):
                flags.append("discriminator-dominates")
    results.plot_monitors(
        pd.DataFrame(records), folder / "monitors.png", title=title_of(cell), output=cell.variant.output
    )
    evaluate(cell, scoring, names, trainer, latents, folder, journal, tracker, progress)


def evaluate(
    cell: Cell,
    scoring: Scoring,
    names: Names,
    trainer: gans.Trainer,
    latents: tuple[torch.Tensor, torch.Tensor | None],
    folder: Path,
    journal: results.Journal,
    tracker: Tracker,
    progress: TrainingProgress,
) -> None:
    """Pictures, and one row a score, of the generator as it is now."""
    progress.doing("scoring")
    sampler = trainer.sampler()
    final = trainer.steps == cell.settings.total_steps
    for name, path in save_pictures(cell, sampler, latents, folder, trainer.kimg, final=final).items():
        tracker.picture(name, path, trainer.kimg)
    said = []
    for row in scoring.rows(sampler, cell, names):
        journal.append(**row, **position(trainer), final=final)
        split = f"/{row['split']}" if row["split"] else ""
        tracker.scalars({f"scores/{row['metric']}{split}": row["value"]}, trainer.kimg)
        if row["split"] != "validation":  # which is there for choices
            said.append(f"{row['metric']} {row['value']:.4g}")
    if said:
        progress.say(f"at {trainer.kimg:g} kimg: {', '.join(said)}")


def score_again(
    cell: Cell,
    scoring: Scoring,
    names: Names,
    sampler: gans.Sampler,
    folder: Path,
    journal: results.Journal,
    progress: TrainingProgress,
) -> None:
    """Score the checkpoint of a finished training, without training."""
    progress.doing("scoring")
    before = results.load(folder)
    trained = before[before["metric"] == "training_sec"].iloc[-1]
    where = {name: trained[name] for name in ("kimg", "training_sec", "real_images")}
    where["real_images"] = int(where["real_images"])
    said = []
    for row in scoring.rows(sampler, cell, names):
        journal.append(**row, **where, final=True)
        split = " (validation)" if row["split"] == "validation" else ""
        said.append(f"{row['metric']}{split} {row['value']:.4g}")
    progress.say(f"scored its checkpoint: {', '.join(said)}")


def evaluation_points(settings: gans.Settings, eval_every: float | None) -> Iterator[float]:
    """Where to score: 0, every `eval_every` kimg, and the end; the end alone without `eval_every`.

    No two of them are the same generator step.
    """
    if eval_every is not None:
        every = max(eval_every, settings.batch_size / 1000)
        points = (i * every for i in itertools.count())
        yield from itertools.takewhile(lambda at: settings.steps_at(at) < settings.total_steps, points)
    yield settings.kimg


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
