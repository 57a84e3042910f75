"""What a pile is, the pile that reading a folder, zip or array gives, and the hash of what is in one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from metrics.image_files import on_threads
from metrics.images import IMAGE_READING_VERSION

_BLOCK_BYTES = 4 << 20  # of values hashed at a time by a thread


class Pile(Protocol):
    """Images or points that can be fetched by index: what can be scored without lying in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, C, H, W) of images, (n, 2) of points."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """torch.uint8 of images, torch.float32 of points."""
        ...

    def __len__(self) -> int: ...

    def fetch(self, indices: Tensor) -> Tensor:
        """Samples of int64 indices (k,), on any device; any number of threads may call."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class ImagePile:
    """Images of a folder, a zip or an array, uint8 (n, C, H, W), and what was noticed when it was opened."""

    source: Pile
    """Where images are fetched from."""
    name: str
    """What it is called in messages and tables: its path."""
    content: str
    """SHA-256 of what the images are, 64 hex digits: see `content_sha256`."""
    labels: Tensor | None = None
    """int64 (n,) from 0 on, or None."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes, label 0 first, where the place they came from has any."""
    warnings: tuple[str, ...] = ()
    """What a reader of a score has to know about the images: one sentence each, to be recorded with it."""
    formats: Mapping[str, int] = field(default_factory=dict)
    """How many pictures are encoded how, such as {"PNG": 512}; of an array, {"array": n}."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, C, H, W)."""
        return self.source.shape

    @property
    def dtype(self) -> torch.dtype:
        """torch.uint8."""
        return self.source.dtype

    def __len__(self) -> int:
        return len(self.source)

    def fetch(self, indices: Tensor) -> Tensor:
        """Images of int64 indices (k,), uint8 (k, C, H, W) on the CPU; any number of threads may call.

        Raises
        ------
        MetricError
            If a file has changed since the pile was opened, or turns out damaged once it is decoded.
        """
        return self.source.fetch(indices)


@dataclass(frozen=True, kw_only=True)
class SurveyedValues:
    """What one look at all samples of a pile tells."""

    sha256: str
    """Of shape, dtype and values, 64 hex digits."""
    copies: int
    """How many samples equal an earlier one in every value."""
    constant: int
    """How many samples have one value throughout."""

    def warnings(self, n: int) -> list[str]:
        """Sentences about what of this a reader of a score has to know, of `n` images."""
        return [
            *([copies_warning(self.copies, n)] if self.copies else []),
            *([f"images of one colour throughout: {self.constant} of {n}"] if self.constant else []),
        ]


def copies_warning(copies: int, n: int) -> str:
    """The sentence about pictures that are there more than once."""
    return f"pictures that are byte-for-byte copies of another: {copies} of {n}"


def survey_values(pile: Pile, *, workers: int) -> SurveyedValues:
    """Hash every sample, fetching 4 MiB a thread at a time.

    The hash is of a header and of each sample's own SHA-256, so it does not depend on how many are
    fetched at once.
    """
    n, *each = pile.shape
    per_block = max(1, _BLOCK_BYTES // max(1, int(np.prod(each)) * pile.dtype.itemsize))

    def survey(start: int) -> tuple[bytes, int]:
        fetched = pile.fetch(torch.arange(start, min(start + per_block, n)))
        rows = fetched.cpu().contiguous().numpy().reshape(len(fetched), -1)
        constant = (rows.min(axis=1) == rows.max(axis=1)).sum() if len(each) == 3 else 0
        return b"".join(hashlib.sha256(row.data).digest() for row in rows), int(constant)

    surveyed = on_threads(survey, range(0, n, per_block), workers, chunk=1)
    digests = b"".join(block for block, _ in surveyed)
    return SurveyedValues(
        sha256=_hash(f"{pile.dtype} {tuple(pile.shape)}", digests),
        copies=count_copies(digests),
        constant=sum(constant for _, constant in surveyed),
    )


def files_sha256(digests: bytes, shape: tuple[int, ...]) -> str:
    """SHA-256 of encoded pictures in their order, and of all that decides what pixels they are read as.

    Parameters
    ----------
    digests
        The SHA-256 of each file's bytes, 32 bytes each.
    shape
        (n, C, H, W) as which they are read.
    """
    return _hash(f"pictures {IMAGE_READING_VERSION} {shape}", digests)


def read_as_sha256(content: str, shape: tuple[int, ...]) -> str:
    """SHA-256 of values that are not taken as they are, but brought to `shape` as pictures are."""
    return _hash(f"values as pictures {IMAGE_READING_VERSION} {shape}", bytes.fromhex(content))


def _hash(header: str, digests: bytes) -> str:
    return hashlib.sha256(header.encode() + b"\n" + digests).hexdigest()


def count_copies(digests: bytes) -> int:
    """How many of the SHA-256 digests, 32 bytes each, equal an earlier one."""
    # By 64 of their 256 bits: for a million samples a chance of 3e-8 that two differing ones are counted.
    firsts = np.frombuffer(digests, dtype="<u8")[::4]
    return len(firsts) - len(np.unique(firsts))
