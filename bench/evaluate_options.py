"""The command line of `bench.evaluate`."""

import argparse
from pathlib import Path

import metrics
from bench import cli
from bench.exporting import FORMATS
from bench.folders import CACHE_VARIABLE, DATA_VARIABLE
from bench.team import add_process_timeout

DESCRIPTION = """Score any pile of images, whatever made it, against real ones.

  python -m bench.evaluate --fake samples.npz --real mnist --metrics fid,is,kid,prdc,parzen
  python -m bench.evaluate --fake pictures --real folder:/data/faces --extractor inception-v3-compat
  python -m bench.evaluate --fake mnist-dcgan-seed0 --real mnist --metrics memorisation
  python -m bench.evaluate --self-test --real mnist
"""

SPLITS = ("test", "validation", "train", "train+validation")


def parser() -> cli.Parser:
    """The command line of `bench.evaluate`."""
    made = cli.Parser(
        prog="python -m bench.evaluate",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=(
            f"metrics:\n{_listed(_metrics())}\n\nprotocols:\n{_listed(_protocols())}\n\n"
            f"Statistics of real images are kept in the cache folder (${CACHE_VARIABLE}), under a hash of\n"
            "everything that decides them. docs/scores.md says what each metric and protocol is.\n"
            "Exit codes: 0 done, 2 bad input, 130 interrupted."
        ),
    )
    piles = made.add_argument_group("what to score, against what")
    piles.add_argument(
        "--fake",
        metavar="PILE",
        help="a folder or zip of pictures, an .npz or .npy array of uint8 images, or a run: its folder, its "
        "checkpoint, or the beginning of its name in the store; needed without --self-test",
    )
    piles.add_argument(
        "--real",
        required=True,
        metavar="PILE",
        help="a data set (mnist, cifar10, folder:PATH, …), a folder, zip or array of pictures, or saved "
        "statistics (.npz with mu and sigma)",
    )
    piles.add_argument(
        "--split",
        choices=SPLITS,
        help="of a data set: which real images (default test, or what --protocol says)",
    )
    piles.add_argument(
        "--samples",
        type=cli.whole_number,
        metavar="N",
        help="of a run: how many to draw (default 10000); of a pile: a random part of it (default: all); of "
        "--self-test: images a pile (default 5000, at most a quarter of the training images)",
    )
    piles.add_argument(
        "--image-size",
        type=cli.whole_number,
        metavar="PIXELS",
        help="cut to squares and resize both sides to this (default: their own size)",
    )
    piles.add_argument("--seed", type=cli.seed, metavar="S", help="of a run's noise (default: the run's own)")

    scores = made.add_argument_group("how")
    scores.add_argument(
        "--metrics",
        type=cli.comma_list(str),
        metavar="A,B",
        help="of the metrics below (default: the usual ones that the piles allow)",
    )
    scores.add_argument(
        "--extractor",
        type=cli.comma_list(str),
        metavar="X,Y",
        help="networks whose features are compared, NAME or NAME:WEIGHTS: inception-v3-compat, "
        "dinov2-vit-l-14, clip-vit-l-14-336px, …, a classifier's .safetensors file, or one registered with "
        "torch-fidelity (default: the data set's own classifier, else Inception)",
    )
    scores.add_argument(
        "--precision",
        choices=metrics.PRECISIONS,
        default=metrics.PRECISIONS[0],
        help="of Inception, DINOv2 and CLIP; bfloat16 can be faster and moves the scores: it is part of the "
        "protocol (default float32)",
    )
    scores.add_argument(
        "--protocol",
        type=_protocol,
        default=metrics.DEFAULT_CONVENTION,
        metavar="NAME",
        help=f"of the protocols below: score as another project does (default {metrics.DEFAULT_CONVENTION})",
    )
    scores.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default auto)")
    add_process_timeout(scores)
    scores.add_argument(
        "--self-test",
        action="store_true",
        help="show what each metric sees of known damage to the real images, and each metric's floor",
    )

    where = made.add_argument_group("from where, to where")
    where.add_argument(
        "--data-root",
        type=Path,
        metavar="DIR",
        help=f"where data sets are read or downloaded (default ${DATA_VARIABLE}, or the cache)",
    )
    where.add_argument(
        "--output", type=Path, default=Path("runs"), metavar="DIR", help="the store (default runs)"
    )
    where.add_argument(
        "--name", metavar="NAME", help="of the generated pile, in tables (default: its file's)"
    )
    where.add_argument(
        "--how", metavar="WORDS", help="how it was made (EMA, truncation, …): part of the protocol"
    )
    where.add_argument(
        "--save-reference", type=Path, metavar="FILE", help=".npz to keep the real side's statistics in"
    )
    where.add_argument(
        "--format",
        choices=FORMATS,
        help="also write these rows (markdown: a table) to a file beside them",
    )
    where.add_argument("--quiet", action="store_true", help="no progress, only the table")
    return made


def _metrics() -> dict[str, str]:
    """Which way of each metric is better, and what it is, in a line; of which metrics a group is."""
    return {
        name: f"{'↓' if metric.better == 'lower' else '↑'} {metric.summary}"
        for name, metric in metrics.METRICS.items()
    } | {name: f"  {', '.join(members)}" for name, members in metrics.GROUPS.items()}


def _protocols() -> dict[str, str]:
    """Whose figures each named protocol reproduces, in a line."""
    return {name: convention.summary for name, convention in metrics.CONVENTIONS.items()}


def _listed(lines: dict[str, str]) -> str:
    # argparse takes % for one of its own.
    return "\n".join(f"  {name:<19} {line.replace('%', '%%')}" for name, line in lines.items())


def _protocol(name: str) -> str:
    """An argparse type: the name of a named protocol."""
    try:
        metrics.convention_of(name)
    except metrics.MetricError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return name
