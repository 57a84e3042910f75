"""Samples beside the training images nearest to them: have they been copied?"""

import csv
import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import pandas as pd
import torch
from torch import Tensor

import gans
import metrics
import results
from bench import datasets
from bench.datasets import Dataset, Reading
from bench.errors import InputError
from bench.pictures import is_image_shape
from bench.sheets import neighbour_sheet, require_viewable, save_sheet
from results.atomic import replacing

PICTURE, TABLE = "neighbours.png", "neighbours.csv"
COLUMNS = ("sample", "class", "rank", "training_index", "distance", "training_class")
PICTURED = 100  # samples; the table has all
CHUNK_VALUES = 2**26  # of streamed images read at a time: 64 MiB


def training_data(checkpoint: Path, sampler: gans.Sampler, name: str | None, root: Path) -> Dataset:
    """The data set called `name`, or the one that the checkpoint's run was trained on, at the samples' size.

    Raises
    ------
    InputError
        If the checkpoint lies in no run's folder and no name is given, if the data of the run's data set
        are no longer those it was trained on, or if its samples have another shape.

    Warns
    -----
    UserWarning
        If a data set is named, and is the run's, but with other data.
    """
    trained_on, content, reading = None, None, Reading()
    try:
        last = results.read_run(checkpoint.parent).iloc[-1]
        trained_on, content = str(last["dataset"]), last["dataset_fingerprint"]
        # What was left out then is left out now.
        skipped = last.get("images_skipped")
        reading = Reading(skip_damaged=not pd.isna(skipped) and bool(skipped))
    except results.StoreError as error:
        if name is None:
            raise InputError(
                f"What {checkpoint} was trained on is not known ({str(error).rstrip('.')}): name its data "
                "set with --dataset."
            ) from error
    wanted = name or str(trained_on)
    size = sampler.shape[-1] if is_image_shape(sampler.shape) else None
    source = None
    try:
        source = datasets.get(wanted)
        data = source.load(root, size or source.image_size, reading)
    except (InputError, metrics.MetricError) as error:
        # Rows have a data set's name, not what stood behind it: where a folder lay, or which fold it was.
        if name is None and (source is None or source.spelling != source.name):
            raise InputError(
                f"{checkpoint} was trained on {wanted}, which is not here: name it with --dataset, as you "
                "gave it to bench.run."
            ) from error
        raise
    if data.shape != sampler.shape:
        ours, theirs = (" × ".join(map(str, shape)) for shape in (sampler.shape, data.shape))
        raise InputError(f"{checkpoint} makes samples of {ours}, but those of {wanted} are {theirs}.")
    if data.name == trained_on and data.fingerprint != content:
        changed = (
            f"The data of {wanted} are not those that {checkpoint} was trained on (content "
            f"{data.fingerprint}, then {content})"
        )
        if name is None:
            raise InputError(f"{changed}; --dataset {wanted} compares with them all the same.")
        warnings.warn(f"{changed}.", stacklevel=2)
    return data


def require_enough(k: int, n: int, data: Dataset) -> None:
    """Refuse more neighbours than there are training samples, or than a picture can show beside n samples.

    Raises
    ------
    InputError
        Says which.
    """
    if k > len(data.train.samples):
        raise InputError(f"--neighbours {k} is more than the {len(data.train.samples)} of {data.name}.")
    if is_image_shape(data.shape):
        require_viewable(min(n, PICTURED) * (1 + k), data.shape)


def save_neighbours(
    samples: Tensor,
    asked: Sequence[str] | None,
    data: Dataset,
    k: int,
    folder: Path,
) -> str:
    """Write the k nearest training samples of each sample: a table, and for images a picture.

    Distances are Euclidean over all values, images' in 0 to 1; `asked` are the samples' own classes.
    Returns what was found, in a sentence.
    """
    found = metrics.nearest_neighbours(samples, _chunks(data.train.samples), k)
    images = is_image_shape(data.shape)
    distances = found.distances / 255 if images else found.distances
    _save_table(distances, found.indices, asked, data, folder / TABLE)
    nearest = distances[:, 0].tolist()
    n_copies = sum(distance == 0 for distance in nearest)
    what, unit = ("images", " in pixels of 0 to 1") if images else ("points", "")
    said = (
        f"the nearest of {len(data.train.samples)} training {what} of {data.name}, {k} a sample, are in "
        f"{folder / TABLE}: the first at {min(nearest):.3g} to {max(nearest):.3g}{unit}, median "
        f"{median(nearest):.3g}; {n_copies} of {len(nearest)} samples are exact copies"
    )
    if images:
        shown = found.indices[:PICTURED]
        beside = data.train.at(shown.flatten())
        beside = beside.view(*shown.shape, *beside.shape[1:])
        save_sheet(neighbour_sheet(samples[:PICTURED], beside), folder / PICTURE)
        part = f", of the first {PICTURED} samples" if len(samples) > PICTURED else ""
        said += f"; {folder / PICTURE} shows them{part}"
    return said


def _save_table(
    distances: Tensor, indices: Tensor, asked: Sequence[str] | None, data: Dataset, path: Path
) -> None:
    theirs = None if data.train.labels is None else data.train.labels[indices].tolist()
    names = data.class_names
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i, (row, places) in enumerate(zip(distances.tolist(), indices.tolist(), strict=True)):
            for j, (distance, place) in enumerate(zip(row, places, strict=True)):
                label = "" if theirs is None else theirs[i][j] if names is None else names[theirs[i][j]]
                writer.writerow((i, asked[i] if asked else "", j + 1, place, f"{distance:.9g}", label))


def _chunks(samples: Tensor | gans.SampleSource) -> Iterator[Tensor]:
    if isinstance(samples, Tensor):
        yield samples
        return
    rows = max(1, CHUNK_VALUES // math.prod(samples.shape[1:]))
    for start in range(0, len(samples), rows):
        yield samples.fetch(torch.arange(start, min(start + rows, len(samples))))
