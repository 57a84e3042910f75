"""Time training steps in every precision and compile mode: one table, and rows in a store.

    python -m bench.throughput --variants dcgan,wgan --precision fp32,amp-bf16 --compile off,default

`bench/throughput_options.py` has the command line, docs/speed.md what is measured and how.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

import metrics
import results
from bench import cli
from bench.exporting import export_as
from bench.plain_table import plain_table
from bench.progress import TrainingProgress
from bench.throughput_group import Limits, extractor_of, run_group
from bench.throughput_options import options_of
from bench.throughput_plan import Group, left_to_do, outcome_in, plan

FAILED = ("fast-but-wrong", "oom", "error", "timeout", "killed", "diverged")


def main(arguments: list[str]) -> int:
    """Time what the command line asks for."""
    options = options_of(arguments)
    groups = plan(options)
    if options.dry_run:
        print(_plan_table(groups, options))
        return cli.OK
    device = groups[0].baseline.settings.device
    names = dict.fromkeys(group.baseline.dataset.name for group in groups)
    extractors = {name: extractor_of(name, options.extractor, device) for name in names}
    store = cli.writable_folder(options.output)
    try:
        _run(groups, store, options, extractors, ["bench.throughput", *arguments])
    finally:
        _show(store, groups, options.format)
    outcomes = [outcome_in(store, cell) for group in groups for cell in group.cells]
    return cli.FAILURES if any(outcome in FAILED for outcome in outcomes) else cli.OK


def _run(
    groups: Sequence[Group],
    store: Path,
    options: argparse.Namespace,
    extractors: dict[str, metrics.Extractor | None],
    command: list[str],
) -> None:
    deadline = float("inf") if options.time_limit is None else time.monotonic() + options.time_limit
    limits = Limits(rounds=options.rounds, deadline=deadline)
    with TrainingProgress(len(groups), quiet=options.quiet) as progress:
        for number, group in enumerate(groups, start=1):
            progress.cell(group.label, 1.0, number)
            todo = left_to_do(group, store, rerun=options.rerun and not limits.reached)
            if not todo:
                progress.say("is timed already; --rerun times it again.")
                continue
            run_group(
                group,
                todo,
                store,
                limits=limits,
                # Once a data set: features do not depend on what is trained.
                extractor=extractors.pop(group.baseline.dataset.name, None),
                command=command,
                say=progress.say,
            )


def _plan_table(groups: Sequence[Group], options: argparse.Namespace) -> str:
    rows = []
    for group in groups:
        todo = left_to_do(group, options.output, rerun=options.rerun)
        for cell in group.cells:
            rows.append(
                {
                    "variant": cell.variant.name,
                    "changed": cell.changed or "–",
                    "dataset": cell.dataset.name,
                    "shape": "x".join(map(str, cell.dataset.shape)),
                    "batch": str(cell.settings.batch_size),
                    "precision": cell.settings.precision,
                    "compile": cell.settings.compile,
                    "to do": "time" if cell in todo else f"done: {outcome_in(options.output, cell)}",
                }
            )
    return f"{plain_table(pd.DataFrame(rows))}\n\n{len(rows)} cells in {len(groups)} groups."


def _show(store: Path, groups: Sequence[Group], export_format: str | None) -> None:
    """Print the table of these cells, and where their rows are."""
    try:
        frame = results.load(store)
    except results.StoreError:  # nothing has been measured
        return
    frame = frame[frame["training_id"].isin([cell.training_id for group in groups for cell in group.cells])]
    if frame.empty:
        return
    table, caption = results.compact_throughput_table(frame)
    print(f"\n{plain_table(table)}\n\n{caption}\n\nrows     {store}{os.sep}throughput-*{os.sep}rows-*.jsonl")
    if export_format is not None:
        print(f"exported {export_as(export_format, frame, table, store.resolve())}")


if __name__ == "__main__":
    sys.exit(cli.call(main))
