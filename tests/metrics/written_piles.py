"""Pictures written as a folder, a zip and arrays, and zips with something wrong in them."""

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, kind)
    return made.getvalue()


def noise(n: int, height: int = 6, width: int = 6, channels: int = 3, seed: int = 0) -> np.ndarray:
    """uint8 (n, height, width, channels), or (n, height, width) of one channel."""
    shape = (n, height, width, channels) if channels > 1 else (n, height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_zip(path: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def pictures(pixels: np.ndarray, kind: str = "PNG") -> dict[str, bytes]:
    return {f"{i:04d}.{kind.lower()}": encoded(one, kind) for i, one in enumerate(pixels)}


def patch_directory(path: Path, **fields: int) -> Path:
    """Write over fields of the first entry in a zip's directory, its data left as they are."""
    place = {"flags": (8, "<H"), "method": (10, "<H"), "crc": (16, "<I"), "size": (24, "<I")}
    content = bytearray(path.read_bytes())
    start = content.index(CENTRAL)
    for name, value in fields.items():
        offset, kind = place[name]
        struct.pack_into(kind, content, start + offset, value)
    path.write_bytes(content)
    return path
