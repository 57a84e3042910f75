"""Every kind of picture is read right, or refused with a sentence that names the file."""

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from metrics import MetricError, UnreadableImageError, read_image
from metrics.images import read_header

SIDE = 12
RGB = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
GRAY = RGB[:, :, 0]
SIXTEEN = np.random.default_rng(1).integers(0, 65536, (SIDE, SIDE), dtype=np.uint16)
HALF_SEEN = np.where(np.arange(SIDE) < SIDE // 2, 0, 255).astype(np.uint8) * np.ones((SIDE, 1), np.uint8)
ON_WHITE = np.where(HALF_SEEN[:, :, None] == 0, 255, RGB)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def with_exif_rotation(orientation: int) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        exif = Image.Exif()
        exif[0x0112] = orientation
        return saved(folder / "turned.png", Image.fromarray(RGB), exif=exif)

    return write


def palette(folder: Path, **options: object) -> Path:
    return saved(folder / "palette.png", Image.fromarray(GRAY % 7 + 30).convert("P"), **options)


def palette_of_colours(folder: Path, **options: object) -> Path:
    image = Image.frombytes("P", (SIDE, SIDE), (GRAY % 3).tobytes())
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    return saved(folder / "colours.png", image, **options)


COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)[GRAY % 3]
COLOURS_ON_WHITE = np.array([[255, 255, 255], [0, 255, 0], [0, 0, 255]], np.uint8)[GRAY % 3]
BLACK_AND_WHITE = np.where(GRAY > 127, 255, 0).astype(np.uint8)
ROUNDED = np.round(SIXTEEN / 257).astype(np.uint8)
CMYK = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)

# Name, how it is written, its pixels as they must be read (H, W) or (H, W, 3).
KINDS: list[tuple[str, Callable[[Path], Path], np.ndarray]] = [
    ("gray png", lambda d: saved(d / "a.png", Image.fromarray(GRAY)), GRAY),
    ("colour png", lambda d: saved(d / "a.png", Image.fromarray(RGB)), RGB),
    ("bmp", lambda d: saved(d / "a.bmp", Image.fromarray(RGB)), RGB),
    ("tiff", lambda d: saved(d / "a.tif", Image.fromarray(RGB)), RGB),
    ("compressed tiff", lambda d: saved(d / "a.tiff", Image.fromarray(RGB), compression="tiff_lzw"), RGB),
    ("ppm", lambda d: saved(d / "a.ppm", Image.fromarray(RGB)), RGB),
    ("webp", lambda d: saved(d / "a.webp", Image.fromarray(RGB), lossless=True), RGB),
    ("gif", lambda d: saved(d / "a.gif", Image.fromarray(GRAY)), GRAY),
    (
        "black and white",
        lambda d: saved(d / "a.png", Image.fromarray(BLACK_AND_WHITE).convert("1")),
        BLACK_AND_WHITE,
    ),
    ("16-bit png", lambda d: saved(d / "a.png", Image.fromarray(SIXTEEN)), ROUNDED),
    ("16-bit tiff", lambda d: saved(d / "a.tif", Image.fromarray(SIXTEEN)), ROUNDED),
    ("16-bit pgm", lambda d: saved(d / "a.pgm", Image.fromarray(SIXTEEN)), ROUNDED),
    ("palette of grays", palette, GRAY % 7 + 30),
    ("palette of colours", palette_of_colours, COLOURS),
    ("transparent palette", lambda d: palette_of_colours(d, transparency=0), COLOURS_ON_WHITE),
    (
        "alpha",
        lambda d: saved(d / "a.png", Image.fromarray(np.dstack([RGB, HALF_SEEN]))),
        ON_WHITE,
    ),
    (
        "gray and alpha",
        lambda d: saved(d / "a.png", Image.fromarray(np.dstack([GRAY, HALF_SEEN]))),
        np.where(HALF_SEEN == 0, 255, GRAY),
    ),
    (
        "one transparent colour",
        lambda d: saved(d / "a.png", Image.fromarray(COLOURS), transparency=(255, 0, 0)),
        COLOURS_ON_WHITE,
    ),
    (
        "cmyk",
        lambda d: saved(d / "a.tif", Image.frombytes("CMYK", (SIDE, SIDE), CMYK.tobytes())),
        # Ink takes its share of the light: (255 − c) (255 − k) / 255.
        np.round((255.0 - CMYK[:, :, :3]) * (255.0 - CMYK[:, :, 3:]) / 255),
    ),
    # What the EXIF standard says of each: 3 is half a turn, 6 a quarter clockwise, 8 one back, 2 mirrored.
    ("exif 2", with_exif_rotation(2), RGB[:, ::-1]),
    ("exif 3", with_exif_rotation(3), RGB[::-1, ::-1]),
    ("exif 6", with_exif_rotation(6), np.rot90(RGB, -1)),
    ("exif 8", with_exif_rotation(8), np.rot90(RGB)),
]


@pytest.mark.parametrize(("write", "pixels"), [case[1:] for case in KINDS], ids=[case[0] for case in KINDS])
def test_a_kind_of_picture_is_read_as_what_it_shows(write, pixels, tmp_path, request):
    path = write(tmp_path)
    header = read_header(path.read_bytes(), "x")
    assert (header.width, header.height) == (SIDE, SIDE)
    assert header.gray == (pixels.ndim == 2)
    expected = torch.from_numpy(np.array(pixels, np.int64))
    expected = expected[None].expand(3, -1, -1) if pixels.ndim == 2 else expected.permute(2, 0, 1)
    found = read_image(path, size=SIDE, channels=3)
    assert found.dtype == torch.uint8
    assert found.is_contiguous()
    # Pillow multiplies 8-bit inks in integers, a level away from rounding. All else is exact.
    rounding = 1 if request.node.callspec.id == "cmyk" else 0
    assert (found.long() - expected).abs().max() <= rounding
    if pixels.ndim == 2:
        assert torch.equal(read_image(path, size=SIDE, channels=1), found[:1])


def test_jpeg_in_each_of_its_colours(tmp_path):
    smooth = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8) * 4
    gray = saved(tmp_path / "gray.jpg", Image.fromarray(smooth), quality=95)
    assert read_header(gray.read_bytes(), "x").gray
    colour = saved(tmp_path / "colour.jpg", Image.fromarray(np.dstack([smooth] * 3)), quality=95)
    assert not read_header(colour.read_bytes(), "x").gray
    inks = Image.fromarray(np.dstack([smooth] * 3)).convert("CMYK")
    cmyk = saved(tmp_path / "cmyk.jpg", inks, quality=95)
    for path in (gray, colour, cmyk):
        difference = read_image(path, size=32, channels=3).int() - torch.from_numpy(smooth).int()
        assert difference.abs().max() <= 6  # levels: what JPEG at this quality loses on a ramp


def test_the_middle_square_is_cut_out_and_resized_with_antialiasing(tmp_path):
    wide = np.zeros((8, 20), np.uint8)
    wide[:, 6:14] = 255
    path = saved(tmp_path / "wide.png", Image.fromarray(wide))
    assert read_image(path, size=8, channels=1).eq(255).all()
    assert read_image(path, size=16, channels=1).eq(255).all()
    tall = saved(tmp_path / "tall.png", Image.fromarray(wide.T.copy()))
    assert read_image(tall, size=4, channels=1).eq(255).all()
    # A checkerboard of single pixels: whoever picks pixels sees black or white, whoever averages gray.
    board = saved(
        tmp_path / "board.png", Image.fromarray((np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8))
    )
    small = read_image(board, size=8, channels=1)
    assert (small.int() - 127).abs().max() <= 1


def test_a_stereo_photo_is_its_first_picture(tmp_path):
    first, second = (Image.new("RGB", (16, 16), colour) for colour in ("red", "blue"))
    path = saved(tmp_path / "stereo.jpg", first, format="MPO", save_all=True, append_images=[second])
    red, _, blue = read_image(path, size=16, channels=3).float().mean((1, 2))
    assert red > 250
    assert blue < 5


def frames(n: int) -> list[Image.Image]:
    return [Image.fromarray(np.roll(RGB, i, axis=0)) for i in range(n)]


def png() -> bytes:
    made = io.BytesIO()
    Image.fromarray(RGB).save(made, "PNG")
    return made.getvalue()


def jpeg() -> bytes:
    made = io.BytesIO()
    Image.fromarray(RGB).resize((64, 64)).save(made, "JPEG")
    return made.getvalue()


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]


def several(suffix: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        first, *rest = frames(3)
        return saved(folder / f"moving.{suffix}", first, save_all=True, append_images=rest)

    return write


def content(name: str, data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


REFUSED: list[tuple[str, Callable[[Path], Path], str]] = [
    ("animated gif", several("gif"), "moving.gif is animated or has several pages"),
    ("animated png", several("png"), "moving.png is animated or has several pages"),
    ("animated webp", several("webp"), "moving.webp is animated or has several pages"),
    ("tiff of pages", several("tif"), "moving.tif is animated or has several pages"),
    ("empty", content("no.png", b""), "no.png is damaged: the file is empty"),
    ("truncated png", content("cut.png", png()[:-80]), "cut.png is damaged"),
    ("truncated jpeg", content("cut.jpg", jpeg()[:-100]), "cut.jpg is damaged: image file is truncated"),
    ("a header alone", content("cut.jpg", jpeg()[:30]), "cut.jpg is damaged"),
    ("corrupt", content("bad.png", flipped(png(), 120)), "bad.png is damaged"),
    ("text", content("notes.png", b"not a picture"), "notes.png is damaged, or not of a kind that is read"),
    (
        "a vector drawing",
        content("a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        "not of a kind that is read",
    ),
    (
        "floats",
        lambda d: saved(d / "f.tif", Image.fromarray(GRAY.astype(np.float32))),
        "f.tif has 32 bits a pixel, and nothing says which value is white",
    ),
    (
        "32-bit integers",
        lambda d: saved(d / "i.tif", Image.fromarray(GRAY.astype(np.int32))),
        "i.tif has 32 bits a pixel",
    ),
]


@pytest.mark.parametrize(("write", "words"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_cannot_be_read_is_refused_by_name(write, words, tmp_path):
    path = write(tmp_path)
    with pytest.raises(UnreadableImageError) as refusal:
        read_image(path, size=SIDE, channels=3)
    assert words in str(refusal.value)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("side", [9_500, 13_500])  # Pillow warns above its limit, and raises above twice that
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(side, tmp_path):
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(
            UnreadableImageError, match=r"bomb\.png is refused: it unpacks to more than 89,478,485"
        ):
            read_image(path, size=SIDE, channels=1)


def test_a_missing_file_is_no_damage_that_could_be_skipped(tmp_path):
    with pytest.raises(MetricError, match=r"gone\.png cannot be read: No such file") as missing:
        read_image(tmp_path / "gone.png", size=8, channels=1)
    assert not isinstance(missing.value, UnreadableImageError)
