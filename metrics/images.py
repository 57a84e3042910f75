"""One image file in, pixels out: the rules by which every picture in a file is read.

==================  =====================================================================
a file holds        it is read as
==================  =====================================================================
8 bits a channel    itself
black and white     0 and 255
16-bit gray         8 bits: value / 257, rounded (16-bit colour: its high bytes)
a palette           the palette's colours
transparency        laid on white, whether a channel, a palette entry or one colour
CMYK, YCbCr, …      RGB by Pillow's formulas; colour profiles are not looked at
an EXIF rotation    upright
several frames      refused; but of a stereo or multi-picture JPEG (MPO) the first is read
32-bit, floats      refused: nothing says which value is white
==================  =====================================================================

Then, where a size is given, the largest square in the middle is cut out, and resized where its side
differs: bicubic, antialiased, in Pillow's integer arithmetic, so that every machine gets the same bytes.
Without a size a picture keeps its own, square or not.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from metrics.errors import MetricError

IMAGE_READING_VERSION = 1
"""Version of the rules above; a change of what any file is read as raises it."""

MAX_PIXELS = 89_478_485
"""Where Pillow warns of a decompression bomb: beyond it a small file can unpack to more than memory holds."""

# Named, so that no other of Pillow's forty formats (EPS starts Ghostscript) is ever tried.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF")
_GRAY_MODES = ("1", "L", "LA", "La")
_UPRIGHT = 1  # EXIF's orientation of a picture that lies as it should
_SIDEWAYS = (5, 6, 7, 8)  # those by which width and height change places


class UnreadableImageError(MetricError):
    """A file is no picture, is damaged, or of a kind that is not read; the message names it."""


@dataclass(frozen=True, kw_only=True)
class ImageHeader:
    """What is known of a picture before its pixels are decoded."""

    width: int
    """Pixels, as stored: before any EXIF rotation."""
    height: int
    gray: bool
    """Whether one channel holds it, by its kind, not its pixels; with a palette, by the colours in use."""
    upright: tuple[int, int]
    """Width and height after any EXIF rotation: of what `read_image` gives without a size."""
    format: str
    """How it is encoded, such as ``"PNG"``, whatever its name ends in; MPO, several JPEGs, is ``"JPEG"``."""


def read_image(path: Path, *, size: int | None, channels: int) -> Tensor:
    """Read one image file by the rules of this module.

    Parameters
    ----------
    path
        The file.
    size
        Side of the result in pixels; None leaves the picture at its own height and width.
    channels
        1 (colours become ITU-R 601 luma) or 3 (gray is repeated).

    Returns
    -------
    Tensor
        uint8 (channels, size, size), or (channels, height, width) of the picture.

    Raises
    ------
    UnreadableImageError
        If it is damaged, no picture, or of a kind that is not read.
    MetricError
        If the file is not there, or the system does not let it be read.
    """
    return decode_image(content_of(path), str(path), size=size, channels=channels)


def content_of(path: Path) -> bytes:
    """All bytes of a file, or MetricError with the system's reason."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise MetricError(f"the picture {path} cannot be read: {error.strerror}") from error


def read_header(content: bytes, name: str) -> ImageHeader:
    """Size and kind of the picture in `content`; raises as `decode_image`, which finds more damage."""
    with _opened(content, name) as image:
        return ImageHeader(
            width=image.width,
            height=image.height,
            gray=_is_gray(image),
            upright=_upright_size(image, content),
            format="JPEG" if image.format == "MPO" else str(image.format),
        )


def decode_image(content: bytes, name: str, *, size: int | None, channels: int) -> Tensor:
    """`read_image` of a file's bytes; `name` is what an error calls it."""
    pixels = torch.from_numpy(decode_pixels(content, name, size=size, channels=channels).copy())
    return pixels[None] if channels == 1 else pixels.permute(2, 0, 1).contiguous()


def decode_pixels(content: bytes, name: str, *, size: int | None, channels: int) -> np.ndarray:
    """`decode_image` as Pillow lays pixels out: uint8 (H, W, 3), or (H, W) of one channel, read-only."""
    with _opened(content, name) as image:
        upright = image
        if image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT) != _UPRIGHT:
            upright = ImageOps.exif_transpose(image)
        return _fitted(upright, size, channels)


def fit_pixels(pixels: np.ndarray, *, size: int | None, channels: int) -> np.ndarray:
    """`decode_pixels` of pixels that are decoded already: uint8 (H, W, 3), or (H, W) of gray."""
    return _fitted(Image.fromarray(pixels), size, channels)


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[Image.Image]:
    """The picture in `content`, of a kind that is read; what goes wrong with it names the file."""
    if not content:
        raise UnreadableImageError(f"the picture {name} is damaged: the file is empty")
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _require_readable(image, name)
            yield image
    except (MetricError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name) from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(
            f"the picture {name} is damaged, or not of a kind that is read ({', '.join(_FORMATS)})"
        ) from error
    except Exception as error:  # each of Pillow's decoders has errors of its own for damaged bytes
        why = str(error).strip().rstrip(".") or type(error).__name__
        raise UnreadableImageError(f"the picture {name} is damaged: {why}") from error


def _require_readable(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name)
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise UnreadableImageError(
            f"the picture {name} is animated or has several pages; only single pictures are read"
        )
    if image.mode == "F" or (image.mode == "I" and not _holds_16_bits(image)):
        raise UnreadableImageError(
            f"the picture {name} has 32 bits a pixel, and nothing says which value is white; "
            "convert it to 8 or 16 bits"
        )


def _too_large(name: str) -> UnreadableImageError:
    return UnreadableImageError(
        f"the picture {name} is refused: it unpacks to more than {MAX_PIXELS:,} pixels, as a decompression "
        "bomb does"
    )


def _holds_16_bits(image: Image.Image) -> bool:
    # Pillow's mode of 16-bit gray depends on the format, and for PNG on Pillow's version.
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))


# What a PNG may hold after its pixels, to be seen only once they are decoded, and EXIF may be in.
_LATE_EXIF = (b"eXIf", b"XML:com.adobe.xmp", b"Raw profile type exif")


def _upright_size(image: Image.Image, content: bytes) -> tuple[int, int]:
    # A square is turned into a square, and looking at a PNG's EXIF decodes it: not for nothing.
    if image.width == image.height or (
        image.format == "PNG" and not any(mark in content for mark in _LATE_EXIF)
    ):
        return image.size
    sideways = image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT) in _SIDEWAYS
    return (image.height, image.width) if sideways else image.size


def _fitted(image: Image.Image, size: int | None, channels: int) -> np.ndarray:
    picture = _in_8_bits(image, "L" if channels == 1 else "RGB")
    if size is not None:
        picture = _middle(picture)
        if picture.width != size:
            picture = picture.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(picture)


def _is_gray(image: Image.Image) -> bool:
    if image.mode in ("P", "PA"):
        colours = np.asarray(_in_8_bits(image, "RGB"))
        return bool((colours == colours[:, :, :1]).all())
    return image.mode in _GRAY_MODES or _holds_16_bits(image)


def _in_8_bits(image: Image.Image, mode: str) -> Image.Image:
    """In mode L or RGB, on white where it is transparent."""
    if _holds_16_bits(image):
        values = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    if image.mode in ("P", "PA"):  # straight to gray, a palette would be rounded twice
        image = image.convert("RGB")
    return image if image.mode == mode else image.convert(mode)


def _middle(image: Image.Image) -> Image.Image:
    side = min(image.size)
    if image.width == image.height:
        return image
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))
