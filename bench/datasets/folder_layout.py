"""What a folder of pictures means: which subfolders are splits, which are classes."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import metrics
from bench.errors import InputError

SPLIT_OF_FOLDER = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""Names of subfolders (in any case) that hold a split, and which."""


@dataclass(frozen=True, kw_only=True)
class PictureFile:
    """A picture's place in a folder."""

    path: Path
    class_name: str | None
    name: str
    """Its path below the split's folder, with /."""


def find_pictures(folder: Path) -> dict[str, list[PictureFile]]:
    """The pictures of each split that a folder has: "train" alone where it has no subfolders for splits.

    A split's subfolders are classes, their own subfolders are not. A single one is no class: it tells
    nothing apart.

    Raises
    ------
    InputError
        If there is no such folder, it holds no pictures, or what its subfolders mean is not clear.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "is not there"
        raise InputError(f"The folder of pictures {folder} {what}.")
    found = metrics.list_images(folder)
    if not found:
        raise InputError(
            f"The folder {folder} holds no pictures: no file in it or below ends in "
            f"{', '.join(sorted(metrics.IMAGE_SUFFIXES))}."
        )
    piles = {
        split: _pile(folder.joinpath(*above), parts)
        for split, (above, parts) in _splits(folder, found).items()
    }
    classes = {split: {file.class_name for file in files} for split, files in piles.items()}
    for split, names in classes.items():
        if names != classes["train"]:
            odd = sorted(names ^ classes["train"], key=str)[0]
            raise InputError(
                f"In {folder} the classes differ between train and {split}"
                + (f": {odd!r} is in one of them only." if odd else ": only one of them has subfolders.")
            )
    return piles


def _splits(
    folder: Path, found: Iterable[tuple[str, ...]]
) -> dict[str, tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """Of each split the parts of its folder, and those of each picture from there."""
    below: dict[str, list[tuple[str, ...]]] = {}
    loose = []
    for parts in found:
        if len(parts) > 1:
            below.setdefault(parts[0], []).append(parts[1:])
        else:
            loose.append(parts)
    meant = {name: SPLIT_OF_FOLDER[name.lower()] for name in below if name.lower() in SPLIT_OF_FOLDER}
    if loose and {"train", "test"} & set(meant.values()):
        raise InputError(
            f"The folder {folder} has pictures of its own ({loose[0][0]}) beside the subfolders "
            f"{', '.join(meant)}; it is not clear which split they belong to."
        )
    others = [name for name in below if name not in meant]
    if others and {"train", "test"} <= set(meant.values()):
        raise InputError(
            f"The folder {folder} has the subfolder {others[0]!r} beside {', '.join(meant)}; a folder with "
            "splits holds nothing else with pictures in it."
        )
    if not meant or others:  # a class may be called train
        return {"train": ((), [*loose, *(((name, *rest)) for name in below for rest in below[name])])}
    if len(set(meant.values())) < len(meant):
        raise InputError(f"The folder {folder} has a split twice: {', '.join(meant)}.")
    if "train" not in meant.values():
        raise InputError(f"The folder {folder} has {', '.join(meant)}, but no subfolder train with pictures.")
    return {split: ((name,), below[name]) for name, split in meant.items()}


def _pile(folder: Path, found: list[tuple[str, ...]]) -> list[PictureFile]:
    loose = [parts[0] for parts in found if len(parts) == 1]
    classes = {parts[0] for parts in found if len(parts) > 1}
    if loose and classes:
        raise InputError(
            f"The folder {folder} has pictures of its own ({loose[0]}) beside subfolders with pictures "
            f"({sorted(classes)[0]}): put all of them into subfolders, one a class, or none."
        )
    return [
        PictureFile(
            path=folder.joinpath(*parts),
            class_name=parts[0] if len(classes) > 1 else None,
            name="/".join(parts),
        )
        for parts in sorted(found)
    ]
