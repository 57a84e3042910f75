"""One cell → rows: train, sample, score; a failure is a row too."""

import json
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

import torch

import gans
import results
from bench.checkpoints import Checkpointing, Checkpoints, require_same, set_aside
from bench.errors import InputError
from bench.grid import Cell
from bench.progress import TrainingProgress
from bench.provenance import backend_settings, provenance, start_of
from bench.scoring import Names, Scoring
from bench.stopping import Stopped, Stopping, TimedOut
from bench.team import Lost, Team
from bench.todo import CHECKPOINT, Todo
from bench.trackers import Tracker
from bench.training import Training
from bench.unwritable import why_store_fails
from gans.checkpoint import read_checkpoint
from gans.sampler import sampler_of

TRACKED = "tracked"  # the folder of what `--track` leaves


def execute(
    cell: Cell,
    scoring: Scoring,
    work: Todo,
    journal: results.Journal,
    *,
    eval_every: float | None,
    track: Callable[[Path], Tracker],
    command: list[str],
    progress: TrainingProgress,
    stopping: Stopping,
    checkpointing: Checkpointing,
    timeout_sec: float | None,
    team: Team | None = None,
) -> tuple[str, str]:
    """Do what is left of a cell in its reserved journal; returns its outcome and the reason for it.

    Rows are on disk as soon as they are measured. The journal is sealed with the outcome, unless the
    disk cannot be written. That and a signal go on to the caller.
    """
    folder = journal.path.parent
    checkpoints = Checkpoints(cell, folder, checkpointing)
    trained, sampler, saved, refusal = work.kind == "train", None, None, None
    try:
        if work.kind == "score":
            sampler = finished(cell, folder, team)
            trained = sampler is None
        if trained and not work.anew:
            saved = checkpoints.newest()
    except gans.VariantError as error:
        refusal, trained = error, False
    header = header_of(cell, command, trained=trained, team=team)
    if saved is not None:
        header["resumed_kimg"] = saved.kimg(cell)
    journal.begin(header)
    flags: list[str] = []
    try:
        with stopping.limit(timeout_sec):
            if refusal is not None:
                raise refusal
            if trained:
                with closing(track(folder / TRACKED / number_of(journal))) as tracker:
                    run = Training(
                        *(cell, scoring, folder, journal, tracker, progress, stopping, checkpoints, flags),
                        team,
                    )
                    run.train(saved, eval_every)
            elif sampler is not None:
                score_again(cell, scoring, work.scores, sampler, folder, journal, progress, stopping, team)
    except Stopped as stop:
        stopping.heard()
        if team is not None and (lost := team.behind(stop)) is not None:
            return seal_failure(journal, lost, stopping, flags)
        journal.seal("killed", reason=stop.reason, flags=flags)
        raise
    except TimedOut as late:
        stopping.heard()
        with stopping.held():
            journal.seal("timeout", reason=str(late), flags=flags)
        return "timeout", str(late)
    except BaseException as error:  # SystemExit, too: a variant's code is not who ends a launch
        with stopping.held():  # torchrun sends signals when a process has died
            return seal_failure(journal, error if team is None else team.explained(error), stopping, flags)
    with stopping.held():
        journal.seal("ok", flags=flags)
    return "ok", ""


def seal_failure(
    journal: results.Journal, error: BaseException, stopping: Stopping, flags: Sequence[str] = ()
) -> tuple[str, str]:
    """Seal a begun journal with what an exception means: the outcome and the reason for it.

    Raises
    ------
    InputError
        It means that the store cannot be written, which concerns all cells.
    """
    folder = journal.path.parent
    if (why := why_store_fails(error, folder)) is not None:
        sentence = f"Cannot write to {folder}: {why}; what was measured is kept."
        with suppress(OSError):  # on a full disk a line may still fit
            journal.seal("killed", reason=sentence, flags=flags)
        raise InputError(sentence) from error
    outcome, reason = outcome_of(error)
    with stopping.held():
        if outcome == "error":
            trace = "".join(traceback.format_exception(error))
            (folder / f"error-{number_of(journal)}.txt").write_text(trace)
        journal.seal(outcome, reason=reason, flags=flags)
    return outcome, reason


def number_of(journal: results.Journal) -> str:
    """The number of an attempt, as its files have it: 000."""
    return journal.path.stem.rpartition("-")[2]


def finished(cell: Cell, folder: Path, team: Team | None) -> gans.Sampler | None:
    """The sampler of a finished training; None, and the file set aside, if the checkpoint is damaged.

    Raises
    ------
    gans.VariantError
        If it is of another configuration, or cannot be read.
    """
    path = folder / CHECKPOINT
    try:
        tensors, metadata = read_checkpoint(path)
    except gans.VariantError as damage:
        warnings.warn(
            f"{str(damage).rstrip('.')}; it was set aside as {set_aside(path, damage).name}.",
            stacklevel=2,
        )
        return None
    if context := metadata.get("context"):
        require_same(path, context, cell)
    if team is not None:
        team.hand_over(path, tensors, metadata)
    return sampler_of(path, tensors, metadata, device=cell.settings.device)


def outcome_of(error: BaseException) -> tuple[str, str]:
    """Which outcome an exception means, and the reason in words."""
    if isinstance(error, Lost):
        return error.outcome, error.reason
    message = str(error).strip()
    reason = f"{type(error).__name__}: {message.splitlines()[0]}" if message else type(error).__name__
    if isinstance(error, gans.Diverged):
        return "diverged", message
    if isinstance(error, gans.Unsupported):
        return "unsupported", message
    # PyTorch's CPU allocator raises a plain RuntimeError.
    out_of_memory = isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in message
    return ("oom" if out_of_memory else "error"), reason


def header_of(
    cell: Cell, command: list[str], *, trained: bool, team: Team | None = None
) -> dict[str, object]:
    """The run columns of `results.schema` for this cell."""
    settings = cell.settings
    return {
        **identity_of(cell, command, trained=trained),
        "backend": json.dumps(backend_settings(settings, cell.dataset.shape)),
        "settings": cell.configuration_json,
        "changed": cell.changed,
        "processes": None if team is None else team.processes.count,
        **provenance(command, settings.device),
    }


def identity_of(cell: Cell, command: list[str], *, trained: bool) -> dict[str, object]:
    """Those of the run columns for which neither a variant's code nor a device is asked."""
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
        "tuning_axes": cell.tuning_axes,
        **start_of(command),
    }


def score_again(
    cell: Cell,
    scoring: Scoring,
    names: Names,
    sampler: gans.Sampler,
    folder: Path,
    journal: results.Journal,
    progress: TrainingProgress,
    stopping: Stopping,
    team: Team | None,
) -> None:
    """Score the checkpoint of a finished training, without training."""
    progress.doing("scoring")
    before = results.load(folder)
    trained = before[before["metric"] == "training_sec"].iloc[-1]
    where = {name: trained[name] for name in ("kimg", "training_sec", "real_images")}
    where["real_images"] = int(where["real_images"])
    said = []
    for row in scoring.rows(sampler, cell, names, team):
        with stopping.held():
            journal.append(**row, **where, final=True)
        split = " (validation)" if row["split"] == "validation" else ""
        said.append(f"{row['metric']}{split} {row['value']:.4g}")
    progress.say(f"scored its checkpoint: {', '.join(said) or 'every score was there'}")
