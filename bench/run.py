"""Train variants, score and time them, and show the table: the main job.

    python -m bench.run --variants dcgan,wgan

`bench/run_options.py` has the command line.
"""

import sys

import gans
from bench import cli
from bench.estimate import plan_table
from bench.failures import show_failures
from bench.launch import ELSEWHERE, LAUNCHERS, Ended, job_of
from bench.plan import plan
from bench.run_options import parser
from bench.show import show_list, show_results
from bench.stopping import Stopping
from bench.targets import targets_of
from bench.todo import todo


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
    job = job_of(cells, scorings, options, arguments)
    cli.writable_folder(job.store)
    ended: list[Ended] = []
    try:
        with Stopping(again=job.again) as stopping:
            for end in LAUNCHERS[options.launcher](job, stopping):
                ended.append(end)
    finally:
        show_failures(job, ended)
        show_results(job.store, cells, scorings, targets, options.format)
    return cli.OK if all(end.outcome in ("ok", ELSEWHERE) for end in ended) else cli.FAILURES


if __name__ == "__main__":
    sys.exit(cli.call(main))
