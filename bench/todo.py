"""What the store says has been done of a cell, and so what is left to do."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

import results
from bench.grid import Cell
from bench.scoring import Names, Scoring

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, kw_only=True)
class Todo:
    """What is left to do for a cell: train (on), some scores of a finished run, or nothing."""

    kind: Literal["train", "score", "nothing"]
    scores: Names = field(default_factory=dict)
    outcome: str = ""
    anew: bool = False
    """Train from nothing, though there may be a checkpoint to go on from."""


def todo(cell: Cell, scoring: Scoring, store: Path, *, rerun: bool = False) -> Todo:
    """Look up in the store what has been done of a cell already.

    A finished training is scored against the validation split where settings are chosen by it; otherwise only
    by what its curve has there: without a curve there is nothing to choose from.
    """
    everything = Todo(kind="train", anew=rerun)
    rows = None if rerun else rows_that_count(store / cell.folder)
    if rows is None:
        return everything
    mine = rows[rows["training_id"] == cell.training_id]
    if (mine["outcome"] == "diverged").any():  # the same training would diverge again
        return Todo(kind="nothing", outcome="diverged")
    final = mine[mine["final"].fillna(False)]
    known = set(final["protocol_hash"].dropna())
    curves = set(mine["protocol_hash"].dropna())
    choices = {name: p for name, p in scoring.choices(cell).items() if p.hash in curves or cell.tuning_axes}
    missing: Names = {
        "test": tuple(name for name, p in scoring.protocols(cell).items() if p.hash not in known),
        "validation": tuple(name for name, p in choices.items() if p.hash not in known),
    }
    # One that was killed, or failed, while it was being scored goes on from the checkpoint of its end: that
    # costs no step, and nothing tells it then from one that was not.
    # Not so if its time was used up: the same scores would use it up again.
    ended = (final["metric"] == "training_sec").any()
    late = ended and bool(known) and (mine["outcome"] == "timeout").any()
    if not ended or not (late or (mine["outcome"] == "ok").any()):
        return everything
    if not any(missing.values()) and (mine["outcome"] == "ok").any():
        return Todo(kind="nothing", outcome="ok")
    if not (store / cell.folder / CHECKPOINT).is_file():
        return everything
    return Todo(kind="score", scores=missing)


def rows_that_count(folder: Path) -> pd.DataFrame | None:
    """The rows of a run's folder, or None if there are none (or none that could be read)."""
    try:
        return results.load(folder)  # journals that a killed run left, too
    except results.StoreError:
        if any(folder.glob("rows-*.jsonl")):
            raise
        return None  # nothing has been run, or all was damaged and has been set aside
