"""Score any pile of images, whatever made it: one table, and rows in a store.

    python -m bench.evaluate --fake samples.npz --real mnist --metrics fid,is,kid,prdc,parzen

`bench/evaluate_options.py` has the command line.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from contextlib import suppress

import metrics
from bench import cli
from bench.errors import InputError
from bench.evaluate_options import parser
from bench.evaluation_rows import write_rows
from bench.evaluation_table import show_scores
from bench.fake_side import FakeSide, fake_side
from bench.member import Member, Plan
from bench.plan import choose_device
from bench.progress import extraction_progress
from bench.real_side import RealSide, real_side
from bench.self_test import run_self_test
from bench.sharded_extraction import ShardedExtractor
from bench.team import Team, is_of_connection, join, leading, said_once


def main(arguments: list[str]) -> int:
    """Evaluate the piles that the command line names."""
    with said_once():
        options = parser().parse_args(arguments)
        if options.self_test and cli.under_torchrun():
            raise InputError("--self-test is for one process; start it without torchrun.")
    team = join(options.device, options.process_timeout)
    if team is not None and team.processes.rank:
        return follow(team, options)
    with leading(team):
        try:
            return _run(options, arguments, team)
        except RuntimeError as error:
            if team is None or not is_of_connection(error):
                raise
            print(f"error: {team.explained(error)}", file=sys.stderr)
            return cli.FAILURES


def follow(team: Team, options: argparse.Namespace) -> int:
    """As a process other than rank 0: load the networks that rank 0 has loaded, and follow."""
    options.quiet = True
    convention, device = metrics.convention_of(options.protocol), choose_device(options.device)

    def plan() -> Plan:
        real = real_side(options, convention, None)
        networks = networks_for(options, metrics.expanded(options.metrics or ()), real, convention, device)
        return [network for network in networks if network is not None], []

    return Member(team, plan, device).follow()


def _run(options: argparse.Namespace, arguments: list[str], team: Team | None) -> int:
    """As rank 0, or as the only process (`team` is None): evaluate, and leave no empty store."""
    made = not options.output.exists()
    try:
        return run_self_test(options) if options.self_test else _evaluate(options, arguments, team)
    finally:
        if made:  # a store in which nothing came to be written is not left behind
            with suppress(OSError):
                options.output.rmdir()


def _evaluate(options: argparse.Namespace, arguments: list[str], team: Team | None) -> int:
    if options.fake is None:
        raise InputError("--fake is needed: a folder, zip or array of images, or a run (or --self-test).")
    names = metrics.expanded(options.metrics or ())
    convention = metrics.convention_of(options.protocol)
    device = choose_device(options.device)
    if options.save_reference is not None:
        _check_save_reference(options, names)
    cli.writable_folder(options.output)
    with extraction_progress(quiet=options.quiet) as progress:
        real = real_side(options, convention, progress("real images"))
        fake = fake_side(options, real, device, team)
        if not options.quiet:
            for note in real.notes:
                print(note, file=sys.stderr)
        networks = networks_for(options, names, real, convention, device)
        if team is not None:
            team.tell("plan")  # what had to be fetched for it is there
            networks = [network and ShardedExtractor(network, team) for network in networks]
        scores = evaluate(options, names, real, fake, networks, progress("generated images"))
    attempt = write_rows(scores, real, fake, options, ["bench.evaluate", *arguments], device)
    show_scores(scores, real, fake, attempt)
    if options.save_reference is not None:  # after the rows: a full disk must not cost them
        (network,) = networks
        assert network is not None, "statistics of features are refused without a network"
        keeps = any(metrics.METRICS[name].keeps_real for name in names)
        metrics.save_statistics(options.save_reference, real.reference.statistics(network, features=keeps))
        print(f"reference {options.save_reference}")
    return cli.OK


def networks_for(
    options: argparse.Namespace,
    names: Sequence[str],
    real: RealSide,
    convention: metrics.Convention,
    device: str,
) -> list[metrics.Extractor | None]:
    """The networks whose features are compared, at least one: None stands for no network.

    Raises
    ------
    InputError, MetricError
        If one cannot be loaded, would not be used, or has the name of another; or if the protocol does not
        have a metric that was named.
    """
    allowed = metrics.METRICS.keys() if convention.metrics is None else convention.metrics
    for name in names:
        if name not in allowed:
            raise InputError(
                f"The protocol {options.protocol} does not say how {name} is computed; it has "
                f"{', '.join(sorted(allowed))}."
            )
    if not any("features" in metrics.METRICS[name].needs for name in names or allowed):
        if options.extractor is not None:
            raise InputError("--extractor is given, but no metric that was asked for needs one.")
        return [None]
    networks = real.extractors(options, convention, device)
    called = [network.name for network in networks]
    if len(set(called)) < len(called):
        raise InputError(
            f"--extractor names several networks called {max(called, key=called.count)}, whose scores "
            "would have one name; evaluate them one after another."
        )
    return [*networks] or [None]


def evaluate(
    options: argparse.Namespace,
    names: Sequence[str],
    real: RealSide,
    fake: FakeSide,
    networks: Sequence[metrics.Extractor | None],
    progress: metrics.Progress,
) -> list[metrics.Score]:
    """Every metric that was asked for, with every network that it can be computed on.

    Raises
    ------
    InputError, MetricError
        If one that was named cannot be computed on any.
    """
    done: dict[str, metrics.Score] = {}
    refusals: dict[str, metrics.MetricError] = {}
    for network in networks:
        possible = _possible(names, network, real, fake, options.protocol, refusals)
        scores = metrics.score(
            fake.pile,
            real.reference,
            [name for name in possible if name not in done],
            labels=fake.labels,
            extractor=network,
            samples=fake.how,
            asked=fake.asked,
            convention=options.protocol,
            progress=progress,
        )
        for score in scores.values():
            # What was noticed about the pile on the way in is recorded with every score, too.
            of_real = real.warnings if metrics.METRICS[metrics.plain_name(score.metric)].compares else ()
            warnings = tuple(dict.fromkeys((*score.warnings, *fake.warnings, *of_real)))
            done[score.metric] = dataclasses.replace(score, warnings=warnings)
    for name in names:
        if name not in map(metrics.plain_name, done):
            raise refusals[name]
    if not done:
        raise InputError(f"Nothing can be scored: {'; '.join(str(why) for why in refusals.values())}.")
    return list(done.values())


def _possible(
    names: Sequence[str],
    network: metrics.Extractor | None,
    real: RealSide,
    fake: FakeSide,
    protocol: str,
    refusals: dict[str, metrics.MetricError],
) -> list[str]:
    """Those of `names` (none: of the usual metrics) that can be computed; the others into `refusals`."""
    usual = [name for name, metric in metrics.METRICS.items() if metric.usual]
    possible = []
    for name in names or usual:
        try:
            if "asked_classes" in metrics.METRICS[name].needs and fake.labels is None:
                raise metrics.MetricError(f"{name} needs the class that each sample was asked for")
            metrics.protocol_of(
                name,
                reference=real.reference,
                n_fake=fake.pile.shape[0],
                extractor=network,
                convention=protocol,
            )
        except metrics.MetricError as refusal:
            refusals.setdefault(name, refusal)
        else:
            possible.append(name)
    return possible


def _check_save_reference(options: argparse.Namespace, names: Sequence[str]) -> None:
    """Refuse what would fail only after everything has been scored, or would be passed over."""
    path = options.save_reference
    if path.suffix != ".npz" or not path.parent.is_dir() or path.is_dir():
        raise InputError(
            f"--save-reference is a file that ends in .npz, in a folder that is there, and not {path}."
        )
    if options.extractor is not None and len(options.extractor) > 1:
        raise InputError("--save-reference holds the statistics of one network; name one --extractor.")
    if names and not any("features" in metrics.METRICS[name].needs for name in names):
        raise InputError("--save-reference keeps statistics of features, and no metric here needs any.")


if __name__ == "__main__":
    sys.exit(cli.call(main, distributed=True))
