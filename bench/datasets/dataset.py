"""What a data set is once it is loaded."""

import functools
import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

import metrics
from bench.errors import InputError

CHUNK_PIXELS = 2**22  # resized at a time: bounds memory; results do not depend on it


class Split(NamedTuple):
    """Samples, uint8 `(n, C, H, W)` images or float32 `(n, 2)` points, and int64 `(n,)` labels or None.

    Only training samples may be files that are decoded when they are asked for.
    """

    samples: Tensor | metrics.ImageFiles
    labels: Tensor | None

    @property
    def tensor(self) -> Tensor:
        """The samples, where they are in memory."""
        assert isinstance(self.samples, Tensor), "only training samples may be streamed"
        return self.samples

    def at(self, indices: Tensor) -> Tensor:
        """The samples of int64 indices `(k,)` on the CPU, `(k, …)`."""
        return self.samples[indices] if isinstance(self.samples, Tensor) else self.samples.fetch(indices)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Three splits that never overlap.

    Networks learn from `train`; choices (Parzen's σ, the best checkpoint) are made on `validation`;
    `test` is what is reported.

    Raises
    ------
    InputError
        For samples read from files without `content`.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...] | None = None
    modes: metrics.Modes | metrics.StackedModes | None = None  # those that samples were drawn from
    content: str | None = None  # needed of samples read from files: a hash, in hex, that costs no decoding
    images_skipped: int = 0  # files that could not be read, and were left out as asked
    notes: tuple[str, ...] = ()  # sentences about how it was read, for the user

    def __post_init__(self) -> None:
        if self.content is None and isinstance(self.train.samples, metrics.ImageFiles):
            raise InputError(f"The data set {self.name} is read from files, so it needs their `content`.")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, H, W), or (2,)."""
        return tuple(self.train.samples.shape[1:])

    @property
    def n_classes(self) -> int | None:
        """Number of classes; None without labels."""
        return None if self.class_names is None else len(self.class_names)

    @functools.cached_property
    def fingerprint(self) -> str:
        """The content itself, in short.

        16 hex digits of a SHA-256 over every split's shape, samples and labels, or of `content` where it is
        set.
        """
        if self.content is not None:
            return self.content[:16]
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            for tensor in (split.tensor, split.labels):
                if tensor is not None:
                    digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
                    digest.update(tensor.contiguous().numpy().data.cast("B"))
        return digest.hexdigest()[:16]


def resized(images: Tensor, size: int) -> Tensor:
    """Images `(n, C, H, W)`, uint8 or float64 in 0…255, as uint8 at `size` × `size`.

    Bilinear, antialiased, rounded to nearest.

    In float64, where scaling by powers of two is exact, so that every machine gets the same bytes.
    """
    if images.shape[-2:] == (size, size) and images.dtype == torch.uint8:
        return images
    chunk = max(1, CHUNK_PIXELS // size**2)
    parts = [
        torch.nn.functional.interpolate(part.double(), (size, size), mode="bilinear", antialias=True)
        .round()
        .clamp(0, 255)
        .to(torch.uint8)
        for part in torch.split(images, chunk)
    ]
    return torch.cat(parts)
