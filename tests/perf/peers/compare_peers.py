"""Times one DCGAN iteration of well-known implementations beside ours: see README.md."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from adapters import examples, mimicry, studiogan, torchbench, torchgan
from comparison_table import Missing, table
from contestant import Contestant, Failed, OurContestant, PeerContestant, our_name
from work import Work

import gans
from bench.provenance import device_name
from bench.timing import Timing, alternate

PEERS = (examples.PEER, torchbench.PEER, studiogan.PEER, mimicry.PEER, torchgan.PEER)
REFERENCE = ("fp32", "off")


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit code 1 if somebody could not be timed."""
    parser = argparse.ArgumentParser(description=__doc__)
    for peer in PEERS:
        parser.add_argument(f"--{peer.option}", type=folder, metavar="DIR", help=f"checkout of {peer.name}")
    parser.add_argument("--precision", type=chosen(gans.PRECISIONS), default=["fp32"], metavar="A,B")
    parser.add_argument("--compile", type=chosen(gans.COMPILE_MODES), default=["off"], metavar="A,B")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--max-sec", type=float, default=120.0, help="of the rounds; at least 6 are made")
    parser.add_argument("--iterations", type=int, default=1, help="of each in a round")
    options = parser.parse_args(arguments)

    modes = [(p, c) for p in options.precision for c in options.compile]
    if REFERENCE not in modes:
        modes.insert(0, REFERENCE)
    with tempfile.TemporaryDirectory() as scratch:
        made: dict[str, Callable[[], Contestant]] = {}
        work = Work(batch_size=options.batch_size, device=options.device, folder=Path(scratch))
        for mode in modes:
            made[our_name(*mode)] = partial(OurContestant, *mode, work, options.iterations)
        for peer in PEERS:
            if (checkout := getattr(options, peer.option)) is not None:
                own = replace(work, folder=work.folder / peer.option)
                own.folder.mkdir()
                made[peer.name] = partial(PeerContestant, peer, checkout, own, options.iterations)
        contestants, missing = begin(made)
        try:
            timings = time_all(contestants, missing, options.device, options.rounds, options.max_sec)
        finally:
            for contestant in contestants.values():
                contestant.close()
    threads = f", threads {torch.get_num_threads()}" if options.device == "cpu" else ""
    print(f"{device_name(options.device)}{threads}, torch {torch.__version__}")
    reference = our_name(*REFERENCE)
    if reference not in timings:
        print(*(f"{row.name}: {row.reason}" for row in missing), sep="\n", file=sys.stderr)
        return 1
    rounds = len(timings[reference].seconds)
    print(
        f"batch {options.batch_size}, rounds {rounds}, iterations of each in a round {options.iterations}\n"
    )
    print(table(contestants, timings, reference, missing))
    return 1 if missing else 0


def begin(made: dict[str, Callable[[], Contestant]]) -> tuple[dict[str, Contestant], list[Missing]]:
    """Everybody who gets through two turns, and those who don't."""
    contestants, missing = {}, []
    for name, make in made.items():
        print(f"{name} …", file=sys.stderr)
        try:
            contestants[name] = make()
        except Failed as failed:
            missing.append(Missing(name=name, reason=failed.reason))
    return contestants, missing


def time_all(
    contestants: dict[str, Contestant], missing: list[Missing], device: str, rounds: int, max_sec: float
) -> dict[str, Timing]:
    """Time those who can go on; who fails on the way is reported, and the others start anew."""
    while contestants:
        try:
            calls = {name: contestant.turn for name, contestant in contestants.items()}
            return alternate(calls, device=device, rounds=rounds, max_sec=max_sec)
        except Failed as failed:
            contestants.pop(failed.contestant.name).close()
            missing.append(Missing(name=failed.contestant.name, reason=failed.reason))
    return {}


def folder(text: str) -> Path:
    """An option's checkout."""
    path = Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return path


def chosen(names: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Type of an option that lists some of `names`."""

    def parse(text: str) -> list[str]:
        for name in text.split(","):
            if name not in names:
                raise argparse.ArgumentTypeError(f"there is no {name!r}; there are {', '.join(names)}")
        return text.split(",")

    return parse


if __name__ == "__main__":
    sys.exit(main())
