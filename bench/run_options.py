"""The command line of `bench.run`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import gans
import metrics
from bench import cli
from bench.exporting import FORMATS
from bench.folders import CACHE_VARIABLE, DATA_VARIABLE
from bench.launch.launchers import LAUNCHERS
from bench.plan import DEFAULT_KIMG
from bench.suite_options import Statable, add_suite, with_parts
from bench.targets import target
from bench.team import add_process_timeout
from bench.trackers import BACKENDS

DESCRIPTION = """Train variants, score and time them, and show the table.

  python -m bench.run --variants dcgan,wgan
  python -m bench.run --variants dcgan,wgan --dataset mnist --seeds 0-4 --kimg 200 --eval-every 20
  python -m bench.run --suite modes
"""

STATABLE = Statable(
    command="bench.run",
    of_part=(
        *("variants", "dataset", "seeds", "set", "image-size", "kimg", "epochs", "batch-size"),
        *("precision", "compile", "metrics", "samples", "extractor"),
    ),
    of_all=("eval-every", "target", "timeout"),
)


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line, those of each part of its suite in `parts`."""
    return with_parts(parser(), arguments, STATABLE)


def parser() -> cli.Parser:
    """The command line of `bench.run`."""
    made = cli.Parser(
        prog="python -m bench.run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=(
            "Every combination of variants, settings, data sets, seeds, batch sizes, precisions and compile\n"
            "modes is a cell. A cell that the store holds already is skipped; a new metric scores its\n"
            f"checkpoint without training. Data are looked for in --data-root, else ${DATA_VARIABLE}, else\n"
            f"the cache folder (${CACHE_VARIABLE}).\n"
            "One training on several devices: torchrun --nproc-per-node N -m bench.run …; grids on several\n"
            "devices and on clusters: --launcher. docs/scaling.md has both.\n"
            "Exit codes: 0 done, 1 done with failures, 2 bad input or a store that can't be written, 130\n"
            "interrupted (143 by SIGTERM, 129 by SIGHUP)."
        ),
    )
    what = made.add_argument_group("what to train")
    add_suite(what)
    what.add_argument("--variants", type=cli.comma_list(str), metavar="A,B", help="names, see --list")
    what.add_argument(
        "--dataset",
        type=cli.comma_list(str),
        default=["digits"],
        metavar="A,B",
        help="names, or folder:PATH for your own pictures; see --list (default digits)",
    )
    what.add_argument("--seeds", type=cli.seeds, default=[0], metavar="0-4", help="seeds (default 0)")
    what.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="V.FIELD=X",
        help="change a field of a variant, as wgan.n_critic=3 or dcgan.lr=1e-4; FIELD=X changes every "
        "chosen variant that has it; dcgan.lr=1e-4,2e-4 trains each value; --list shows the fields; may be "
        "given again",
    )
    what.add_argument(
        "--image-size",
        type=cli.whole_number,
        metavar="PIXELS",
        help="side of the images (default: the data set's; of a folder, what suits its pictures, up to 64 or "
        "their common size)",
    )

    budget = made.add_argument_group("how long")
    budget.add_argument(
        "--kimg",
        type=cli.positive,
        metavar="K",
        help=f"generator steps × batch / 1000, for each cell (default {DEFAULT_KIMG:g})",
    )
    budget.add_argument(
        "--epochs",
        type=cli.positive,
        metavar="E",
        help="the same in passes: kimg = E × training images / 1000",
    )
    budget.add_argument(
        "--batch-size", type=cli.comma_list(cli.whole_number), default=[64], metavar="N", help="default 64"
    )
    budget.add_argument(
        "--timeout",
        type=cli.positive,
        metavar="SEC",
        help="end a cell that takes longer, with a checkpoint; the same command goes on from there",
    )

    how = made.add_argument_group("on what, and in which arithmetic")
    how.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default auto)")
    how.add_argument(
        "--precision",
        type=cli.comma_list(str),
        default=["fp32"],
        metavar="P",
        help=f"{', '.join(gans.PRECISIONS)}: fp32 has TF32 off, tf32 needs CUDA (default fp32)",
    )
    how.add_argument(
        "--compile",
        type=cli.comma_list(str),
        default=["off"],
        metavar="MODE",
        help=f"of the whole step: {', '.join(gans.COMPILE_MODES)}; cudagraphs needs CUDA (default off)",
    )

    where = made.add_argument_group("where cells run")
    where.add_argument(
        "--launcher",
        choices=tuple(LAUNCHERS),
        default="here",
        help="here: one after the other in this process (default); local: each in a process of its own, so "
        "that a crash ends one cell and not the launch, for some seconds a cell; ray: as tasks of a Ray "
        "cluster; slurm: as jobs of a Slurm cluster",
    )
    where.add_argument(
        "--jobs",
        type=cli.whole_number,
        metavar="N",
        help="how many cells run, or wait on a cluster, at once; local: this machine's GPUs, or its "
        "processors, are dealt out to them (default: local 1, ray what the cluster has room for, slurm 100)",
    )
    where.add_argument(
        "--gpus-per-cell",
        type=cli.positive,
        metavar="N",
        help="ray, slurm: GPUs to reserve for each cell, which trains on one of them; ray: .5 lets two cells "
        "share one (default: none, and cells train on the CPU)",
    )
    where.add_argument(
        "--cpus-per-cell",
        type=cli.whole_number,
        metavar="N",
        help="ray, slurm: processors to reserve for each cell, which has as many threads unless "
        "$OMP_NUM_THREADS is set (default 1)",
    )
    where.add_argument(
        "--ray-address",
        metavar="HOST:PORT",
        help="ray: the cluster's head (default: $RAY_ADDRESS, else the cluster that this machine is part of, "
        "else a new one of this machine alone)",
    )
    where.add_argument(
        "--slurm",
        type=cli.comma_list(cli.key_value),
        metavar="KEY=VALUE,…",
        help="slurm: what each job asks for, as submitit names it: partition=gpu,timeout_min=600,mem_gb=32; "
        "cluster=local runs the jobs on this machine, without Slurm",
    )
    add_process_timeout(where)

    scores = made.add_argument_group("what to score")
    scores.add_argument(
        "--metrics",
        type=cli.comma_list(str),
        metavar="A,B",
        help=f"of {', '.join(metrics.METRICS)}, or none (default: all that the data allow)",
    )
    scores.add_argument(
        "--samples",
        type=cli.whole_number,
        default=10_000,
        metavar="N",
        help="samples to score (default 10000)",
    )
    scores.add_argument(
        "--eval-every",
        type=cli.positive,
        metavar="K",
        help="score and draw a picture every K kimg too, from 0 on",
    )
    scores.add_argument(
        "--target",
        type=cli.comma_list(target),
        default=[],
        metavar="M=X,…",
        help="with --eval-every: also show when each score first passed this value and stayed, as "
        "fid=60,is=8; of finished runs without training",
    )
    scores.add_argument(
        "--extractor",
        metavar="X",
        help="network whose features and classes every metric with an @ in its name is computed on: "
        "inception-v3-compat[:WEIGHTS], or a classifier's .safetensors file (default: a small classifier of "
        "the data set's own classes)",
    )

    where = made.add_argument_group("from where, to where")
    where.add_argument("--data-root", type=Path, metavar="DIR", help="where data sets are read or downloaded")
    where.add_argument(
        "--skip-damaged",
        action="store_true",
        help="of a folder: leave out pictures that cannot be read, and count them in the rows",
    )
    where.add_argument(
        "--stream",
        choices=("auto", "always", "never"),
        help="decode a folder's training pictures anew whenever they are needed: if they would not fit in "
        "memory (auto, the default), always or never; what is learned is the same",
    )
    where.add_argument(
        "--workers",
        type=cli.whole_number,
        metavar="N",
        help="threads that decode a folder's pictures (default: one a processor, up to 8)",
    )
    where.add_argument(
        "--output", type=Path, default=Path("runs"), metavar="DIR", help="the store (default runs)"
    )
    where.add_argument(
        "--format",
        choices=FORMATS,
        help="also write the rows of these cells (markdown: the table) to a file beside the store",
    )
    where.add_argument(
        "--track",
        choices=tuple(BACKENDS),
        help="also tell trainings to this while they go on; tensorboard: event files in each run's folder",
    )
    where.add_argument("--rerun", action="store_true", help="train even what the store holds already")
    where.add_argument(
        "--checkpoint-every",
        type=cli.positive,
        default=300.0,
        metavar="SEC",
        help="save where a training stands after so many seconds, at its next monitors (default 300)",
    )
    where.add_argument(
        "--keep-checkpoints",
        type=cli.whole_number,
        default=2,
        metavar="N",
        help="of each training keep the N newest files, the final one among them (default 2)",
    )
    where.add_argument("--quiet", action="store_true", help="no progress, only the table")

    look = made.add_argument_group("look only")
    look.add_argument(
        "--list", action="store_true", help="variants, data sets and suites, a line each, and the fields"
    )
    look.add_argument(
        "--dry-run", action="store_true", help="the cells and an estimate of their time; no training"
    )
    return made
