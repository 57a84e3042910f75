"""Train variants, score and time them, and show the table: the main job.

python -m bench.run --variants dcgan,wgan
python -m bench.run --variants dcgan,wgan --dataset mnist --seeds 0-4 --kimg 200 --eval-every 20
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

import gans
import metrics
import results
from bench import cli, datasets
from bench.classifiers import extractor_for
from bench.datasets import Dataset
from bench.errors import InputError
from bench.estimate import plan_table
from bench.execute import Todo, execute, todo
from bench.folders import CACHE_VARIABLE, DATA_VARIABLE, data_folder
from bench.grid import Cell, expand, require_trainable, with_changes
from bench.pictures import is_image_shape
from bench.plain_table import plain_table
from bench.progress import TrainingProgress
from bench.scoring import Scoring

DEFAULT_KIMG = 128.0


def parser() -> cli.Parser:
    """The command line of `bench.run`."""
    made = cli.Parser(
        prog="python -m bench.run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
        epilog=(
            "Every combination of variants, data sets, seeds, batch sizes, precisions and compile modes\n"
            "is a cell. A cell that the store holds already is skipped; a new metric scores its checkpoint\n"
            f"without training. Data are looked for in --data-root, else ${DATA_VARIABLE}, else the cache\n"
            f"folder (${CACHE_VARIABLE}).\n"
            "Exit codes: 0 done, 1 done with failures, 2 bad input, 130 interrupted."
        ),
    )
    what = made.add_argument_group("what to train")
    what.add_argument("--variants", type=cli.comma_list(str), metavar="A,B", help="names, see --list")
    what.add_argument(
        "--dataset",
        type=cli.comma_list(str),
        default=["digits"],
        metavar="A,B",
        help="names (default digits)",
    )
    what.add_argument("--seeds", type=cli.seeds, default=[0], metavar="0-4", help="seeds (default 0)")
    what.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="V.FIELD=X",
        help="change a field of a variant, as wgan.n_critic=3 or dcgan.lr=1e-4; FIELD=X changes every "
        "chosen variant that has it; --list shows the fields; may be given again",
    )
    what.add_argument(
        "--image-size",
        type=cli.whole_number,
        metavar="PIXELS",
        help="side of the images (default: the data set's)",
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

    how = made.add_argument_group("on what, and in which arithmetic")
    how.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default auto)")
    how.add_argument(
        "--precision",
        type=cli.comma_list(str),
        default=["fp32"],
        metavar="P",
        help=f"{', '.join(gans.PRECISIONS)} (default fp32: TF32 off)",
    )
    how.add_argument(
        "--compile",
        type=cli.comma_list(str),
        default=["off"],
        metavar="MODE",
        help=f"torch.compile of the whole step: {', '.join(gans.COMPILE_MODES)} (default off)",
    )

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
        "--extractor",
        metavar="X",
        help="features for fid and is: inception-v3-compat[:WEIGHTS], or a classifier's .safetensors file "
        "(default: the data set's own classifier)",
    )

    where = made.add_argument_group("from where, to where")
    where.add_argument("--data-root", type=Path, metavar="DIR", help="where data sets are read or downloaded")
    where.add_argument(
        "--output", type=Path, default=Path("runs"), metavar="DIR", help="the store (default runs)"
    )
    where.add_argument(
        "--format",
        choices=("csv", "parquet", "markdown", "json"),
        help="also write the store's rows (markdown: the table) to a file beside it",
    )
    where.add_argument("--rerun", action="store_true", help="train even what the store holds already")
    where.add_argument("--quiet", action="store_true", help="no progress, only the table")

    look = made.add_argument_group("look only")
    look.add_argument(
        "--list", action="store_true", help="variants and data sets, a line each, and the fields"
    )
    look.add_argument(
        "--dry-run", action="store_true", help="the cells and an estimate of their time; no training"
    )
    return made


def main(arguments: list[str]) -> int:
    """Run the grid that the command line asks for."""
    options = parser().parse_args(arguments)
    if options.list:
        show_list(options.variants or gans.names())
        return cli.OK
    cells, scorings = plan(options)
    if options.dry_run:
        done = {cell.training_id: todo(cell, scorings[cell.dataset.name], options.output) for cell in cells}
        print(plan_table(cells, done))
        return cli.OK
    store = cli.writable_folder(options.output)
    command = ["bench.run", *arguments]
    failures = []
    try:
        with TrainingProgress(len(cells), quiet=options.quiet) as progress:
            for cell in cells:
                outcome, reason = run_cell(
                    cell, scorings[cell.dataset.name], store, options, command, progress
                )
                if outcome != "ok":
                    failures.append(cell)
                    progress.say(f"{outcome}: {reason}" if reason else outcome)
    finally:
        show_results(store, cells, scorings, options.format)
    return cli.FAILURES if failures else cli.OK


def plan(options: argparse.Namespace) -> tuple[list[Cell], dict[str, Scoring]]:
    """All cells and how each data set's samples are scored; whatever is wrong is found here."""
    if not options.variants:
        raise InputError("--variants is needed, as in --variants dcgan,wgan; --list shows what there is.")
    if options.kimg is not None and options.epochs is not None:
        raise InputError("--kimg and --epochs both set the budget; give one of them.")
    if options.metrics and "none" in options.metrics and len(options.metrics) > 1:
        raise InputError("--metrics none cannot stand beside other metrics.")
    names = () if options.metrics == ["none"] else tuple(options.metrics or ())
    metrics.check_names(names)
    variants = [gans.get(name) for name in options.variants]
    sources = [datasets.get(name) for name in options.dataset]
    device = choose_device(options.device)
    root = options.data_root or data_folder()
    cells: list[Cell] = []
    scorings: dict[str, Scoring] = {}
    for source in sources:
        recipes = with_changes(variants, options.set, dict(source.recipe_fields))
        dataset = source.load(root, options.image_size or source.image_size)
        kimg = options.kimg or DEFAULT_KIMG
        if options.epochs is not None:
            kimg = options.epochs * len(dataset.train.samples) / 1000
        if options.eval_every is not None and options.eval_every > kimg:
            raise InputError(f"--eval-every {options.eval_every:g} is more than the budget of {kimg:g} kimg.")
        cells += expand(
            recipes,
            [dataset],
            seeds=options.seeds,
            batch_sizes=options.batch_size,
            precisions=options.precision,
            compile_modes=options.compile,
            kimg=kimg,
            device=device,
        )
        scorings[source.name] = scoring_for(dataset, names, options, device)
    require_trainable(cells)
    for cell in cells:  # a protocol that cannot be met is known before anything is trained
        scorings[cell.dataset.name].protocols(cell)
    return sorted(cells, key=lambda cell: cell.settings.seed), scorings


def scoring_for(
    dataset: Dataset, names: tuple[str, ...], options: argparse.Namespace, device: str
) -> Scoring:
    """How samples of one data set are scored: what was asked for, or all that the data allow."""
    extractor = None
    if options.metrics is None or any(name != "parzen" for name in names):
        if is_image_shape(dataset.shape):
            extractor = extractor_for(dataset, options.extractor, device)
    elif options.extractor is not None:
        raise InputError("--extractor is given, but no metric that was asked for needs one.")
    if options.metrics is None:
        names = tuple(metrics.METRICS) if extractor is not None else ("parzen",)
        if extractor is not None and extractor.class_names is None:
            names = tuple(name for name in names if name != "min_class_share")
    reference = metrics.Reference(
        f"{dataset.name}/test@{dataset.fingerprint}", dataset.test.samples, dataset.validation.samples
    )
    return Scoring(names=names, n_samples=options.samples, extractor=extractor, reference=reference)


def choose_device(name: str) -> str:
    """`auto` is a CUDA device if there is one; anything else is checked."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise InputError(f"There is no device {name!r}; there are auto, cpu, cuda and cuda:N.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device on this machine; leave --device out to use the CPU.")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise InputError(f"There are only {torch.cuda.device_count()} CUDA devices, so no {name}.")
    return name


def run_cell(
    cell: Cell,
    scoring: Scoring,
    store: Path,
    options: argparse.Namespace,
    command: list[str],
    progress: TrainingProgress,
) -> tuple[str, str]:
    """Do what is left of one cell; its outcome and the reason for it."""
    progress.cell(label(cell), cell.settings.kimg)
    work: Todo = todo(cell, scoring, store, rerun=options.rerun)
    if work.work != "train" and options.eval_every is not None:
        progress.say("is trained already; --rerun trains again to score it on the way (--eval-every).")
    if work.work == "nothing":
        progress.say("is done already; --rerun does it again.")
        return work.outcome, ""
    return execute(
        cell, scoring, work, store, eval_every=options.eval_every, command=command, progress=progress
    )


def label(cell: Cell) -> str:
    """A cell's name for the progress display."""
    return f"{cell.variant.name} on {cell.dataset.name}, seed {cell.settings.seed}"


def show_results(
    store: Path, cells: Sequence[Cell], scorings: dict[str, Scoring], export_format: str | None
) -> None:
    """Print the table of these cells under these protocols, and where rows and pictures are."""
    try:
        frame = results.load(store)
    except results.StoreError:  # nothing has been measured
        return
    frame = frame[frame["training_id"].isin([cell.training_id for cell in cells])]
    if frame.empty:
        return
    asked = {p.hash for cell in cells for p in scorings[cell.dataset.name].protocols(cell).values()}
    table, caption = results.compact_table(
        frame[(frame["phase"] != "score") | frame["protocol_hash"].isin(asked)]
    )
    print(f"\n{plain_table(table)}\n\n{caption}\n\nrows     {store}{os.sep}*{os.sep}rows-*.jsonl")
    for cell in cells:
        grid = store / cell.folder / "samples.png"
        if grid.exists():
            print(f"samples  {grid}")
    if export_format is not None:
        suffix = {"markdown": "md"}.get(export_format, export_format)
        path = store.with_name(f"{store.name}.{suffix}")
        results.export(table if export_format == "markdown" else frame, path)
        print(f"exported {path}")


def show_list(variants: Sequence[str]) -> None:
    """Print every variant and data set, a line each, and the fields that `--set` can change."""
    for title, rows in (
        ("Variants", [(name, describe(name)) for name in variants]),
        (
            "Data sets",
            [
                (s.name, f"{s.summary}. Licence: {s.licence}. Source: {s.origin}")
                for s in map(datasets.get, datasets.names())
            ],
        ),
        ("Fields for --set", [(name, fields(name)) for name in variants]),
    ):
        print(title)
        for name, text in rows:
            print(f"  {name:<10} {text}")


def describe(name: str) -> str:
    """One line about a variant, also if the package that offers it is broken."""
    try:
        variant = gans.get(name)
    except gans.VariantError as error:
        return str(error)
    return f"{variant.summary} ({variant.reference})"


def fields(name: str) -> str:
    """The fields of a variant with their values."""
    try:
        return "  ".join(f"{path}={value}" for path, value in gans.field_values(gans.get(name)).items())
    except gans.VariantError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(cli.call(main))
