"""What can be scored: a tensor, a folder, a zip, an array in a file, or anything that fetches by index."""

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from metrics.arrays import ArrayImages, read_images
from metrics.errors import MetricError
from metrics.image_files import DEFAULT_WORKERS, ImageFiles, survey_images
from metrics.image_pile import ImagePile, Pile, files_sha256, read_as_sha256, survey_values
from metrics.images import UnreadableImageError
from metrics.picture_piles import channels_warning, folder_store, picture_pile, zip_store

__all__ = [
    "ImagePile",
    "PartOfPile",
    "Pile",
    "as_pile",
    "batches",
    "content_sha256",
    "image_warnings",
    "open_pile",
    "whole",
]

_PIECE = 16  # the fewest images that a thread takes: a small picture takes less time than handing it over

_WHOLE = 1024  # samples fetched at a time where all are wanted


class TensorPile:
    """A tensor as a pile: fetching is indexing."""

    def __init__(self, samples: Tensor) -> None:
        self.samples = samples
        self.shape: tuple[int, ...] = tuple(samples.shape)
        self.dtype = samples.dtype

    def __len__(self) -> int:
        return len(self.samples)

    def fetch(self, indices: Tensor) -> Tensor:
        """Samples of int64 indices (k,), on the tensor's device."""
        return self.samples[indices.to(self.samples.device)]


def as_pile(samples: Tensor | Pile) -> Pile:
    """A pile of what is given; a pile is itself.

    Parameters
    ----------
    samples
        uint8 (n, C, H, W) images with C = 1 or 3, or finite float32 (n, 2) points, n ≥ 1, on any device.

    Raises
    ------
    MetricError
        If its shape or dtype is another, or a point is not finite.
    """
    images = samples.dtype == torch.uint8 and len(samples.shape) == 4 and samples.shape[1] in (1, 3)
    points = samples.dtype == torch.float32 and tuple(samples.shape[1:]) == (2,)
    if not (images or points) or 0 in samples.shape:
        raise MetricError(
            "what is scored must be at least one uint8 image (N, C, H, W) with 1 or 3 channels, or float32 "
            f"point (N, 2), got {samples.dtype} of shape {tuple(samples.shape)}"
        )
    if not isinstance(samples, Tensor):
        return samples
    if points and not torch.isfinite(samples).all():
        raise MetricError("points must be finite, got NaN or infinity")
    return TensorPile(samples)


def batches(samples: Tensor | Pile, size: int, *, workers: int = DEFAULT_WORKERS) -> Iterator[Tensor]:
    """All samples in order, `size` at a time, the next ones fetched while the last are at work.

    Parameters
    ----------
    samples
        What `as_pile` takes. A tensor's batches are views of it, and no thread is started.
    size
        Samples a batch, at least 1; the last may have fewer.
    workers
        Threads that fetch. Beside the batch handed out, no more than about 2 × `size` + 16 × `workers`
        samples are held, however many there are.

    Raises
    ------
    MetricError
        As `as_pile` and the pile's `fetch`; or if `size` or `workers` is less than 1.
    """
    if size < 1 or workers < 1:
        raise MetricError(f"batches need a size and workers of at least 1, got {size} and {workers}")
    pile = as_pile(samples)
    if isinstance(pile, TensorPile):
        return iter(torch.split(pile.samples, size))
    return _fetched_ahead(pile, size, workers)


def _fetched_ahead(pile: Pile, size: int, workers: int) -> Iterator[Tensor]:
    n = len(pile)
    piece = min(size, max(_PIECE, math.ceil(size / workers)))
    starts = (
        (start, min(start + piece, first + size, n))
        for first in range(0, n, size)
        for start in range(first, min(first + size, n), piece)
    )
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    ahead: deque[Future[Tensor]] = deque()

    def fill() -> None:
        while len(ahead) < math.ceil(size / piece) + workers and (span := next(starts, None)):
            ahead.append(pool.submit(pile.fetch, torch.arange(*span)))

    try:
        for first in range(0, n, size):
            pieces: list[Tensor] = []
            for _ in range(first, min(first + size, n), piece):
                fill()
                pieces.append(ahead.popleft().result())
            fill()  # so that threads are at work while the batch is
            yield pieces[0] if len(pieces) == 1 else torch.cat(pieces)
    finally:  # an error, an interrupt or a caller who has seen enough waits for nothing
        pool.shutdown(wait=False, cancel_futures=True)


def whole(samples: Tensor | Pile) -> Tensor:
    """All samples in one tensor: for what cannot be computed a part at a time."""
    pile = as_pile(samples)
    return pile.samples if isinstance(pile, TensorPile) else torch.cat(list(batches(pile, _WHOLE)))


class PartOfPile:
    """Some samples of a pile, in an order of their own.

    Parameters
    ----------
    pile
        The whole.
    indices
        Which of its samples, int64 (k,), k ≥ 1.
    """

    def __init__(self, pile: Pile, indices: Tensor) -> None:
        self._pile, self._indices = pile, indices
        self.shape: tuple[int, ...] = (len(indices), *pile.shape[1:])
        self.dtype = pile.dtype

    def __len__(self) -> int:
        return len(self._indices)

    def fetch(self, indices: Tensor) -> Tensor:
        """Samples of int64 indices (k,) into the part."""
        return self._pile.fetch(self._indices[indices])


def content_sha256(samples: Tensor | Pile, *, workers: int = DEFAULT_WORKERS) -> str:
    """SHA-256, 64 hex digits, of what decides the samples' values: equal hashes, equal samples.

    Of values (a tensor, an array in a file): shape as (n, C, H, W), dtype and values; an array that
    is resized or converted has a hash of its own. Of pictures in files, whether in a folder or a zip:
    the bytes of each file, their order, the shape that they are read as and `IMAGE_READING_VERSION`;
    names and labels play no part. The same pixels as values and in files have different hashes.

    Raises
    ------
    MetricError
        As `as_pile`, or if a file cannot be read.
    """
    pile = as_pile(samples)
    if isinstance(pile, ImagePile):
        return pile.content
    if isinstance(pile, ImageFiles):
        digests = []
        for surveyed in survey_images(pile.paths, workers=workers):
            if isinstance(surveyed, UnreadableImageError):
                raise surveyed
            digests.append(bytes.fromhex(surveyed.sha256))
        return files_sha256(b"".join(digests), pile.shape)
    return survey_values(pile, workers=workers).sha256


def image_warnings(samples: Tensor | Pile, *, workers: int = DEFAULT_WORKERS) -> tuple[str, ...]:
    """What a reader of a score has to know about images: of a pile that was opened, its own warnings.

    Of others: how many are copies of another, and how many of one colour throughout.

    Raises
    ------
    MetricError
        As `as_pile`.
    """
    pile = as_pile(samples)
    if isinstance(pile, ImagePile):
        return pile.warnings
    return tuple(survey_values(pile, workers=workers).warnings(len(pile)))


def open_pile(
    path: str | Path,
    *,
    size: int | None = None,
    channels: int | None = None,
    workers: int = DEFAULT_WORKERS,
) -> ImagePile:
    """Images of a folder, a zip or an array file, ready to be fetched; none is decoded yet.

    Every file is read once, to be hashed; of a picture the header is looked at, too.

    Parameters
    ----------
    path
        A folder of pictures of any format, searched to the bottom; a ``.zip`` of pictures, which is
        not extracted; an ``.npz`` with one array of images, or an ``.npy``: uint8 (N, C, H, W),
        (N, H, W, C) or (N, H, W). Classes are the first level of subfolders that differ, or what
        StyleGAN's ``dataset.json`` says, or an array ``labels``, ``y`` or ``arr_1`` in the ``.npz``.
    size
        Side to which the square in the middle is resized, as `read_image` does; None keeps the images
        at their own height and width, and all must then have the same.
    channels
        1 (colours become ITU-R 601 luma) or 3 (gray is repeated); None is 1 if all are gray.
    workers
        Threads that read.

    Returns
    -------
    ImagePile
        In the order of the pictures' sorted paths, or the array's. Its `warnings` say what was made of
        the images: formats mixed or lossy, copies, resized, converted, files passed over.

    Raises
    ------
    MetricError
        If nothing is there; it holds no images; one is damaged, or of a kind that is not read; sizes
        differ and none is given; an array is not uint8 or its axes are not clear; a zip is damaged,
        encrypted, or packed as a bomb is; or `size` or `channels` is none.
    """
    path = Path(path).expanduser()
    if (size is not None and size < 1) or channels not in (None, 1, 3) or workers < 1:
        raise MetricError(
            f"size and workers must be at least 1 and channels 1 or 3, got {size}, {workers} and {channels}"
        )
    if not path.exists():
        raise MetricError(f"there is nothing at {path}")
    if path.is_dir():
        return picture_pile(folder_store(path), size=size, channels=channels, workers=workers)
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return picture_pile(zip_store(path), size=size, channels=channels, workers=workers)
    if suffix in (".npy", ".npz"):
        return _array_pile(path, size=size, channels=channels, workers=workers)
    raise MetricError(f"{path} is no folder, .zip, .npz or .npy, and images are read from these alone")


def _array_pile(path: Path, *, size: int | None, channels: int | None, workers: int) -> ImagePile:
    array, labels = read_images(path)
    n, own_channels, height, width = array.shape
    plain = ArrayImages(array, size=None, channels=own_channels)
    surveyed = survey_values(plain, workers=workers)
    images = ArrayImages(array, size=size, channels=channels or own_channels)
    cut = "cut to squares and " if height != width else ""
    sentences = [
        *surveyed.warnings(n),
        f"images, {width} × {height}, are {cut}resized to {size} × {size}"
        if size and (height, width) != (size, size)
        else "",
        channels_warning(n if own_channels == 1 else 0, n, images.channels),
    ]
    return ImagePile(
        source=images,
        name=str(path),
        content=surveyed.sha256 if images.as_they_are else read_as_sha256(surveyed.sha256, images.shape),
        labels=labels,
        warnings=tuple(sentence for sentence in sentences if sentence),
        formats={"array": n},
    )
