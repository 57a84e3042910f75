"""Cells: the points of the grid, and the ids that decide what has been done already."""

import functools
import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

import gans
from bench.datasets import Dataset
from bench.errors import InputError
from gans.pieces import Piece
from gans.processes import Processes


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One variant on one data set with one seed, batch size, precision, compile mode and budget."""

    variant: gans.Variant
    dataset: Dataset
    settings: gans.Settings
    tuning_axes: str = ""
    """The hyper-parameters that its launch varies, as in `Recipe`: no part of what is learned."""

    @property
    def configuration(self) -> dict[str, Any]:
        """All that decides what is learned, JSON-ready: the recipe, the settings and the data.

        Texts that only describe, and which of several equal devices is used, are not in it.
        """
        recipe = gans.to_config(self.variant)
        del recipe["summary"], recipe["reference"]
        settings = asdict(self.settings) | {"device": torch.device(self.settings.device).type}
        return {"variant": recipe, "settings": settings, "dataset": self.dataset.fingerprint}

    @property
    def configuration_json(self) -> str:
        """The configuration as canonical JSON."""
        return json.dumps(self.configuration, sort_keys=True)

    @functools.cached_property
    def training_id(self) -> str:
        """16 hex digits of the SHA-256 of the configuration."""
        return hashlib.sha256(self.configuration_json.encode()).hexdigest()[:16]

    @property
    def folder(self) -> str:
        """The name of this cell's folder in a store."""
        name = re.sub(r"[^\w.-]", "_", f"{self.dataset.name}-{self.variant.name}")
        return f"{name}-seed{self.settings.seed}-{self.training_id[:8]}"

    @property
    def changed(self) -> str:
        """What differs from the variant's own settings, as `--set` would write it; "" if nothing."""
        recipe = gans.get(self.variant.name)
        own = gans.field_values(recipe)
        mine = gans.field_values(self.variant)
        last_parts = Counter(path.rpartition(".")[2] for path in mine)
        changes = []
        for slot, kind in _slots(self.variant).items():
            if own[slot] != kind:  # below it, what differs from that piece's own defaults
                recipe = gans.set_field(recipe, slot, kind)
        own |= {path: value for path, value in gans.field_values(recipe).items() if "." in path}
        for path, value in mine.items():
            if own.get(path) != value:
                last = path.rpartition(".")[2]
                changes.append(f"{last if last_parts[last] == 1 else path}={value}")
        return " ".join(changes)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A variant with its fields set, and the hyper-parameters that this launch varies of it."""

    variant: gans.Variant
    tuning_axes: str = ""
    """As "lr=1e-4,2e-4 ngf=32,64": the fields as `--set` named them, with all their values; "" if there are
    none."""


def with_changes(
    variants: Sequence[gans.Variant], changes: Sequence[str], suggested: dict[str, str]
) -> list[gans.Variant]:
    """The variants with a data set's suggested fields and then the user's `--set` changes made.

    A change is `variant.field=value`, or `field=value` for every chosen variant that has the field. Slots are
    filled first, in whatever order the changes stand, so that no field is set on a piece that then goes.

    Raises
    ------
    InputError
        If a change is malformed, or names a variant that was not chosen.
    gans.VariantError
        If no variant has the field, or if it cannot take the value.
    """
    slots = {slot for variant in variants for slot in _slots(variant)}
    fills = [change for change in changes if change.partition("=")[0].rpartition(".")[2] in slots]
    variants = _with_user_changes(variants, fills)
    for key, value in suggested.items():
        variants, _ = _set_where_possible(variants, key, value)
    # What the user says stands above what the data suggest.
    return _with_user_changes(variants, [change for change in changes if change not in fills])


def _slots(variant: gans.Variant) -> dict[str, str]:
    """The kind of the piece that fills each slot."""
    pieces = {field.name: getattr(variant, field.name) for field in fields(variant)}
    return {name: piece.kind for name, piece in pieces.items() if isinstance(piece, Piece)}


def _with_user_changes(variants: Sequence[gans.Variant], changes: Sequence[str]) -> list[gans.Variant]:
    names = [variant.name for variant in variants]
    for change in changes:
        target, equals, value = change.partition("=")
        if not equals or not target or not value:
            raise InputError(f"--set takes VARIANT.FIELD=VALUE, not {change!r}.")
        name, dot, field = target.partition(".")
        if dot and name in names:
            variants = [gans.set_field(v, field, value) if v.name == name else v for v in variants]
        elif dot and name in gans.names():
            raise InputError(f"--set {change} changes a variant that is not in --variants.")
        else:
            variants, error = _set_where_possible(variants, target, value)
            if error is not None:
                raise error
    return list(variants)


def _set_where_possible(
    variants: Sequence[gans.Variant], key: str, value: str
) -> tuple[list[gans.Variant], gans.VariantError | None]:
    """Change every variant that has the field; the error of the last one if none of them has."""
    changed, error = [], None
    for variant in variants:
        if gans.has_field(variant, key):
            changed.append(gans.set_field(variant, key, value))
            continue
        changed.append(variant)
        try:
            gans.set_field(variant, key, value)
        except gans.VariantError as unknown:
            error = unknown
    touched = any(gans.has_field(variant, key) for variant in variants)
    return changed, None if touched else error


def expand(
    recipes: Sequence[Recipe],
    dataset: Dataset,
    *,
    seeds: Sequence[int],
    batch_sizes: Sequence[int],
    precisions: Sequence[str],
    compile_modes: Sequence[str],
    kimg: float,
    device: str,
) -> list[Cell]:
    """Every combination."""
    cells = []
    axes = itertools.product(seeds, batch_sizes, precisions, compile_modes, recipes)
    for seed, batch_size, precision, compile_mode, recipe in axes:
        settings = gans.Settings(
            batch_size=batch_size,
            kimg=kimg,
            seed=seed,
            device=device,
            precision=precision,  # type: ignore[arg-type]
            compile=compile_mode,  # type: ignore[arg-type]
        )
        cells.append(
            Cell(variant=recipe.variant, dataset=dataset, settings=settings, tuning_axes=recipe.tuning_axes)
        )
    return cells


def trainer_of(
    cell: Cell,
    settings: gans.Settings,
    variant: gans.Variant | None = None,
    processes: Processes | None = None,
) -> gans.Trainer:
    """A trainer for a cell's data; other settings, or a changed variant, for a trial."""
    data = cell.dataset
    return gans.Trainer(
        variant or cell.variant,
        data.train.samples,
        settings,
        labels=data.train.labels,
        class_names=data.class_names,
        processes=processes,
    )


def require_trainable(cells: Sequence[Cell]) -> None:
    """Build every distinct pair of networks once, so that what cannot be is known before anything is trained.

    Raises
    ------
    InputError
        If a batch is larger than its training set.
    gans.VariantError
        With the one sentence that says what cannot be made.
    """
    for cell in cells:
        batch, n = cell.settings.batch_size, len(cell.dataset.train.samples)
        if batch > n:
            raise InputError(
                f"A batch of {batch} is larger than the training set of {cell.dataset.name} ({n} samples)."
            )
    for variant, shape, n_classes in {
        (cell.variant, cell.dataset.shape, cell.dataset.n_classes) for cell in cells
    }:
        try:
            with torch.device("meta"):  # shapes only: costs neither memory nor random numbers
                variant.build(shape, n_classes)
        except gans.VariantError:
            raise
        except Exception:  # a mistake in the variant's own code is not bad input: its row will say it
            continue
