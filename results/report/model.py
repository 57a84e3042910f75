"""What a report is made of, be it HTML or Markdown. All texts are plain: rendering escapes them."""

from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["", "good", "bad", "even", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of a table: its text, what it is sorted by, a smaller second line, how it is marked."""

    text: str
    sort: float | str | None = None
    note: str = ""
    tone: Tone = ""
    strong: bool = False
    colour: int | None = None
    """Index of a variant's colour, drawn as a mark before the text."""
    shade: float | None = None
    """−1 (bad) … 1 (good): the background of a heat map's cell."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column's header, the line below it, and whether its cells are numbers."""

    title: str
    note: str = ""
    number: bool = True
    wide: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; the first cell of each row is its header."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    sortable: bool = False
    notes: tuple[str, ...] = ()
    heat: bool = False


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A drawing with its accessible name, a description, and the same as a table."""

    name: str
    title: str
    description: str
    svg: str
    table: Table | None = None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Drawings side by side, and what holds for all of them."""

    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One picture of a training: a grid of samples at `kimg`."""

    kimg: float | None
    data: str
    width: int
    height: int
    alt: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The pictures of one variant in the order of training."""

    title: str
    colour: int
    notes: tuple[str, ...]
    frames: tuple[Frame, ...]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Strips with one slider over all of them, if they have several frames."""

    name: str
    title: str
    strips: tuple[Strip, ...]

    @property
    def points(self) -> tuple[float, ...]:
        """All the kimg at which any strip has a picture."""
        return tuple(sorted({f.kimg for s in self.strips for f in s.frames if f.kimg is not None}))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One comparison in a sentence, with the figures that support it in small print."""

    tone: Tone
    label: str
    words: str
    evidence: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """What came out on one data set."""

    title: str
    lead: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Words:
    """Paragraphs under a heading of their own; `code` is shown as it is typed."""

    title: str = ""
    paragraphs: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file inside the report."""

    name: str
    label: str
    media_type: str
    base64: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Downloads:
    """Files inside the report."""

    files: tuple[Download, ...]
    notes: tuple[str, ...] = ()


Block = Table | Figures | Pictures | Verdicts | Words | Downloads


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report."""

    key: str
    title: str
    lead: tuple[str, ...] = ()
    handling: str = ""
    """How to read or use what only a browser shows: its colours, its lines, its buttons."""
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A part that the store has nothing for, and why, in a sentence."""

    title: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole of it."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    left_out: tuple[LeftOut, ...] = field(default=())
