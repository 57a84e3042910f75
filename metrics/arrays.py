"""Arrays of images in `.npy` and `.npz` files, read where they lie.

What is not compressed is mapped, so that a million images can be read by a machine that could not hold
them.

=====================  ================================================================================
an array is            it is read as
=====================  ================================================================================
uint8 (N, C, H, W)     itself, C = 1 or 3
uint8 (N, H, W, C)     the same: the axis that has 1 or 3 entries is the channels'; refused if both have
uint8 (N, H, W)        gray images; refused if it may as well be one colour image
anything else          refused: nothing says which of its values is white
=====================  ================================================================================
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from metrics.errors import MetricError
from metrics.images import fit_pixels
from metrics.npz import ArrayHeader, Npz, map_array

_LABELS = ("labels", "label", "y", "arr_1")  # keys; the last is what guided-diffusion's samples have


def read_images(path: Path) -> tuple[np.ndarray, Tensor | None]:
    """The images of an `.npy` or `.npz` as an uint8 view (N, C, H, W), and their labels, int64 (N,), if any.

    Raises
    ------
    MetricError
        If the file is not there or damaged, has no array of images or several, or one that is not read.
    """
    if path.suffix.lower() == ".npy":
        return _as_nchw(map_array(path), str(path)), None
    npz = Npz(path)
    headers = {key: npz.header(key) for key in npz.keys}
    found = [key for key, header in headers.items() if len(header.shape) == 4]
    found = found or [key for key, header in headers.items() if len(header.shape) == 3]
    if len(found) != 1:
        described = ", ".join(f"{key} {header.shape}" for key, header in headers.items()) or "no array"
        wrong = f"several arrays may be the images: {', '.join(found)}" if found else "no array holds images"
        if not found and {"mu", "sigma"} <= set(headers):
            wrong = "it holds statistics of images, not images"
        raise MetricError(
            f"{path} is not clear: {wrong}; give one of shape (N, C, H, W) or (N, H, W, C), "
            f"there is {described}"
        )
    images = _as_nchw(npz.array(found[0]), npz.what(found[0]))
    return images, _labels(npz, headers, len(images))


def _as_nchw(array: np.ndarray, what: str) -> np.ndarray:
    shape = array.shape
    if array.ndim not in (3, 4):
        raise MetricError(f"{what} must have the shape (N, C, H, W), (N, H, W, C) or (N, H, W), got {shape}")
    if array.dtype != np.uint8:
        raise MetricError(_not_uint8(array, what))
    if 0 in shape:
        raise MetricError(f"{what} holds no images: its shape is {shape}")
    if array.ndim == 3:
        if shape[0] == 3 or shape[2] in (1, 3, 4):
            raise MetricError(
                f"{what} of shape {shape} may be one colour image, or gray ones: add the missing axis"
            )
        return array[:, None]
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    if first and last:
        raise MetricError(
            f"{what} of shape {shape} may be (N, C, H, W) as well as (N, H, W, C), and images so narrow are "
            "not read"
        )
    if not first and not last:
        raise MetricError(f"{what} of shape {shape} has no axis of 1 or 3 channels, second or last")
    return array if first else array.transpose(0, 3, 1, 2)


def _not_uint8(array: np.ndarray, what: str) -> str:
    if array.dtype.kind == "f":
        sample = array[:1]
        odd = "" if np.isfinite(sample).all() else " (and is not finite in its first image)"
        return (
            f"{what} holds {array.dtype}{odd}, and nothing says whether [0, 1], [−1, 1] or 0..255 is meant: "
            "save uint8, such as (255 * x).round().astype('uint8') of values in [0, 1]"
        )
    if array.dtype == np.bool_:
        return f"{what} holds bool; save 0 and 255 as uint8: 255 * x.astype('uint8')"
    return f"{what} holds {array.dtype}; where all values lie in 0..255, save x.astype('uint8')"


def _labels(npz: Npz, headers: dict[str, ArrayHeader], n: int) -> Tensor | None:
    for key in _LABELS:
        if key not in headers:
            continue
        header = headers[key]
        fits = header.shape == (n,) and header.dtype.kind in "iu"
        if not fits and key == "arr_1":  # NumPy's own name for any second array
            continue
        if not fits:
            raise MetricError(
                f"the array '{key}' in {npz.path} must be the {n} images' classes as integers, "
                f"got {header.dtype} of shape {header.shape}"
            )
        labels = torch.from_numpy(npz.array(key).astype(np.int64))
        if labels.min() < 0:
            raise MetricError(
                f"the array '{key}' in {npz.path} must hold classes from 0 on, got {labels.min()}"
            )
        return labels
    return None


class ArrayImages:
    """Images of an array as uint8 (n, C, H, W), cut, resized and converted as pictures in files are.

    Parameters
    ----------
    array
        uint8 (n, c, h, w), a view of any memory order; may be a memory map.
    size
        Side of every image in pixels, or None for their own.
    channels
        C, 1 (colours become ITU-R 601 luma) or 3 (gray is repeated).
    """

    dtype = torch.uint8

    def __init__(self, array: np.ndarray, *, size: int | None, channels: int) -> None:
        n, _, h, w = array.shape
        self.array = array
        self.size, self.channels = size, channels
        self.shape: tuple[int, ...] = (n, channels, size or h, size or w)
        self.as_they_are = self.shape == array.shape
        """Whether values are those of the array, only perhaps in another order of axes."""

    def __len__(self) -> int:
        return len(self.array)

    def fetch(self, indices: Tensor) -> Tensor:
        """Images of int64 indices (k,), uint8 (k, C, H, W) on the CPU; any number of threads may call."""
        fetched = np.ascontiguousarray(self.array[indices.numpy()])
        if self.as_they_are:
            return torch.from_numpy(fetched)
        _, channels, height, width = self.shape
        images = np.empty((len(fetched), height, width, channels), np.uint8)
        for image, pixels in zip(images, fetched, strict=True):
            picture = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
            image[:] = fit_pixels(picture, size=self.size, channels=self.channels).reshape(image.shape)
        return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
