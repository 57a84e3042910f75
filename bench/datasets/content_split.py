"""Splits of pictures by the content of their files: deterministic, and copies never sit in two of them."""

import hashlib
import os
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import metrics
from bench.datasets.folder_layout import PictureFile
from bench.errors import InputError

SPLITS = ("train", "validation", "test")
HELD_OUT = 0.1  # share of the training pictures that becomes a validation, or a test, split
# Pictures of a validation or test split: as published scores use, and fit in memory
LARGEST_HELD_OUT = 10_000


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture whose header could be read, and what its bytes and header say."""

    file: PictureFile
    sha256: str
    header: metrics.ImageHeader


Pictures = Mapping[str, Sequence[Picture]]  # by split


def chosen_by_content(digests: Sequence[str], at_most: int) -> set[int]:
    """Choose `at_most` files for a split of their own.

    Which ones depends on what is in the files alone, not on their names or order.

    Parameters
    ----------
    digests
        A cryptographic hash of each file's content, in hex.
    at_most
        How many, at least 1. More only if every content has more copies than that.

    Returns
    -------
    set of int
        Indices of the files; those of equal content are all in it or all not. If there are at least
        two contents, and `at_most` is less than the number of files, it is neither empty nor everything.
    """
    copies: dict[str, list[int]] = defaultdict(list)
    for i, digest in enumerate(digests):
        copies[digest].append(i)
    chosen: set[int] = set()
    for digest in sorted(copies):
        if len(chosen) + len(copies[digest]) <= at_most:
            chosen.update(copies[digest])
    if not chosen and len(copies) > 1:
        chosen.update(copies[min(copies, key=lambda digest: (len(copies[digest]), digest))])
    return chosen


def with_all_splits(folder: Path, given: Pictures) -> Pictures:
    """Train, validation and test, none with content of another; what is not given is taken from train."""
    splits = {split: list(pictures) for split, pictures in given.items()}
    n_held_out = min(LARGEST_HELD_OUT, max(1, round(HELD_OUT * len(splits["train"]))))
    seen: set[str] = set()
    for split in ("test", "validation", "train"):
        if split not in splits:
            continue
        n_before = len(splits[split])
        splits[split] = [one for one in splits[split] if one.sha256 not in seen]
        if copies := n_before - len(splits[split]):
            warnings.warn(
                f"Copies of files in other splits are left out of {split} of {folder}: {copies}.",
                stacklevel=3,
            )
        if split != "train":
            splits[split], _ = parted(splits[split], LARGEST_HELD_OUT)
            seen.update(one.sha256 for one in splits[split])
    for split in ("test", "validation"):
        if split not in splits:
            splits[split], splits["train"] = parted(splits["train"], n_held_out)
    for split in SPLITS:
        if not splits[split]:
            n = sum(map(len, given.values()))
            raise InputError(
                f"The folder {folder} has no picture left for {split}: it has {n} that can be read, and "
                "train, validation and test need different ones."
            )
    return splits


def parted(pictures: list[Picture], n: int) -> tuple[list[Picture], list[Picture]]:
    """About `n` pictures and the others, each in their order."""
    if len(pictures) <= n and n >= LARGEST_HELD_OUT:
        return pictures, []
    chosen = chosen_by_content([one.sha256 for one in pictures], n)
    return (
        [one for i, one in enumerate(pictures) if i in chosen],
        [one for i, one in enumerate(pictures) if i not in chosen],
    )


def content_hash(splits: Pictures, files: metrics.ImageFiles, class_names: Sequence[str]) -> str:
    """SHA-256 over the files, over their classes and over how they are read.

    Of every file: its split, path below it (with the class's folder) and content hash.
    """
    digest = hashlib.sha256()
    digest.update(f"{metrics.IMAGE_READING_VERSION} {files.shape[1:]} {list(class_names)}\n".encode())
    for split in SPLITS:
        for one in splits[split]:
            name = os.fsencode(one.file.name)
            digest.update(b"\0".join((split.encode(), name, one.sha256.encode())) + b"\n")
    return digest.hexdigest()
