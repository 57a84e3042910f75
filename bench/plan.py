"""From a command line to cells: everything that can be wrong is found here, before anything is trained."""

import argparse
import re
import warnings
from collections.abc import Sequence

import torch

import gans
import metrics
from bench import datasets
from bench.classifiers import extractor_for
from bench.datasets import Dataset, Reading, Source
from bench.errors import InputError
from bench.folders import data_folder
from bench.grid import Cell, expand, require_trainable
from bench.launch.launchers import CLUSTERS
from bench.pictures import is_image_shape
from bench.scoring import Scoring, needs_asked_classes, references_of
from bench.setting_axes import recipes_of

DEFAULT_KIMG = 128.0
MAX_IMAGE_SIZE = 1024  # enlarging a whole data set further fills the memory before any network is asked


def plan(options: argparse.Namespace) -> tuple[list[Cell], dict[str, Scoring]]:
    """All cells, and how each data set's samples are scored."""
    if not options.variants:
        raise InputError("--variants is needed, as in --variants dcgan,wgan; --list shows what there is.")
    if options.kimg is not None and options.epochs is not None:
        raise InputError("--kimg and --epochs both set the budget; give one of them.")
    if options.image_size is not None and options.image_size > MAX_IMAGE_SIZE:
        raise InputError(f"--image-size {options.image_size} is more than {MAX_IMAGE_SIZE} pixels.")
    if options.metrics and "none" in options.metrics and len(options.metrics) > 1:
        raise InputError("--metrics none cannot stand beside other metrics.")
    names = () if options.metrics == ["none"] else metrics.expanded(options.metrics or ())
    variants = [gans.get(name) for name in options.variants]
    sources = sources_of(options.dataset)
    reading = reading_of(options, sources)
    device = choose_device(options.device)
    of_cells = device_of_cells(options, device)
    root = options.data_root or data_folder()
    cells: list[Cell] = []
    scorings: dict[str, Scoring] = {}
    for source in sources:
        if options.image_size is not None and source.image_size is None:
            raise InputError(f"{source.name} holds points, which have no size; leave --image-size out.")
        recipes = recipes_of(variants, options.set, dict(source.recipe_fields))
        dataset = source.load(root, options.image_size, reading)
        if dataset.name in scorings:
            raise InputError(
                f"Two data sets are called {dataset.name}, and a table could not tell them apart: rename a "
                "folder, or give the two in separate runs."
            )
        kimg = options.kimg or DEFAULT_KIMG
        if options.epochs is not None:
            kimg = options.epochs * len(dataset.train.samples) / 1000
        if options.eval_every is not None and options.eval_every > kimg:
            raise InputError(f"--eval-every {options.eval_every:g} is more than the budget of {kimg:g} kimg.")
        cells += expand(
            recipes,
            dataset,
            seeds=options.seeds,
            batch_sizes=options.batch_size,
            precisions=options.precision,
            compile_modes=options.compile,
            kimg=kimg,
            device=of_cells,
        )
        scorings[dataset.name] = scoring_for(dataset, names, options, device)
    require_trainable(cells)
    require_conditional(cells, names)
    for cell in cells:  # a protocol that cannot be met is known before anything is trained
        scorings[cell.dataset.name].protocols(cell)
    # Seeds vary slowest, so that an interrupted grid compares like with like.
    return sorted(cells, key=lambda cell: cell.settings.seed), scorings


def require_conditional(cells: Sequence[Cell], names: Sequence[str]) -> None:
    """Raise InputError for a score of asked classes, named by the user, that no cell can have."""
    for name in names:
        if needs_asked_classes(name) and not any(cell.variant.conditional for cell in cells):
            asked = ", ".join(dict.fromkeys(cell.variant.name for cell in cells))
            raise InputError(
                f"{name} needs samples of a class that was asked for, and no variant of {asked} can be asked "
                "for one; --set VARIANT.conditioning=joined makes one conditional."
            )


def sources_of(spelled: Sequence[str]) -> list[Source]:
    """The data sets that `--dataset` names."""
    sources: list[Source] = []
    for name in spelled:
        try:
            sources.append(datasets.get(name))
        except InputError as unknown:
            if sources and sources[-1].argument and ":" not in name:
                raise InputError(
                    f"{unknown} (A comma ends a path, too: a folder with one in its name is given by a link.)"
                ) from unknown
            raise
    return sources


def reading_of(options: argparse.Namespace, sources: Sequence[Source]) -> Reading:
    """How pictures in files are read; options about that need a data set that consists of such files."""
    asked = {
        "skip_damaged": options.skip_damaged or None,
        "stream": options.stream,
        "workers": options.workers,
    }
    given = {field: value for field, value in asked.items() if value is not None}
    for field in given:
        if not any(source.reads_pictures for source in sources):
            raise InputError(
                f"--{field.replace('_', '-')} is given, but no data set that was asked for is a folder of "
                "pictures, folder:PATH."
            )
    return Reading(**given)


def scoring_for(
    dataset: Dataset, names: tuple[str, ...], options: argparse.Namespace, device: str
) -> Scoring:
    """How samples of one data set are scored: what was asked for, or all that the data allow."""
    extractor = None
    if options.metrics is None or any("features" in metrics.METRICS[name].needs for name in names):
        if is_image_shape(dataset.shape):
            extractor = extractor_for(dataset, options.extractor, device, quiet=options.quiet)
            if extractor is not None and extractor.caveat is not None:
                warnings.warn(f"{extractor.caveat}; --extractor names another.", stacklevel=2)
    elif options.extractor is not None:
        raise InputError("--extractor is given, but no metric that was asked for needs one.")
    if options.metrics is None:
        names = all_possible(dataset, extractor)
    return Scoring(
        names=names, n_samples=options.samples, extractor=extractor, references=references_of(dataset)
    )


def all_possible(dataset: Dataset, extractor: metrics.Extractor | None) -> tuple[str, ...]:
    """Every usual metric that this data set and extractor allow; a warning says what the rest lack."""
    possible = set() if dataset.modes is None else {"modes"}
    if dataset.test.labels is not None:
        possible |= {"asked_classes"}  # `Scoring.names_for` leaves them to conditional variants
    if extractor is not None:
        possible |= {"features"}
        if extractor.n_logits is not None:
            possible |= {"logits"}
        if extractor.class_names is not None:
            possible |= {"classes"}
    elif is_image_shape(dataset.shape):
        warnings.warn(
            f"{dataset.name} has no labels: fid and is need --extractor inception-v3-compat, min_class_share "
            "a classifier; only parzen is scored.",
            stacklevel=2,
        )
    return tuple(
        name for name, metric in metrics.METRICS.items() if metric.usual and metric.needs <= possible
    )


def device_of_cells(options: argparse.Namespace, here: str) -> str:
    """What cells train on, given what this process computes on: by `--gpus-per-cell`, where that is asked."""
    if options.launcher not in CLUSTERS:
        return here
    return "cpu" if options.gpus_per_cell is None else "cuda"


def choose_device(name: str) -> str:
    """`auto` is a CUDA device if there is one; anything else is checked."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:[0-9]+)?", name):
        raise InputError(f"There is no device {name!r}; there are auto, cpu, cuda and cuda:N.")
    kind, _, index = name.partition(":")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device on this machine; leave --device out to use the CPU.")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise InputError(f"There are only {torch.cuda.device_count()} CUDA devices, so no {name}.")
    return name
