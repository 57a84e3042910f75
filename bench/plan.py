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
from bench.suite_options import said_of

DEFAULT_KIMG = 128.0
MAX_IMAGE_SIZE = 1024  # enlarging a whole data set further fills the memory before any network is asked


def plan(options: argparse.Namespace) -> tuple[list[Cell], dict[str, Scoring]]:
    """All cells of `options.parts`, and how each data set's samples are scored.

    A cell that two parts have is one cell.
    """
    sources = []
    for part in options.parts:
        with said_of(part):
            require_consistent(part)
            sources.append(sources_of(part.dataset))
    reading = reading_of(options, [source for of_part in sources for source in of_part])
    device = choose_device(options.device)
    planning = Planning(options, reading, device)
    cells: dict[str, Cell] = {}
    for part, of_part in zip(options.parts, sources, strict=True):
        with said_of(part):
            for cell in planning.cells_of(part, of_part):
                cells.setdefault(cell.training_id, cell)
    named = [name for part in options.parts for name in asked_of(part)]
    # A suite's metrics are for all its variants, of which the user may have chosen some.
    if options.suite is None or all(map(needs_asked_classes, named)):
        require_conditional(list(cells.values()), named)
    # Seeds vary slowest, so that an interrupted grid compares like with like.
    return sorted(cells.values(), key=lambda cell: cell.settings.seed), planning.scorings


def require_consistent(part: argparse.Namespace) -> None:
    """Raise InputError for options that contradict one another, or lack what there is no default for."""
    if not part.variants:
        raise InputError("--variants is needed, as in --variants dcgan,wgan; --list shows what there is.")
    if part.kimg is not None and part.epochs is not None:
        raise InputError("--kimg and --epochs both set the budget; give one of them.")
    if part.image_size is not None and part.image_size > MAX_IMAGE_SIZE:
        raise InputError(f"--image-size {part.image_size} is more than {MAX_IMAGE_SIZE} pixels.")
    if part.metrics and "none" in part.metrics and len(part.metrics) > 1:
        raise InputError("--metrics none cannot stand beside other metrics.")


def asked_of(part: argparse.Namespace) -> tuple[str, ...]:
    """The metrics that the user names."""
    return () if part.metrics == ["none"] else metrics.expanded(part.metrics or ())


class Planning:
    """Cells of one part after the other; a data set that several have is loaded once.

    Parameters
    ----------
    options
        Of the launch.
    reading
        How pictures in files are read.
    device
        What this process computes on.
    """

    def __init__(self, options: argparse.Namespace, reading: Reading, device: str) -> None:
        self.scorings: dict[str, Scoring] = {}
        """By the data set's name."""
        self._options, self._reading, self._device = options, reading, device
        self._loaded: dict[tuple[str, str, int | None], Dataset] = {}
        self._scored_by: dict[str, object] = {}

    def cells_of(self, part: argparse.Namespace, sources: Sequence[Source]) -> list[Cell]:
        """The cells of one part, that can be trained and scored as far as can be known before."""
        names = asked_of(part)
        variants = [gans.get(name) for name in part.variants]
        cells: list[Cell] = []
        for source in sources:
            if part.image_size is not None and source.image_size is None:
                raise InputError(f"{source.name} holds points, which have no size; leave --image-size out.")
            recipes = recipes_of(variants, part.set, dict(source.recipe_fields))
            dataset = self._dataset(source, part.image_size)
            kimg = part.kimg or DEFAULT_KIMG
            if part.epochs is not None:
                kimg = part.epochs * len(dataset.train.samples) / 1000
            if part.eval_every is not None and part.eval_every > kimg:
                raise InputError(
                    f"--eval-every {part.eval_every:g} is more than the budget of {kimg:g} kimg."
                )
            cells += expand(
                recipes,
                dataset,
                seeds=part.seeds,
                batch_sizes=part.batch_size,
                precisions=part.precision,
                compile_modes=part.compile,
                kimg=kimg,
                device=device_of_cells(self._options, self._device),
            )
            self._score(dataset, names, part)
        require_trainable(cells)
        for cell in cells:  # a protocol that cannot be met is known before anything is trained
            self.scorings[cell.dataset.name].protocols(cell)
        return cells

    def _dataset(self, source: Source, image_size: int | None) -> Dataset:
        """As loaded before, or loaded now."""
        key = (source.name, source.argument, image_size)
        if key not in self._loaded:
            root = self._options.data_root or data_folder()
            dataset = source.load(root, image_size, self._reading)
            if any(dataset.name == other.name for other in self._loaded.values()):
                raise InputError(
                    f"Two data sets are called {dataset.name}, and a table could not tell them apart: "
                    "rename a folder, or give the two in separate runs."
                )
            self._loaded[key] = dataset
        return self._loaded[key]

    def _score(self, dataset: Dataset, names: tuple[str, ...], part: argparse.Namespace) -> None:
        """Decide how a data set is scored, which all parts that have it must agree on."""
        by = (part.metrics, part.samples, part.extractor)
        if self._scored_by.setdefault(dataset.name, by) != by:
            raise InputError(
                f"{dataset.name} is scored by other metrics, samples or extractors than in an earlier part; "
                "a data set is scored in one way: make two suites of them."
            )
        if dataset.name not in self.scorings:
            self.scorings[dataset.name] = scoring_for(dataset, names, part, self._device, self._options.quiet)


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
    dataset: Dataset, names: tuple[str, ...], part: argparse.Namespace, device: str, quiet: bool
) -> Scoring:
    """How samples of one data set are scored: what was asked for, or all that the data allow."""
    extractor = None
    if part.metrics is None or any("features" in metrics.METRICS[name].needs for name in names):
        if is_image_shape(dataset.shape):
            extractor = extractor_for(dataset, part.extractor, device, quiet=quiet)
            if extractor is not None and extractor.caveat is not None:
                warnings.warn(f"{extractor.caveat}; --extractor names another.", stacklevel=2)
    elif part.extractor is not None:
        raise InputError("--extractor is given, but no metric that was asked for needs one.")
    if part.metrics is None:
        names = all_possible(dataset, extractor)
    return Scoring(
        names=names, n_samples=part.samples, extractor=extractor, references=references_of(dataset)
    )


def all_possible(dataset: Dataset, extractor: metrics.Extractor | None) -> tuple[str, ...]:
    """Every usual metric that this data set and extractor allow; a warning says what the rest lack."""
    images = is_image_shape(dataset.shape)
    possible: set[str] = set() if images else {"points"}
    if dataset.modes is not None:
        possible |= {"modes"}
    if dataset.test.labels is not None:
        possible |= {"asked_classes"}  # `Scoring.names_for` leaves them to conditional variants
    if extractor is not None:
        possible |= {"features"}
        if extractor.n_logits is not None:
            possible |= {"logits"}
        if extractor.class_names is not None:
            possible |= {"classes"}
    elif images and dataset.modes is None:
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
