"""The command line of `bench.throughput`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import gans
from bench import cli
from bench.exporting import FORMATS
from bench.folders import CACHE_VARIABLE, DATA_VARIABLE
from bench.suite_options import Statable, add_suite, with_parts
from bench.synthetic import IMAGE_SIZE, NAME

DESCRIPTION = """Time training steps in every precision and compile mode that learns the same.

  python -m bench.throughput --variants dcgan,wgan
  python -m bench.throughput --variants dcgan --precision fp32,amp-bf16 --compile off,default
"""

EPILOG = f"""
Every combination of variant, data set and batch size is a group. Eager fp32 is always in it; every other
mode must first agree with it on losses, gradients and weights, or it is recorded as fast-but-wrong and not
timed. The modes of a group are timed in turns, so that their ratios hold on a busy machine. What the store
holds already is skipped. docs/speed.md has what each column is.
Data are looked for in --data-root, else ${DATA_VARIABLE}, else the cache folder (${CACHE_VARIABLE}).
Exit codes: 0 done (unsupported modes are told, and are no failure), 1 a mode was wrong, ran out of memory or
time, or failed, 2 bad input, 130 interrupted."""

ROUNDS = 30

STATABLE = Statable(
    command="bench.throughput",
    of_part=("variants", "dataset", "image-size", "set", "batch-sizes", "precision", "compile"),
    of_all=("extractor", "rounds", "time-limit"),
)


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line, those of each part of its suite in `parts`."""
    return with_parts(parser(), arguments, STATABLE)


def parser() -> cli.Parser:
    """The command line of `bench.throughput`."""
    made = cli.Parser(
        prog="python -m bench.throughput",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    what = made.add_argument_group("what to time")
    add_suite(what)
    what.add_argument(
        "--variants", type=cli.comma_list(str), metavar="A,B", help="names, see bench.run --list"
    )
    what.add_argument(
        "--dataset",
        type=cli.comma_list(str),
        default=[NAME],
        metavar="A,B",
        help=f"names as in bench.run, or {NAME}: random images, 3 channels, 10 classes (default {NAME})",
    )
    what.add_argument(
        "--image-size",
        type=cli.whole_number,
        metavar="PIXELS",
        help=f"side of the images (default: the data set's; of {NAME}, {IMAGE_SIZE})",
    )
    what.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="V.FIELD=X",
        help="change a field of a variant, as in bench.run; may be given again",
    )
    what.add_argument(
        "--batch-sizes", type=cli.comma_list(cli.whole_number), default=[64], metavar="N,M", help="default 64"
    )
    what.add_argument(
        "--extractor",
        metavar="X",
        help="time this network's features on each data set, too, as in bench.run (default: of digits and "
        "mnist the classifier that comes with them)",
    )

    how = made.add_argument_group("in which modes, on what")
    how.add_argument(
        "--precision",
        type=cli.comma_list(str),
        default=["fp32"],
        metavar="P,Q",
        help=f"{', '.join(gans.PRECISIONS)}: fp32 has TF32 off, tf32 needs CUDA (default fp32)",
    )
    how.add_argument(
        "--compile",
        type=cli.comma_list(str),
        default=["off"],
        metavar="M,N",
        help=f"of the whole step: {', '.join(gans.COMPILE_MODES)}; cudagraphs needs CUDA (default off)",
    )
    how.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default auto)")

    long = made.add_argument_group("how long")
    long.add_argument(
        "--rounds",
        type=cli.whole_number,
        default=ROUNDS,
        metavar="N",
        help=f"timed calls of each mode, at least 6; slow steps are timed less often (default {ROUNDS})",
    )
    long.add_argument(
        "--time-limit",
        type=cli.positive,
        metavar="SEC",
        help="begin nothing new after that; what was not reached is recorded as timeout, and the same "
        "command goes on with it",
    )

    where = made.add_argument_group("from where, to where")
    where.add_argument("--data-root", type=Path, metavar="DIR", help="where data sets are read or downloaded")
    where.add_argument(
        "--output", type=Path, default=Path("runs"), metavar="DIR", help="the store (default runs)"
    )
    where.add_argument(
        "--format",
        choices=FORMATS,
        help="also write the rows of these cells (markdown: the table) to a file beside the store",
    )
    where.add_argument("--rerun", action="store_true", help="time even what the store holds already")
    where.add_argument("--quiet", action="store_true", help="no progress, only the table")
    where.add_argument("--dry-run", action="store_true", help="the cells and what is to do; nothing is timed")
    return made
