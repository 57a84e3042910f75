"""Sample grids over training and latent walks, small enough to lie in the page."""

import base64
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from results.report.entries import Contest, Entry
from results.report.model import Frame, LeftOut, Pictures, Section, Strip

BUDGET_BYTES = 1_200_000
"""Of all pictures of a report, in base64."""
MOST_POINTS = 12
"""Points in time shown of one variant."""
MOST_STRIPS = 24
"""Variants shown, over all data sets."""

_COLUMNS = 8  # in the grids that bench.run draws
_SCATTER_SIDE = 330
_LARGEST = 16_383  # pixels of a side of a WebP
_MOST_PIXELS = 89_478_485  # where Pillow warns of a decompression bomb; a grid of runs is far smaller
# Points in time, columns, rows of unconditional grids, WebP quality (None: without loss); the first that
# fits into the budget is taken.
_LEVELS: tuple[tuple[int, int, int, int | None], ...] = (
    (12, 8, 8, None),
    (12, 8, 8, 85),
    (12, 8, 6, 75),
    (8, 6, 6, 70),
    (6, 4, 4, 65),
    (3, 4, 4, 50),
    (1, 4, 4, 40),
)
_KIMG = re.compile(r"kimg-(\d+\.\d+)\.png")
_KIMG_TOLERANCE = 0.0006  # the file's name has three places


@dataclass(frozen=True, kw_only=True)
class _Picture:
    """A decoded picture at its native resolution; `tile` is None of a scatter."""

    image: Image.Image
    kimg: float | None
    tile: tuple[int, int] | None


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """The pictures of one entry's chosen run."""

    entry: Entry
    seed: int
    conditional: bool
    samples: tuple[_Picture, ...]
    walk: _Picture | None
    unreadable: tuple[str, ...]


def section(contests: list[Contest], frame: pd.DataFrame, store: Path | None) -> list[Section | LeftOut]:
    """The sections of samples over training and of latent walks.

    Of each entry the run of the lowest seed that ended ok is shown: nobody chose it.
    """
    title = "Samples over training"
    if store is None:
        return [
            LeftOut(title=title, why="The report was made without the store's folder, where pictures lie.")
        ]
    shown = [(c, _shown(entry, frame, store)) for c in contests for entry in c.drawn]
    found = [(c, s) for c, s in shown if s is not None]
    if not found:
        return [LeftOut(title=title, why="No finished run of this store has a picture of its samples.")]
    dropped = found[MOST_STRIPS:]
    found = found[:MOST_STRIPS]
    level, frames, walks = _fitting([s for _, s in found])
    notes = _notes(level, [(c, s.entry) for c, s in dropped])
    blocks = []
    for contest in contests:
        mine = [s for c, s in found if c is contest]
        strips = tuple(_strip(s, contest, frames[id(s)], level) for s in mine)
        if strips:
            blocks.append(
                Pictures(name=f"{contest.name}-samples", title=f"Samples on {contest.title}", strips=strips)
            )
    lead = (
        "Of each variant: the run of its lowest seed that ended well, always the same latents z, so that "
        "only the generator changes. Nothing was picked by hand.",
    )
    made: list[Section | LeftOut] = [
        Section(key="samples", title=title, lead=(*lead, *notes), blocks=tuple(blocks))
    ]
    return [*made, _walks(contests, found, walks)]


def _walks(
    contests: list[Contest], found: list[tuple[Contest, _Shown]], walks: dict[int, Frame]
) -> Section | LeftOut:
    title = "Walks between latents"
    if not walks:
        return LeftOut(title=title, why="No run shown has a picture of a latent walk (walk.png).")
    blocks = []
    for contest in contests:
        strips = tuple(
            Strip(
                title=f"{s.entry.label}, seed {s.seed}", colour=s.entry.style.colour, notes=(),
                frames=(walks[id(s)],),
            )
            for c, s in found
            if c is contest and id(s) in walks
        )  # fmt: skip
        if strips:
            blocks.append(
                Pictures(name=f"{contest.name}-walks", title=f"Walks on {contest.title}", strips=strips)
            )
    lead = (
        "Each row goes in equal steps from one latent to another. A generator that has learned the data "
        "changes smoothly from one image to another; one that has memorised it jumps.",
    )
    return Section(key="walks", title=title, lead=lead, blocks=tuple(blocks))


def _shown(entry: Entry, frame: pd.DataFrame, store: Path) -> _Shown | None:
    """Read the pictures of the lowest seed that ended ok."""
    ok = entry.ok
    if ok.empty:
        return None
    cell = ok.iloc[0]
    # The frame's own text: only a name, never a path out of the store.
    folder = store / Path(str(cell["run_folder"])).name
    rows = frame[frame["training_id"].eq(ok.index[0])]
    kimgs = rows.loc[rows["phase"].eq("score").fillna(False), "kimg"].dropna().to_numpy(dtype=float)
    shape = str(cell["image_shape"])
    unreadable: list[str] = []
    samples: list[_Picture] = []
    for path, kimg in _files(folder, kimgs):
        # A link may lead to any picture of this machine.
        inside = path.resolve().is_relative_to(folder.resolve())
        if not inside or (picture := _read(path, kimg, shape)) is None:
            unreadable.append(path.name)
        else:
            samples.append(picture)
    walk = None
    path = folder / "walk.png"
    if path.is_file() and (path.is_symlink() or (walk := _read(path, None, shape)) is None):
        unreadable.append("walk.png")
    if not samples and walk is None and not unreadable:
        return None
    return _Shown(
        entry=entry,
        seed=int(cell["seed"]),
        conditional=_is_conditional(cell["settings"]),
        samples=tuple(samples),
        walk=walk,
        unreadable=tuple(unreadable),
    )


def _files(folder: Path, kimgs: np.ndarray) -> Iterator[tuple[Path, float | None]]:
    """The pictures of this training in order; those of an earlier attempt have no row beside them."""
    for path in sorted(folder.glob("progress/kimg-*.png")):
        match = _KIMG.fullmatch(path.name)
        if match and len(kimgs) and np.abs(kimgs - float(match[1])).min() < _KIMG_TOLERANCE:
            yield path, float(match[1])
    if (folder / "samples.png").is_file():
        yield folder / "samples.png", float(kimgs.max()) if len(kimgs) else None


def _read(path: Path, kimg: float | None, shape: str) -> _Picture | None:
    try:
        # PNG alone, which is what runs write: of others, Pillow would start Ghostscript for one (EPS).
        with Image.open(path, formats=("PNG",)) as file:
            if file.width * file.height > _MOST_PIXELS:
                return None
            file.load()
            image = file.convert("L" if file.mode in ("L", "1") else "RGB")
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    if (tile := _tile(image, shape)) is None:
        image.thumbnail((_SCATTER_SIDE, _SCATTER_SIDE), Image.Resampling.LANCZOS)
        return _Picture(image=image, kimg=kimg, tile=None)
    native = _COLUMNS * tile[0] + 1
    size = (native, image.height * native // image.width)
    if max(size) > _LARGEST:
        return None
    return _Picture(image=image.resize(size, Image.Resampling.NEAREST), kimg=kimg, tile=tile)


def _tile(image: Image.Image, shape: str) -> tuple[int, int] | None:
    """Width and height of a sample with its line in the native grid; None if this is no such grid."""
    match = re.fullmatch(r"\d+x(\d+)x(\d+)", shape)
    if match is None:
        return None
    height, width = int(match[1]) + 1, int(match[2]) + 1
    factor, rest = divmod(image.width, _COLUMNS * width + 1)
    if rest or not factor or (image.height // factor - 1) % height or image.height % factor:
        return None
    return width, height


def _is_conditional(settings: object) -> bool:
    try:
        kind = json.loads(str(settings))["variant"]["conditioning"]["kind"]
    except (ValueError, KeyError, TypeError):
        return False
    return kind != "none"


def _fitting(
    shown: list[_Shown],
) -> tuple[tuple[int, int, int, int | None], dict[int, tuple[Frame, ...]], dict[int, Frame]]:
    """Encode everything at the best level whose sum fits; at the last one, until the budget is spent."""
    for level in _LEVELS:
        points, columns, rows, quality = level
        left = BUDGET_BYTES
        frames: dict[int, tuple[Frame, ...]] = {}
        walks: dict[int, Frame] = {}
        for s in shown:
            chosen = _evenly(s.samples, points)
            made = tuple(
                _frame(_cropped(p, columns, None if s.conditional else rows), s, quality) for p in chosen
            )
            cost = sum(len(frame.data) for frame in made)
            walk = None if s.walk is None else _frame(_cropped(s.walk, _COLUMNS, rows), s, quality, walk=True)
            cost += 0 if walk is None else len(walk.data)
            if cost > left:
                if level is not _LEVELS[-1]:
                    break
                continue
            left -= cost
            frames[id(s)] = made
            if walk is not None:
                walks[id(s)] = walk
        else:
            return level, {id(s): frames.get(id(s), ()) for s in shown}, walks
    raise AssertionError("The last level always returns.")


def _evenly(pictures: tuple[_Picture, ...], most: int) -> list[_Picture]:
    """The last picture, the first, and others at even distances between them."""
    if len(pictures) <= most:
        return list(pictures)
    return [pictures[round(i)] for i in np.linspace(len(pictures) - 1, 0, most)][::-1]


def _cropped(picture: _Picture, columns: int, rows: int | None) -> _Picture:
    if picture.tile is None:
        return picture
    width, height = picture.image.size
    box = (
        0,
        0,
        min(width, columns * picture.tile[0] + 1),
        height if rows is None else min(height, rows * picture.tile[1] + 1),
    )
    return _Picture(image=picture.image.crop(box), kimg=picture.kimg, tile=picture.tile)


def _frame(picture: _Picture, shown: _Shown, quality: int | None, *, walk: bool = False) -> Frame:
    buffer = io.BytesIO()
    lossless = quality is None
    if picture.tile is None and lossless:
        quality, lossless = 80, False  # a scatter's soft edges are not data
    picture.image.save(buffer, "WEBP", lossless=lossless, quality=quality if quality else 90, method=4)
    data = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
    when = "" if picture.kimg is None else f" after {picture.kimg:.3g} kimg"
    what = _what(picture, shown, walk=walk)
    return Frame(
        kimg=picture.kimg,
        data=data,
        width=picture.image.width,
        height=picture.image.height,
        alt=f"{what} of {shown.entry.label}, seed {shown.seed}{when}",
        caption="" if picture.kimg is None else f"{picture.kimg:.3g} kimg",
    )


def _what(picture: _Picture, shown: _Shown, *, walk: bool) -> str:
    if picture.tile is None:
        return "Generated points over real ones"
    columns = picture.image.width // picture.tile[0]
    rows = picture.image.height // picture.tile[1]
    if walk:
        return f"{rows} walks of {columns} steps between latents"
    order = ", each row one class," if shown.conditional else ""
    return f"{columns * rows} samples{order}"


def _strip(
    shown: _Shown, contest: Contest, frames: tuple[Frame, ...], level: tuple[int, int, int, int | None]
) -> Strip:
    notes = []
    if shown.conditional:
        notes.append("Each row is one class.")
    if shown.unreadable:
        notes.append(f"Could not be read: {', '.join(shown.unreadable)}.")
    if not frames and shown.samples:
        notes.append("Left out: the pictures of this report have used up their room.")
    return Strip(
        title=f"{shown.entry.label}, seed {shown.seed}",
        colour=shown.entry.style.colour,
        notes=tuple(notes),
        frames=frames,
    )


def _notes(level: tuple[int, int, int, int | None], dropped: list[tuple[Contest, Entry]]) -> tuple[str, ...]:
    points, columns, rows, quality = level
    said = []
    if level != _LEVELS[0]:
        parts = [f"at most {points} points in time"] if points < MOST_POINTS else []
        if (columns, rows) != (8, 8):
            parts.append(f"the first {columns} columns and {rows} rows of each grid")
        parts.append(f"compressed with some loss (WebP, quality {quality})")
        said.append(f"To keep this file small, pictures are cut down: {'; '.join(parts)}.")
    if dropped:
        said.append(f"No pictures are shown of {len(dropped)} further entries; their files lie in the store.")
    return tuple(said)
