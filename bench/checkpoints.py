"""The checkpoints that a training leaves on the way: when, how many, and which one it goes on from."""

import json
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import gans
import results
from bench.costs import TrainingCosts
from bench.grid import Cell
from bench.provenance import device_name
from bench.todo import CHECKPOINT
from gans.checkpoint import PART, read_checkpoint

_ON_THE_WAY = re.compile(r"checkpoint-(\d{9,})\.safetensors")


@dataclass(frozen=True, kw_only=True)
class Checkpointing:
    """When trainings save their state on the way, and how many files are kept of each."""

    every_sec: float = 300.0
    keep: int = 2


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A checkpoint that a training goes on from."""

    path: Path
    tensors: dict[str, Tensor]
    attempts: tuple[int, ...]
    """Numbers of the attempts that trained it, the one from nothing first."""
    history: tuple[str, ...]
    """Columns of the history in `tensors`."""
    warnings: tuple[str, ...]
    """What the costs so far were said to suffer from."""
    machine: str
    """Where it was trained; "" if that is not known."""

    def kimg(self, cell: Cell) -> float:
        """Where in the cell's training it was taken."""
        return int(self.tensors["progress.steps"]) * cell.settings.batch_size / 1000


class Checkpoints:
    """The checkpoints of a cell in its folder.

    A training is what a chain of attempts did, of which each went on from a checkpoint of those before. A
    checkpoint belongs to the training whose rows the folder holds, or it is of no use: its rows would
    not be there.
    """

    def __init__(self, cell: Cell, folder: Path, policy: Checkpointing) -> None:
        self.cell, self.folder, self.policy = cell, folder, policy
        self.saved_step: int | None = None
        self._anew = (
            False  # the files in the folder are of an earlier training, and go when this one has saved
        )
        self.saved_at_sec = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether the time between two checkpoints is over."""
        return time.monotonic() - self.saved_at_sec >= self.policy.every_sec

    def newest(self) -> Saved | None:
        """The newest good checkpoint of the training that the folder's rows tell of, or None.

        Damaged ones are set aside, with a warning.

        Raises
        ------
        gans.VariantError
            If it is of another configuration (the message says in what it differs), or cannot be read.
        """
        final = self.folder / CHECKPOINT
        if final.exists() and not final.is_file():
            raise gans.VariantError(f"{final} is no file: move it away.")
        chain = chain_of(self.folder, self.cell.training_id)
        damaged: list[str] = []
        found = None
        for path in self._newest_first():
            try:
                tensors, metadata = read_checkpoint(path)
            except gans.VariantError as damage:
                damaged.append(
                    f"{str(damage).rstrip('.')}; it was set aside as {set_aside(path, damage).name}"
                )
                continue
            context = metadata.get("context")
            if not context:  # of before trainings could go on, or not of a run
                continue
            try:
                saved = saved_in(path, tensors, context)
            except (LookupError, TypeError, AttributeError, ValueError) as error:
                lack = gans.VariantError(f"The checkpoint {path} is damaged: it lacks {error}")
                damaged.append(f"{lack}; it was set aside as {set_aside(path, lack).name}")
                continue
            require_same(path, context, self.cell)
            if saved.attempts[0] == next(iter(chain), None) and set(saved.attempts) <= set(chain):
                found = saved
                break
        then = f"goes on from {found.path.name}" if found else "is trained anew"
        for what in damaged:
            warnings.warn(f"{what}, and the cell {then}.", stacklevel=2)
        return found

    def begin_anew(self) -> None:
        """Nothing in the folder is of this training; what there is goes when this one has saved its first."""
        self._anew = True
        self._discard_half_written()

    def discard(self, *, beyond_step: int) -> None:
        """Remove what is of no use to a training that goes on from that step, and half written files.

        Old ones first, so that a kill on the way leaves the newest.
        """
        self._discard_half_written()
        for path in reversed(list(self._newest_first())):
            if self._step_of(path) > beyond_step:
                path.unlink(missing_ok=True)
        self._prune()

    def _discard_half_written(self) -> None:
        for pattern in (f"*{PART}", ".*.tmp", "progress/.*.tmp"):  # checkpoints and history; pictures
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def save(self, trainer: gans.Trainer, costs: TrainingCosts, attempts: tuple[int, ...]) -> None:
        """Save where the training stands, unless that is saved, and remove files beyond those to keep."""
        if trainer.steps == self.saved_step:
            return
        final = trainer.steps == trainer.settings.total_steps
        name = CHECKPOINT if final else f"checkpoint-{trainer.steps:09d}.safetensors"
        context = {
            "training_id": self.cell.training_id,
            "configuration": self.cell.configuration,
            "attempts": attempts,
            "history": costs.columns,
            "warnings": costs.warnings(),
            "machine": machine(self.cell.settings.device),
        }
        gans.save_checkpoint(
            self.folder / name,
            trainer.state_dict() | costs.state_dict(),
            self.cell.variant,
            self.cell.dataset.shape,
            trainer.classes,
            context=context,
        )
        self.saved_step, self.saved_at_sec = trainer.steps, time.monotonic()
        if self._anew:
            for path in list(self._newest_first()):
                if path.name != name:
                    path.unlink(missing_ok=True)
            self._anew = False
        self._prune()

    def _prune(self) -> None:
        """Remove checkpoints beyond those to keep."""
        for path in list(self._newest_first())[self.policy.keep :]:
            path.unlink(missing_ok=True)

    def _newest_first(self) -> Iterator[Path]:
        if (final := self.folder / CHECKPOINT).is_file():
            yield final
        on_the_way = [
            path
            for path in self.folder.glob("checkpoint-*")
            if _ON_THE_WAY.fullmatch(path.name) and path.is_file()
        ]
        yield from sorted(on_the_way, key=self._step_of, reverse=True)

    def _step_of(self, path: Path) -> int:
        match = _ON_THE_WAY.fullmatch(path.name)
        return int(match[1]) if match else self.cell.settings.total_steps


def machine(device: str) -> str:
    """The model of this machine's processor or GPU, and how many threads torch has."""
    return f"{device_name(device)}, {torch.get_num_threads()} threads"


def saved_in(path: Path, tensors: dict[str, Tensor], context: Mapping[str, Any]) -> Saved:
    """What a checkpoint holds; LookupError or TypeError if it lacks something, which the message names."""
    for name in ("progress.steps", "costs.records", "costs.joules", "costs.peak_bytes", "costs.starts"):
        if name not in tensors:
            raise LookupError(name)
    if "configuration" not in context:
        raise LookupError("its configuration")
    if not (attempts := tuple(map(int, context["attempts"]))):
        raise LookupError("its attempts")
    return Saved(
        path=path,
        tensors=tensors,
        attempts=attempts,
        history=tuple(context["history"]),
        warnings=tuple(map(str, context.get("warnings", ()))),
        machine=str(context.get("machine", "")),
    )


def set_aside(path: Path, damage: gans.VariantError) -> Path:
    """Rename a damaged file to its name and `.damaged`, which is returned; one that may be good stays."""
    if isinstance(damage.__cause__, OSError):
        raise damage
    return path.replace(path.with_name(path.name + ".damaged"))


def chain_of(folder: Path, training_id: str) -> tuple[int, ...]:
    """Numbers of the attempts that make up the newest training of a cell, the one from nothing first."""
    try:
        rows = results.load(folder, every_attempt=True)
    except results.StoreError:  # there are none, or none is readable
        return ()
    mine = rows[rows["trained"].fillna(False) & rows["training_id"].eq(training_id).fillna(False)]
    attempts = mine.drop_duplicates("attempt").sort_values("attempt")
    chain: list[int] = []
    for number, resumed_kimg in zip(attempts["attempt"], attempts["resumed_kimg"].notna(), strict=True):
        chain = [*chain, int(number)] if resumed_kimg else [int(number)]
    return tuple(chain)


def require_same(path: Path, context: Mapping[str, Any], cell: Cell) -> None:
    """Raise `gans.VariantError` if a checkpoint is not of this cell, with every field that differs."""
    theirs = _flat(context["configuration"])
    ours = _flat(json.loads(cell.configuration_json))
    differing = [
        f"{name} is {theirs.get(name, 'not there')} in it and {ours.get(name, 'not there')} now"
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name) != ours.get(name)
    ]
    if differing:
        raise gans.VariantError(
            f"The checkpoint {path} is of another training: {'; '.join(differing)}. Move it away, or train "
            "anew by --rerun."
        )


def _flat(value: Any, name: str = "") -> dict[str, str]:
    """Leaves of nested JSON by their dotted names."""
    if not isinstance(value, dict):
        return {name: json.dumps(value)}
    return {
        leaf: text
        for key, below in value.items()
        for leaf, text in _flat(below, f"{name}.{key}" if name else key).items()
    }
