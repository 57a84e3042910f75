"""Train variants, score and time them, and show the table: the main job.

    python -m bench.run --variants dcgan,wgan

`bench/run_options.py` has the command line.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import gans
from bench import cli
from bench.estimate import plan_table
from bench.execute import execute
from bench.grid import Cell
from bench.plan import plan
from bench.progress import TrainingProgress
from bench.run_options import parser
from bench.scoring import Scoring
from bench.show import show_list, show_results
from bench.targets import targets_of
from bench.todo import Todo, scored_on_the_way, todo
from bench.trackers import Tracker, tracking


def main(arguments: list[str]) -> int:
    """Run the grid that the command line asks for."""
    options = parser().parse_args(arguments)
    if options.list:
        for name in options.variants or ():
            gans.get(name)  # one that was asked for must be there; of all, a broken one is only a line
        show_list(options.variants or gans.names())
        return cli.OK
    cells, scorings = plan(options)
    targets = targets_of(options.target, options.eval_every, cells, scorings)
    if not options.quiet:
        for note in dict.fromkeys(note for cell in cells for note in cell.dataset.notes):
            print(note, file=sys.stderr)
    if options.dry_run:
        todos = {
            cell.training_id: todo(cell, scorings[cell.dataset.name], options.output, rerun=options.rerun)
            for cell in cells
        }
        print(plan_table(cells, todos))
        return cli.OK
    track = tracking(options.track)
    store = cli.writable_folder(options.output)
    command = ["bench.run", *arguments]
    failures = []
    try:
        with TrainingProgress(len(cells), quiet=options.quiet) as progress:
            for cell in cells:
                outcome, reason = run_cell(
                    cell, scorings[cell.dataset.name], store, options, track, command, progress
                )
                if outcome != "ok":
                    failures.append(cell)
                    progress.say(f"{outcome}: {reason}" if reason else outcome)
    finally:
        show_results(store, cells, scorings, targets, options.format)
    return cli.FAILURES if failures else cli.OK


def run_cell(
    cell: Cell,
    scoring: Scoring,
    store: Path,
    options: argparse.Namespace,
    track: Callable[[Path], Tracker],
    command: list[str],
    progress: TrainingProgress,
) -> tuple[str, str]:
    """Do what is left of one cell; its outcome and the reason for it."""
    progress.cell(label(cell), cell.settings.kimg)
    work: Todo = todo(cell, scoring, store, rerun=options.rerun)
    if work.kind != "train" and options.eval_every is not None and not scored_on_the_way(store / cell.folder):
        progress.say("is trained already; --rerun trains again to score it on the way (--eval-every).")
    if work.kind == "nothing":
        progress.say("is done already; --rerun does it again.")
        return work.outcome, ""
    return execute(
        cell,
        scoring,
        work,
        store,
        eval_every=options.eval_every,
        track=track,
        command=command,
        progress=progress,
    )


def label(cell: Cell) -> str:
    """A cell's name for the progress display; with its settings where the launch varies them."""
    settings = f" with {cell.changed or 'nothing changed'}" if cell.tuning_axes else ""
    return f"{cell.variant.name}{settings} on {cell.dataset.name}, seed {cell.settings.seed}"


if __name__ == "__main__":
    sys.exit(cli.call(main))
