"""`folder:PATH`: your own pictures, in one folder, in a subfolder a class, or split into train and test.

Every file is read by the rules of `metrics.images`, cut to the square in its middle and resized. Where
the folder has no `test` or no `validation` subfolder, a tenth of the training pictures each, 10,000 at
most, becomes one: chosen by the content of the files, so that copies of a picture never sit in two
splits, and names and their order play no part.
"""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

import metrics
from bench.datasets.content_split import (
    LARGEST_HELD_OUT,
    SPLITS,
    Picture,
    Pictures,
    content_hash,
    with_all_splits,
)
from bench.datasets.dataset import Dataset, Split
from bench.datasets.folder_layout import PictureFile, find_pictures
from bench.datasets.registry import Reading, Request, register
from bench.errors import InputError
from bench.memory import available_bytes
from gans.networks.dcgan import nearest_sizes

COMMON_SIZE = 64  # of pictures that differ in size
LARGEST_NATIVE = 256  # of squares of one size that every network can make, which they then keep
MEMORY_SHARE = 0.25  # of free memory that training pictures may fill: a trainer holds a second copy
MEMORY_BYTES = 4 * 2**30  # and at most this, which most GPUs have to spare


@register(
    "folder",
    summary="your own pictures of any size and kind: PATH/*.jpg, or PATH/<class>/*.jpg, or either of them in "
    "PATH/train, PATH/validation and PATH/test",
    licence="yours",
    origin="files",
    image_size=0,
    spelling="folder:PATH",
    reads_pictures=True,
)
def load(request: Request) -> Dataset:
    """The three splits of the pictures below the folder `request.argument`."""
    folder, reading = Path(request.argument).expanduser(), request.reading
    found = find_pictures(folder)
    usable = survey(found, reading)
    while True:
        splits = with_all_splits(folder, usable)
        files = decoder_of(splits, request)
        stream = reading.stream == "always" or (
            reading.stream == "auto" and not fit_in_memory(files["train"])
        )
        images, damaged = read(files, reading, streamed=("train",) if stream else ())
        if not damaged:
            break
        # All over again, as if they had never been there: the splits are those of the others alone.
        usable = {
            split: [one for one in pictures if one.file.path not in damaged]
            for split, pictures in usable.items()
        }
    # Of pictures that can be read: a class of which nothing is left is none.
    classes = {one.file.class_name for pictures in splits.values() for one in pictures}
    names = sorted(name for name in classes if name is not None)
    number: dict[str | None, int] = {name: i for i, name in enumerate(names)}
    skipped = sum(map(len, found.values())) - sum(map(len, usable.values()))

    def split(name: str) -> Split:
        labels = torch.tensor([number[one.file.class_name] for one in splits[name]]) if names else None
        return Split(images.get(name, files[name]), labels)

    return Dataset(
        name=f"folder:{folder.resolve().name}",
        train=split("train"),
        validation=split("validation"),
        test=split("test"),
        class_names=tuple(names) or None,
        content=content_hash(splits, files["train"], names),
        images_skipped=skipped,
        notes=(how_read(folder, found, splits, files, images, skipped),),
    )


def survey(found: Mapping[str, Sequence[PictureFile]], reading: Reading) -> Pictures:
    """Content and header of each file; those without a picture's header left out if that was asked for."""
    usable: dict[str, list[Picture]] = {split: [] for split in found}
    for split, files in found.items():
        surveyed = metrics.survey_images([file.path for file in files], workers=reading.workers)
        for file, known in zip(files, surveyed, strict=True):
            if isinstance(known, metrics.SurveyedImage):
                usable[split].append(Picture(file=file, sha256=known.sha256, header=known.header))
            elif not reading.skip_damaged:
                raise refused(known) from known
    return usable


def refused(error: metrics.UnreadableImageError) -> InputError:
    """What is wrong with a file, and what can be done about it."""
    message = str(error)
    return InputError(
        f"{message[:1].upper()}{message[1:]}; --skip-damaged leaves out such files, and counts them."
    )


def decoder_of(splits: Pictures, request: Request) -> dict[str, metrics.ImageFiles]:
    """The files of each split as images of one size and number of channels."""
    headers = [one.header for pictures in splits.values() for one in pictures]
    size = request.image_size or natural_size(headers)
    channels = 1 if all(header.gray for header in headers) else 3
    return {
        split: metrics.ImageFiles(
            [one.file.path for one in splits[split]],
            size=size,
            channels=channels,
            workers=request.reading.workers,
        )
        for split in SPLITS
    }


def natural_size(headers: Sequence[metrics.ImageHeader]) -> int:
    """The side when none is asked for, one that every network can make.

    The pictures' own if all are squares of one size up to `LARGEST_NATIVE`; else the largest up to
    `COMMON_SIZE` that half of them have.
    """
    sizes = {(header.width, header.height) for header in headers}
    (width, height), *others = sizes
    if not others and width == height <= LARGEST_NATIVE and nearest_sizes(width)[0] == width:
        return width
    usual = statistics.median_low(min(header.width, header.height) for header in headers)
    return nearest_sizes(min(COMMON_SIZE, usual))[0]


def fit_in_memory(files: metrics.ImageFiles) -> bool:
    """Whether all images can be kept decoded, beside everything else a training needs."""
    free = available_bytes()
    limit = MEMORY_BYTES if free is None else min(MEMORY_BYTES, MEMORY_SHARE * free)
    return torch.Size(files.shape).numel() <= limit


def read(
    files: Mapping[str, metrics.ImageFiles], reading: Reading, streamed: tuple[str, ...]
) -> tuple[dict[str, Tensor], set[Path]]:
    """Decode every picture once: images of the splits not streamed, and the damaged files."""
    images: dict[str, Tensor] = {}
    damaged: set[Path] = set()
    for split, pile in files.items():
        into = None
        if split not in streamed:
            into = images[split] = torch.empty(pile.shape, dtype=pile.dtype)
        if reading.skip_damaged:
            damaged.update(pile.paths[i] for i in pile.unreadable(into))
            continue
        try:
            pile.decode(into)
        except metrics.UnreadableImageError as error:
            raise refused(error) from error
    return images, damaged


def how_read(
    folder: Path,
    found: Mapping[str, Sequence[PictureFile]],
    splits: Pictures,
    files: Mapping[str, metrics.ImageFiles],
    images: Mapping[str, Tensor],
    skipped: int,
) -> str:
    """What was made of a folder, in a sentence: a user sees whether it is what was meant."""
    headers = [one.header for pictures in splits.values() for one in pictures]
    sizes = sorted({(header.width, header.height) for header in headers}, key=lambda size: (min(size), size))
    _, channels, side, _ = files["train"].shape
    classes = {one.file.class_name for pictures in splits.values() for one in pictures} - {None}
    carved = [split for split in SPLITS if split not in found]
    left_out = sum(map(len, found.values())) - len(headers) - skipped
    gray = sum(header.gray for header in headers)
    parts = [
        f"{folder}: {', '.join(f'{len(splits[split])} {split}' for split in SPLITS)}",
        f"{' and '.join(carved)} taken from train" if carved else "",
        f"{len(classes)} classes" if classes else "no classes",
        f"{channels} × {side} × {side}",
        f"resized from {_range(sizes)}" if sizes != [(side, side)] else "",
        f"gray pictures read as colour: {gray}" if channels == 3 and gray else "",
        "train streamed" if "train" not in images else "",
        f"left out, as copies or beyond {LARGEST_HELD_OUT:,} of a split: {left_out}" if left_out else "",
        f"skipped, as they cannot be read: {skipped}" if skipped else "",
    ]
    return "; ".join(part for part in parts if part)


def _range(sizes: Sequence[tuple[int, int]]) -> str:
    first, last = (f"{width} × {height}" for width, height in (sizes[0], sizes[-1]))
    return first if first == last else f"{first} … {last}"
