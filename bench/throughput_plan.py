"""From the command line of `bench.throughput` to groups of cells, and what the store has of them."""

import argparse
import dataclasses
import itertools
import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import gans
from bench.datasets import Dataset
from bench.errors import InputError
from bench.folders import data_folder
from bench.grid import Cell, require_trainable, with_changes
from bench.plan import MAX_IMAGE_SIZE, choose_device, sources_of
from bench.provenance import device_name
from bench.suite_options import said_of
from bench.synthetic import IMAGE_SIZE, NAME, synthetic
from bench.timing import MIN_ROUNDS
from bench.todo import rows_that_count
from gans.critic_schedule import Constant

# What needs no second look. Memory, time and mistakes may be mended: the same command tries those again.
SETTLED = ("ok", "fast-but-wrong", "unsupported")

BASELINE = ("fp32", "off")


@dataclass(frozen=True, kw_only=True)
class SpeedCell(Cell):
    """One mode of one variant on one data set with one batch size: what is timed, never trained."""

    @property
    def configuration(self) -> dict[str, Any]:
        """All that decides the speed, machine and torch version among it; no training has such an id."""
        machine = {
            "device_name": device_name(self.settings.device),
            "machine": platform.machine(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
        }
        return super().configuration | {"purpose": "throughput", "machine": machine}

    @property
    def folder(self) -> str:
        """The name of this cell's folder in a store."""
        return f"throughput-{re.sub(r'-seed[0-9]+-', '-', super().folder)}"

    @property
    def mode(self) -> tuple[str, str]:
        """Precision and compile mode."""
        return self.settings.precision, self.settings.compile

    @property
    def steady(self) -> gans.Variant:
        """The variant without boosted critic steps: what all but a few of its iterations are."""
        critic = Constant(n_critic=self.variant.critic.n_critic)
        return dataclasses.replace(self.variant, critic=critic)


@dataclass(frozen=True, kw_only=True)
class Group:
    """The modes that are timed in turns; the first is eager fp32."""

    cells: tuple[SpeedCell, ...]

    @property
    def baseline(self) -> SpeedCell:
        """Eager fp32."""
        return self.cells[0]

    @property
    def label(self) -> str:
        """Its name for the progress display."""
        one = self.baseline
        side = "" if len(one.dataset.shape) == 1 else f" at {one.dataset.shape[-1]}"
        return f"{one.variant.name} on {one.dataset.name}{side}, batch {one.settings.batch_size}"


def plan(options: argparse.Namespace) -> list[Group]:
    """All groups of `options.parts`.

    Of each part every variant at the first batch size before any at the second, if time should run out.

    Raises
    ------
    InputError, gans.VariantError
        For whatever can be wrong, before anything is timed.
    """
    if options.rounds < MIN_ROUNDS:
        raise InputError(
            f"--rounds {options.rounds} is too few: a 95 % interval of a median needs {MIN_ROUNDS}."
        )
    device = choose_device(options.device)
    root = options.data_root or data_folder()
    groups: list[Group] = []
    for part in options.parts:
        with said_of(part):
            groups += _groups(part, device, root)
    require_trainable([group.baseline for group in groups])
    return groups


def _groups(part: argparse.Namespace, device: str, root: Path) -> Iterator[Group]:
    if not part.variants:
        raise InputError("--variants is needed, as in --variants dcgan,wgan; bench.run --list shows them.")
    if part.image_size is not None and part.image_size > MAX_IMAGE_SIZE:
        raise InputError(f"--image-size {part.image_size} is more than {MAX_IMAGE_SIZE} pixels.")
    variants = [gans.get(name) for name in part.variants]
    modes = modes_of(part.precision, part.compile)
    per_dataset = [
        (dataset, with_changes(variants, part.set, recipe_fields))
        for dataset, recipe_fields in _datasets(part, root)
    ]
    for batch_size, (dataset, recipes) in itertools.product(part.batch_sizes, per_dataset):
        for variant in recipes:
            cells = tuple(
                SpeedCell(
                    variant=variant,
                    dataset=dataset,
                    settings=gans.Settings(
                        batch_size=batch_size,
                        device=device,
                        precision=precision,  # type: ignore[arg-type]
                        compile=compile_mode,  # type: ignore[arg-type]
                    ),
                )
                for precision, compile_mode in modes
            )
            yield Group(cells=cells)


def modes_of(precisions: Sequence[str], compile_modes: Sequence[str]) -> list[tuple[str, str]]:
    """Eager fp32 first, whether asked for or not, then the quickest to prepare."""
    asked = [(precision, mode) for mode, precision in itertools.product(compile_modes, precisions)]
    eager_first = sorted(asked, key=lambda mode: mode[1] != "off")
    return [BASELINE, *(mode for mode in eager_first if mode != BASELINE)]


def left_to_do(group: Group, store: Path, *, rerun: bool = False) -> tuple[SpeedCell, ...]:
    """The modes without a settled outcome in the store; with any of them, eager fp32 is timed beside it."""
    missing = tuple(cell for cell in group.cells if rerun or outcome_in(store, cell) not in SETTLED)
    if missing and group.baseline not in missing:
        return (group.baseline, *missing)
    return missing


def outcome_in(store: Path, cell: SpeedCell) -> str | None:
    """How the cell ended the last time; None if it never was begun, or has not ended."""
    rows = rows_that_count(store / cell.folder)
    if rows is None:
        return None
    ended = rows.loc[rows["training_id"] == cell.training_id, "outcome"].dropna()
    return None if ended.empty else str(ended.iloc[-1])


def _datasets(part: argparse.Namespace, root: Path) -> list[tuple[Dataset, dict[str, str]]]:
    """Each data set with the fields that it suggests."""
    found: list[tuple[Dataset, dict[str, str]]] = []
    for name in part.dataset:
        if name == NAME:
            found.append((synthetic(part.image_size or IMAGE_SIZE), {}))
            continue
        (source,) = sources_of([name])
        if part.image_size is not None and source.image_size is None:
            raise InputError(f"{source.name} holds points, which have no size; leave --image-size out.")
        found.append((source.load(root, part.image_size), dict(source.recipe_fields)))
    return found
