"""Anybody's samples against a data set, from Python, by the scores that runs get."""

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

import metrics
from bench import datasets
from bench.classifiers import extractor_for
from bench.folders import data_folder
from bench.plan import all_possible
from bench.scoring import reference_of


def score(
    samples: Tensor | Callable[[int], Tensor],
    dataset: str,
    names: Sequence[str] | None = None,
    *,
    n: int = 10_000,
    labels: Tensor | None = None,
    extractor: str | None = None,
    data_root: str | Path | None = None,
    image_size: int | None = None,
    device: str = "cpu",
    how: str = "unspecified",
) -> dict[str, metrics.Score]:
    """Score a pile of samples, or what a sampler draws, against a data set's test split.

    Parameters
    ----------
    samples
        uint8 images `(n, C, H, W)` or float32 points `(n, d)`, or a function that makes n of them, such as
        `gans.Sampler.sample` or your own.
    dataset
        A name, as for `--dataset`: `mnist`, `folder:PATH`, …
    names
        Which of `metrics.METRICS`; by default all that the data allow.
    n
        How many to draw from a function.
    labels
        What class each sample was asked to be, int64 `(n,)`: needed by the scores of asked classes.
    extractor
        As for `--extractor`; by default the data set's own classifier.
    data_root
        As for `--data-root`.
    image_size
        Side of the real images; by default the data set's own.
    device
        Where the extractor runs.
    how
        How the samples were drawn, in words: part of the protocol.

    Returns
    -------
    dict
        One `metrics.Score` a name.

    Raises
    ------
    InputError, metrics.MetricError
        If the data set or a score cannot be had, or the samples are not of the data's kind.
    """
    root = data_folder() if data_root is None else Path(data_root)
    data = datasets.get(dataset).load(root, image_size)
    network = extractor_for(data, extractor, device) if len(data.shape) == 3 else None
    if names is None:
        possible = all_possible(data, network)
        names = [
            name
            for name in possible
            if labels is not None or "asked_classes" not in metrics.METRICS[name].needs
        ]
    pile = samples if isinstance(samples, Tensor) else samples(n)
    return metrics.score(
        pile,
        reference_of(data),
        names,
        labels=labels,
        extractor=network,
        samples=how,
    )
