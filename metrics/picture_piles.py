"""Piles of pictures in files, in a folder or inside a zip: which files, which classes, what size."""

import hashlib
import json
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from metrics.archives import Archive
from metrics.errors import MetricError
from metrics.image_files import SurveyedImage, is_image_name, list_files, on_threads, survey_image
from metrics.image_pile import ImagePile, copies_warning, count_copies, files_sha256
from metrics.images import ImageHeader, content_of, decode_pixels

Parts = tuple[str, ...]  # of a path

_METADATA = "dataset.json"  # of StyleGAN's data sets
_SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing"))
_LOSSY = ("JPEG", "WEBP", "AVIF")


@dataclass(frozen=True, kw_only=True)
class PictureStore:
    """Where encoded pictures come from."""

    path: Path
    pictures: Sequence[Parts]
    """Sorted."""
    others: Sequence[Parts]
    """Files that are no pictures, sorted; hidden ones left out."""
    read: Callable[[Parts], bytes]
    """All bytes of one of either; any thread may call."""

    def name(self, parts: Parts) -> str:
        """What an error calls a picture."""
        return str(self.path.joinpath(*parts))


class EncodedImages:
    """Encoded pictures as uint8 (n, C, H, W), each decoded anew whenever it is asked for."""

    dtype = torch.uint8

    def __init__(
        self, store: PictureStore, *, shape: tuple[int, ...], size: int | None, digests: bytes
    ) -> None:
        self.store, self.shape, self.size = store, shape, size
        self._digests = digests  # SHA-256 of each file, 32 bytes each, as it was when the pile was opened

    def __len__(self) -> int:
        return len(self.store.pictures)

    def fetch(self, indices: Tensor) -> Tensor:
        """Images of int64 indices (k,), uint8 (k, C, H, W) on the CPU; any number of threads may call.

        Raises
        ------
        MetricError
            If a picture is damaged, has gone, or is another than when the pile was opened: what is computed
            of it would be kept under the hash of what was there before.
        """
        _, channels, height, width = self.shape
        images = np.empty((len(indices), height, width, channels), np.uint8)
        for image, i in zip(images, indices.tolist(), strict=True):
            parts = self.store.pictures[i]
            name = self.store.name(parts)
            content = self.store.read(parts)
            if hashlib.sha256(content).digest() != self._digests[32 * i : 32 * (i + 1)]:
                raise MetricError(f"the picture {name} has changed since it was first read")
            pixels = decode_pixels(content, name, size=self.size, channels=channels)
            image[:] = pixels.reshape(image.shape)
        # All at once: for small pictures, turning each alone takes half as long as decoding it.
        return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def folder_store(folder: Path) -> PictureStore:
    """The files below a folder; raises as `list_images`."""
    pictures, others = list_files(folder)
    return PictureStore(
        path=folder,
        pictures=pictures,
        others=others,
        read=lambda parts: content_of(folder.joinpath(*parts)),
    )


def zip_store(path: Path) -> PictureStore:
    """The files inside a zip, as if it were unpacked into a folder.

    Raises
    ------
    MetricError
        If it is not a whole zip, or one of its pictures cannot be read: see `Archive.check`.
    """
    archive = Archive(path)
    names = sorted(tuple(name.split("/")) for name in archive.names)
    # "..", which climbs out of a folder, leads nowhere here; as a name it is none that is hidden.
    seen = [
        parts
        for parts in names
        if parts[0] != "__MACOSX" and not any(part.startswith(".") and part != ".." for part in parts)
    ]
    pictures = [parts for parts in seen if is_image_name(parts[-1])]
    others = [parts for parts in seen if not is_image_name(parts[-1])]
    for parts in pictures:
        archive.check("/".join(parts))

    def read(parts: Parts) -> bytes:
        archive.check("/".join(parts))
        return archive.read("/".join(parts))

    return PictureStore(path=path, pictures=pictures, others=others, read=read)


def picture_pile(store: PictureStore, *, size: int | None, channels: int | None, workers: int) -> ImagePile:
    """The pictures of a store as a pile; raises as `open_pile`."""
    if not store.pictures:
        raise MetricError(f"{store.path} holds no pictures")
    classes = _classes(store)

    def survey(parts: Parts) -> SurveyedImage:
        known = survey_image(store.read(parts), store.name(parts))
        if isinstance(known, SurveyedImage):
            return known
        raise known

    surveyed = on_threads(survey, store.pictures, workers)
    headers = [one.header for one in surveyed]
    n = len(headers)
    n_gray = sum(header.gray for header in headers)
    if channels is None:
        channels = 1 if n_gray == n else 3
    shape = (n, channels, *_height_and_width(store, headers, size))
    digests = b"".join(bytes.fromhex(one.sha256) for one in surveyed)
    formats = Counter(header.format for header in headers)
    copies = count_copies(digests)
    odd = [parts for parts in store.others if parts != classes.metadata]
    sentences = [
        *format_warnings(formats),
        copies_warning(copies, n) if copies else "",
        _resized(headers, size) if size else "",
        channels_warning(n_gray, n, channels),
        *classes.warnings,
        f"files passed over, as they are no pictures: {len(odd)}, such as {'/'.join(odd[0])}" if odd else "",
    ]
    return ImagePile(
        source=EncodedImages(store, shape=shape, size=size, digests=digests),
        name=str(store.path),
        content=files_sha256(digests, shape),
        labels=classes.labels,
        class_names=classes.names,
        warnings=tuple(sentence for sentence in sentences if sentence),
        formats=dict(formats.most_common()),
    )


def format_warnings(formats: Counter[str]) -> list[str]:
    """What follows from how pictures are encoded; `formats` counts them."""
    lossy = [kind for kind in formats if kind in _LOSSY]
    counted = " and ".join(f"{n} {kind}" for kind, n in formats.most_common())
    if len(formats) > 1:
        loss = f": the loss of {' and '.join(lossy)} shows in features" if lossy else ""
        return [f"formats are mixed, {counted}{loss}"]
    if lossy:
        return [
            f"all pictures ({counted}) are of a lossy format: against pictures of another, a score also "
            "measures compression"
        ]
    return []


def channels_warning(n_gray: int, n: int, channels: int) -> str:
    """What is done to pictures of the other number of channels, or nothing."""
    if channels == 3 and n_gray:
        return f"gray pictures are repeated to three channels: {n_gray} of {n}"
    if channels == 1 and n_gray < n:
        return f"colour pictures are reduced to ITU-R 601 luma: {n - n_gray} of {n}"
    return ""


def _height_and_width(
    store: PictureStore, headers: Sequence[ImageHeader], size: int | None
) -> tuple[int, int]:
    if size is not None:
        return size, size
    sizes = sorted({header.upright for header in headers})
    if len(sizes) > 1:
        usual = statistics.median_low(min(header.upright) for header in headers)
        raise MetricError(
            f"the pictures in {store.path} are of {len(sizes)} sizes ({_range(sizes)}): give the side to "
            f"which all are to be cut and resized, such as {usual}"
        )
    ((width, height),) = sizes
    return height, width


def _resized(headers: Sequence[ImageHeader], size: int) -> str:
    sizes = sorted({header.upright for header in headers})
    if sizes == [(size, size)]:
        return ""
    cut = "cut to squares and " if any(width != height for width, height in sizes) else ""
    what = "pictures" if len(sizes) == 1 else f"pictures of {len(sizes)} sizes"
    return f"{what}, {_range(sizes)}, are {cut}resized to {size} × {size}"


def _range(sizes: Sequence[tuple[int, int]]) -> str:
    first, last = (f"{width} × {height}" for width, height in (sizes[0], sizes[-1]))
    return first if first == last else f"{first} … {last}"


@dataclass(frozen=True, kw_only=True)
class _Classes:
    labels: Tensor | None = None
    names: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    metadata: Parts | None = None
    """The file that said so."""


def _classes(store: PictureStore) -> _Classes:
    """Labels by StyleGAN's dataset.json where there is one, else by the first folders that differ."""
    above = _common_folder(store.pictures)
    for folder in dict.fromkeys(((), above)):
        if (metadata := (*folder, _METADATA)) in store.others:
            written = _stylegan_labels(store, metadata)
            if written is not None:
                return written
    below = [parts[len(above) :] for parts in store.pictures]
    folders = sorted({parts[0] for parts in below if len(parts) > 1})
    if not folders:
        return _Classes()
    if not all(len(parts) > 1 for parts in below):
        return _Classes(
            warnings=(
                "pictures lie beside subfolders with pictures, so that subfolders are taken for no classes",
            )
        )
    if {name.lower() for name in folders} <= _SPLITS:
        raise MetricError(
            f"{store.path} holds the splits {', '.join(folders)}, and a score is of one of them: "
            "give its folder"
        )
    number = {name: i for i, name in enumerate(folders)}
    return _Classes(labels=torch.tensor([number[parts[0]] for parts in below]), names=tuple(folders))


def _common_folder(pictures: Sequence[Parts]) -> Parts:
    # Of sorted paths, what the first and the last share all share.
    first, last = pictures[0][:-1], pictures[-1][:-1]
    n = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return first[:n]


def _stylegan_labels(store: PictureStore, metadata: Parts) -> _Classes | None:
    """What `dataset.json` says, {"labels": [[file, class], …]} or null; None if it is another file."""
    try:
        written = json.loads(store.read(metadata))
        if not isinstance(written, dict) or "labels" not in written:
            return None
        if written["labels"] is None:
            return _Classes(metadata=metadata)
        labels = {tuple(str(name).replace("\\", "/").split("/")): label for name, label in written["labels"]}
    except (ValueError, TypeError, RecursionError) as error:
        raise MetricError(f"{store.name(metadata)} is damaged, or not as StyleGAN writes it") from error
    here = [parts[len(metadata) - 1 :] for parts in store.pictures]
    missing = [parts for parts in here if parts not in labels]
    if missing:
        raise MetricError(
            f"{store.name(metadata)} has to label all pictures, and does not: {len(missing)}, "
            f"such as {'/'.join(missing[0])}"
        )
    sentences = []
    if gone := len(labels.keys() - set(here)):
        sentences.append(f"pictures named in {_METADATA} that are not there: {gone}")
    values = [labels[parts] for parts in here]
    if not all(isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in values):
        sentences.append(f"the labels in {_METADATA} are no classes, integers from 0 on, and play no part")
        return _Classes(metadata=metadata, warnings=tuple(sentences))
    return _Classes(metadata=metadata, labels=torch.tensor(values), warnings=tuple(sentences))
