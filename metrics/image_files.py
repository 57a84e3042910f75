"""Image files as a pile of images: listed, surveyed without decoding, and decoded when asked for."""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor

from metrics.errors import MetricError
from metrics.images import ImageHeader, UnreadableImageError, content_of, read_header, read_image

IMAGE_SUFFIXES = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .bmp .dib .gif .webp .tif .tiff .ppm .pgm .pbm .pnm .avif".split()  # noqa: SIM905
)
"""Endings of file names, in lower case, that are taken for pictures."""

_CHUNK = 64  # files that a thread takes at a time: a small picture takes less time than handing it over

Item = TypeVar("Item")
Result = TypeVar("Result")


_usable = getattr(os, "sched_getaffinity", None)  # Linux only
DEFAULT_WORKERS: int = min(8, len(_usable(0)) if _usable else os.cpu_count() or 1)
"""Threads that read and decode where nobody says how many: as many as there are processors, up to 8."""


def list_images(folder: Path) -> list[tuple[str, ...]]:
    """Every picture below a folder, as the parts of its path from there, sorted.

    Names that begin with a dot and files with other endings than `IMAGE_SUFFIXES` are left out. Links are
    followed, but not into a folder that they lie in; one that leads nowhere is listed, to be complained
    of when it is read.

    Raises
    ------
    MetricError
        If a folder cannot be listed.
    """
    return list_files(folder)[0]


def list_files(folder: Path) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """`list_images`, and every other file whose name does not begin with a dot, both sorted."""
    files = sorted(_below(folder, (), ()))
    pictures = [parts for parts in files if is_image_name(parts[-1])]
    return pictures, [parts for parts in files if not is_image_name(parts[-1])]


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for a picture."""
    return Path(name).suffix.lower() in IMAGE_SUFFIXES


def _below(folder: Path, parts: tuple[str, ...], above: tuple[Path, ...]) -> Iterator[tuple[str, ...]]:
    here = folder.resolve()
    if here in above:
        return
    try:
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError as error:
        raise MetricError(f"the folder {folder} cannot be listed: {error.strerror}") from error
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir():
            yield from _below(path, (*parts, entry.name), (*above, here))
        elif entry.is_file() or not path.exists():
            yield (*parts, entry.name)


@dataclass(frozen=True, kw_only=True)
class SurveyedImage:
    """A picture's content and header."""

    sha256: str
    """Of the file's bytes, 64 hex digits."""
    header: ImageHeader


def survey_images(paths: Sequence[Path], *, workers: int = 1) -> list[SurveyedImage | UnreadableImageError]:
    """Hash each file and read its header, in order; of one that is not a readable picture, what is wrong.

    Raises
    ------
    MetricError
        If the system does not let a file be read: that is no damage that could be skipped.
    """
    return on_threads(lambda path: survey_image(content_of(path), str(path)), paths, workers)


def survey_image(content: bytes, name: str) -> SurveyedImage | UnreadableImageError:
    """`survey_images` of one file's bytes; `name` is what an error calls it."""
    try:
        header = read_header(content, name)
    except UnreadableImageError as error:
        return error
    return SurveyedImage(sha256=hashlib.sha256(content).hexdigest(), header=header)


class ImageFiles:
    """Image files as uint8 (n, C, S, S), each decoded anew by `read_image` whenever it is asked for.

    Parameters
    ----------
    paths
        The files, in the order of the pile.
    size
        S, the side of every image in pixels.
    channels
        C, 1 or 3.
    workers
        Threads that decode in `decode` and `unreadable`, and how many a caller may let call `fetch` at once.
    """

    dtype = torch.uint8

    def __init__(self, paths: Sequence[Path], *, size: int, channels: int, workers: int = 1) -> None:
        self.paths = tuple(paths)
        self.size, self.channels, self.workers = size, channels, workers
        self.shape: tuple[int, ...] = (len(self.paths), channels, size, size)

    def __len__(self) -> int:
        return len(self.paths)

    def fetch(self, indices: Tensor) -> Tensor:
        """Images of int64 indices (k,), uint8 (k, C, S, S) on the CPU; any number of threads may call.

        Raises
        ------
        UnreadableImageError
            If a file has become damaged since it was first read.
        MetricError
            If a file has gone.
        """
        images = [self._image(i) for i in indices.tolist()]
        return torch.stack(images) if images else torch.empty(0, *self.shape[1:], dtype=self.dtype)

    def decode(self, into: Tensor | None = None) -> None:
        """Decode every file once, on all workers, into uint8 (n, C, S, S), or just to see that it can be.

        Raises
        ------
        UnreadableImageError, MetricError
            As `fetch`, at the first file that cannot be read.
        """

        def image(i: int) -> None:
            pixels = self._image(i)
            if into is not None:
                into[i] = pixels

        on_threads(image, range(len(self)), self.workers)

    def unreadable(self, into: Tensor | None = None) -> list[int]:
        """`decode` those files that can be, and return the indices of those that are damaged."""

        def is_damaged(i: int) -> bool:
            try:
                pixels = self._image(i)
            except UnreadableImageError:
                return True
            if into is not None:
                into[i] = pixels
            return False

        return [
            i for i, damaged in enumerate(on_threads(is_damaged, range(len(self)), self.workers)) if damaged
        ]

    def _image(self, i: int) -> Tensor:
        return read_image(self.paths[i], size=self.size, channels=self.channels)


def on_threads(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int, *, chunk: int = _CHUNK
) -> list[Result]:
    """`function` of each item in order, `chunk` at a time, on several threads; the first error ends it."""

    def of_chunk(start: int) -> list[Result]:
        return [function(item) for item in items[start : start + chunk]]

    with _pillow_without_warnings(), ThreadPoolExecutor(workers, thread_name_prefix="pictures") as pool:
        futures = [pool.submit(of_chunk, start) for start in range(0, len(items), chunk)]
        try:
            return [result for future in futures for result in future.result()]
        finally:  # an error or an interrupt does not wait for what nobody will ask for
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _pillow_without_warnings() -> Iterator[None]:
    """Without Pillow's warnings of damage that it reads past, and of sizes that are refused anyway."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield
