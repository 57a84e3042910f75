"""Train variants, score and time them, and show the table: the main job.

    python -m bench.run --variants dcgan,wgan

`bench/run_options.py` has the command line.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress

import gans
from bench import cli
from bench.errors import InputError
from bench.estimate import plan_table
from bench.failures import show_failures
from bench.grid import Cell
from bench.launch.job import ELSEWHERE, Ended, job_of, last_attempts
from bench.launch.launchers import Launcher, launcher_for
from bench.member import Member, Plan
from bench.plan import choose_device, plan
from bench.run_options import options_of
from bench.sharded_extraction import sharded
from bench.show import show_list, show_results
from bench.stopping import Stopping
from bench.targets import targets_of
from bench.team import Team, is_first, join, leading, said_once
from bench.todo import todo
from gans.trainer import require_shareable


def main(arguments: list[str]) -> int:
    """Run the grid that the command line asks for."""
    with said_once():
        options = options_of(arguments)
    if (options.list or options.dry_run) and not is_first():
        return cli.OK
    if options.list:
        for name in options.variants or ():
            gans.get(name)  # one that was asked for must be there; of all, a broken one is only a line
        show_list(options.variants or gans.names())
        return cli.OK
    with said_once():
        launch = launcher_for(options)
        if cli.under_torchrun() and options.launcher != "here":
            raise InputError("Under torchrun cells run in its own processes: leave --launcher out.")
    if options.dry_run:
        return _run(options, arguments, launch, None)
    team = join(options.device, options.process_timeout)
    if team is not None and team.processes.rank:
        return follow(team, options)
    with leading(team):
        return _run(options, arguments, launch, team)


def follow(team: Team, options: argparse.Namespace) -> int:
    """As a process other than rank 0: make the plan that rank 0 has made, and follow."""
    options.quiet = True

    def own_plan() -> Plan:
        cells, scorings = plan(options)
        return [scoring.extractor for scoring in scorings.values() if scoring.extractor is not None], cells

    return Member(team, own_plan, choose_device(options.device)).follow()


def require_shares(cells: Sequence[Cell], team: Team) -> None:
    """Raise VariantError if a batch has not a sample for each process."""
    for cell in cells:
        with suppress(gans.Unsupported):  # which is of a cell, and its row
            require_shareable(cell.settings, team.processes)


def _run(options: argparse.Namespace, arguments: list[str], launch: Launcher, team: Team | None) -> int:
    """As rank 0, or as the only process (`team` is None): run the grid and show the results."""
    cells, scorings = plan(options)
    if team is not None:
        require_shares(cells, team)
        team.tell("plan")  # what had to be fetched for it is there
        scorings = {name: sharded(scoring, team) for name, scoring in scorings.items()}
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
    job = job_of(cells, scorings, options, arguments, last_attempts(cells, options.output), team)
    cli.writable_folder(job.store)
    ended: list[Ended] = []
    try:
        with Stopping(again=job.again) as stopping:
            if team is not None:
                team.stopping = stopping
            for end in launch(job, stopping):
                ended.append(end)
                if team is not None and team.broken:
                    print(
                        "The processes are apart, and the run ends; the same command goes on from there.",
                        file=sys.stderr,
                    )
                    break
    finally:
        show_failures(job, ended)
        show_results(job.store, cells, scorings, targets, options.format)
    return cli.OK if all(end.outcome in ("ok", ELSEWHERE) for end in ended) else cli.FAILURES


if __name__ == "__main__":
    sys.exit(cli.call(main, distributed=True))
