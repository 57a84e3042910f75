"""What a command prints about a store, the variants and the data sets."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import gans
import results
from bench import datasets, suites
from bench.errors import InputError
from bench.exporting import export_as
from bench.grid import Cell
from bench.plain_table import plain_table
from bench.scoring import Scoring


def show_results(
    store: Path,
    cells: Sequence[Cell],
    scorings: dict[str, Scoring],
    targets: Mapping[str, float],
    export_format: str | None,
) -> None:
    """Print the tables of these cells under these protocols, and where rows and pictures are."""
    try:
        frame = results.load(store)
    except results.StoreError:  # nothing has been measured
        return
    frame = frame[frame["training_id"].isin([cell.training_id for cell in cells])]
    if frame.empty:
        return
    asked = {p.hash for cell in cells for p in scorings[cell.dataset.name].protocols(cell).values()}
    # Rows without a phase are runs that measured nothing: they stay, or a failure would vanish.
    other_protocol = frame["phase"].eq("score").fillna(False) & ~frame["protocol_hash"].isin(asked)
    frame_asked = frame[~other_protocol]
    table, caption = results.compact_table(frame_asked)
    print(f"\n{plain_table(table)}\n\n{caption}\n")
    if targets:
        try:
            times, words = results.quality_table(frame_asked, targets)
            new = [line for line in words.splitlines() if line not in caption.splitlines()]
            print("\n".join([plain_table(times), "", *new, ""]))
        except results.StoreError as nothing:  # every cell failed before it was scored
            print(f"Time to quality: {nothing}\n")
    print(f"rows     {store}{os.sep}*{os.sep}rows-*.jsonl")
    for cell in cells:
        grid = store / cell.folder / "samples.png"
        if grid.exists():
            print(f"samples  {grid}")
    if export_format is not None:
        # The store "." has a name, too.
        print(f"exported {export_as(export_format, frame, table, store.resolve())}")


def show_list(variants: Sequence[str]) -> None:
    """Print every variant, data set and suite, a line each, and the fields that `--set` can change."""
    for title, rows in (
        ("Variants", [(name, describe(name)) for name in variants]),
        (
            "Data sets",
            [
                (s.spelling, f"{s.summary}. Licence: {s.licence}. Source: {s.origin}")
                for s in datasets.known()
            ],
        ),
        ("Suites", [(name, describe_suite(name)) for name in suites.names()]),
        ("Fields for --set", [(name, fields(name)) for name in variants]),
    ):
        print(title)
        width = max(10, *(len(name) for name, _ in rows))
        for name, text in rows:
            print(f"  {name:<{width}} {text}")


def describe(name: str) -> str:
    """One line about a variant, also if the package that offers it is broken."""
    try:
        variant = gans.get(name)
    except gans.VariantError as error:
        return str(error)
    return f"{variant.summary} ({variant.reference})"


def describe_suite(name: str) -> str:
    """One line about a suite, also if the package that offers it is broken."""
    try:
        suite = suites.get(name)
    except InputError as error:
        return str(error)
    return f"{suite.summary} ({suite.command} --suite {name}; {suite.file})"


def fields(name: str) -> str:
    """The fields of a variant with their values."""
    try:
        return "  ".join(f"{path}={value}" for path, value in gans.field_values(gans.get(name)).items())
    except gans.VariantError as error:
        return str(error)
