"""The real side of an evaluation: a data set, a pile of pictures, or saved statistics."""

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

import metrics
from bench import datasets
from bench.classifiers import extractor_for
from bench.datasets import Dataset
from bench.errors import InputError
from bench.folders import cache_folder, data_folder
from bench.plan import MAX_IMAGE_SIZE
from bench.scoring import reference_name

REFERENCES = "references"  # folder in the cache


@dataclass(frozen=True, kw_only=True)
class RealSide:
    """What generated images are compared with."""

    name: str
    """What a user calls it, as `mnist`."""
    reference: metrics.Reference
    shape: tuple[int, ...] | None
    """Of one sample; None where only statistics are there."""
    fingerprint: str
    split: str | None
    dataset: Dataset | None
    formats: dict[str, int]
    """How many pictures of each file format, where they are read from files."""
    notes: tuple[str, ...] = ()
    """How it was read, for the user."""
    warnings: tuple[str, ...] = ()
    """What weakens every comparison with it, to be recorded."""

    def extractors(
        self, options: argparse.Namespace, convention: metrics.Convention, device: str
    ) -> list[metrics.Extractor]:
        """The networks that were asked for; else the data set's own classifier, else Inception.

        Inception also under a named protocol with a preprocessing, which is never that of a classifier.
        """
        if self.shape is not None and len(self.shape) != 3:
            return []
        if options.extractor is None and convention.preprocessing is None and self.dataset is not None:
            own = extractor_for(self.dataset, None, device, quiet=options.quiet)
            if own is not None:
                return [own]
        return [
            metrics.load_extractor(
                choice, device, preprocessing=convention.preprocessing, precision=options.precision
            )
            for choice in options.extractor or [metrics.INCEPTION]
        ]


def real_side(
    options: argparse.Namespace, convention: metrics.Convention, progress: metrics.Progress | None
) -> RealSide:
    """What `--real` means.

    Raises
    ------
    InputError, MetricError
        If it is neither a data set nor a pile nor statistics, or cannot be read.
    """
    if options.image_size is not None and options.image_size > MAX_IMAGE_SIZE:
        raise InputError(f"--image-size {options.image_size} is more than {MAX_IMAGE_SIZE} pixels.")
    spelled, path = options.real, Path(options.real).expanduser()
    known = spelled.partition(":")[0].partition("#")[0] in datasets.names()
    if known or not path.exists():
        return _of_dataset(options, convention, progress)
    if options.split is not None:
        raise InputError(f"--split is of data sets, and {spelled} is a pile: all of it is compared with.")
    if metrics.is_statistics_file(path):
        return _of_statistics(path, options)
    pile = metrics.open_pile(path, size=options.image_size)
    name = path.resolve().name
    return RealSide(
        name=name,
        reference=metrics.Reference(
            f"{name}@{pile.content[:16]}",
            pile,
            test_labels=pile.labels,
            class_names=pile.class_names,
            cache=cache_folder() / REFERENCES,
            progress=progress,
        ),
        shape=tuple(pile.shape[1:]),
        fingerprint=pile.content[:16],
        split=None,
        dataset=None,
        formats=dict(pile.formats),
        warnings=tuple(f"of the real images: {warning}" for warning in pile.warnings),
    )


def _of_dataset(
    options: argparse.Namespace, convention: metrics.Convention, progress: metrics.Progress | None
) -> RealSide:
    source = datasets.get(options.real)
    if options.image_size is not None and source.image_size is None:
        raise InputError(f"{source.name} holds points, which have no size; leave --image-size out.")
    data = source.load(options.data_root or data_folder(), options.image_size)
    split = options.split or convention.split
    parts = [getattr(data, part) for part in split.split("+")]
    samples = [part.samples for part in parts]
    labels = None if parts[0].labels is None else torch.cat([part.labels for part in parts])
    pile = samples[0] if len(samples) == 1 else torch.cat([_in_memory(one) for one in samples])
    return RealSide(
        name=data.name,
        reference=metrics.Reference(
            reference_name(data, split),
            pile,
            None if "validation" in split else data.validation.tensor,
            # What is compared with cannot be held out, so memorisation has no meaning there.
            train=data.train.samples if "train" not in split and len(data.shape) == 3 else None,
            test_labels=labels,
            class_names=data.class_names,
            modes=data.modes,
            cache=cache_folder() / REFERENCES if len(data.shape) == 3 else None,
            progress=progress,
        ),
        shape=data.shape,
        fingerprint=data.fingerprint,
        split=split,
        dataset=data,
        formats={},
        notes=data.notes,
    )


def _in_memory(samples: Tensor | metrics.ImageFiles) -> Tensor:
    return samples if isinstance(samples, Tensor) else samples.fetch(torch.arange(len(samples)))


def _of_statistics(path: Path, options: argparse.Namespace) -> RealSide:
    if options.image_size is not None:
        raise InputError("--image-size resizes both sides, and of saved statistics there are no images.")
    statistics = metrics.load_statistics(path)
    known = statistics.metadata
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if known is None else known.content_sha256
    name = path.name if known is None else known.reference
    if "@" not in name:  # a name alone, given by whoever saved them, would make two references one
        name = f"{name}@{digest[:16]}"
    return RealSide(
        name=path.stem,
        reference=metrics.Reference(name, statistics),
        shape=None,
        fingerprint=digest[:16],
        split=None,
        dataset=None,
        formats={},
    )
