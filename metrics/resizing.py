"""How other people's evaluation code resizes images, each way under its name, as matrix products.

Every resize here is linear and separable: Y = A X Bᵀ with small matrices A and B that depend on the
sizes alone. Two matrix products take a tenth of the time of gathering pixels, on any device.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

# The number of binary digits behind the point of Pillow's 8-bit filter coefficients.
_PIL_BITS = 22


@dataclass(frozen=True, kw_only=True)
class Resizing:
    """One way of bringing images to S×S pixels."""

    words: str
    """What it does and who does it so; ``{0}`` stands for S."""
    weights: Callable[[int, int], Tensor]
    """Input length, output length S → float64 (S, input length)."""
    clip: bool = False
    """Whether values beyond 0..255, which bicubic interpolation makes, are cut off."""
    eight_bit: bool = False
    """Whether the result of each pass is rounded to 8 bits, as Pillow does with 8-bit images."""
    crop: bool = False
    """Whether the largest square in the middle is cut out first."""

    def describe(self, size: int) -> str:
        """Words for a protocol."""
        return self.words.format(size)

    def __call__(self, images: Tensor, size: int) -> Tensor:
        """Resize images.

        Parameters
        ----------
        images
            float32 (n, C, H, W) in 0..255, on any device.
        size
            S.

        Returns
        -------
        Tensor
            float32 (n, C, S, S), on the same device.
        """
        if self.crop:
            images = _central_square(images)
        height, width = images.shape[2:]
        if (height, width) == (size, size):
            return images  # what each of the originals gives there, too
        if self.eight_bit:
            return self._in_eight_bits(images, size)
        rows, columns = (self._matrix(length, size, images) for length in (height, width))
        resized = rows @ (images @ columns.T)
        return resized.clamp_(0, 255) if self.clip else resized

    def _in_eight_bits(self, images: Tensor, size: int) -> Tensor:
        """Whole numbers below 2³¹ throughout, hence exact in float64: Pillow's very bits.

        Along the rows first, as every published score had it: Pillow before 12.3. Later ones begin with the
        columns of some tall images, where rounding between the passes then cuts off other values.
        """
        device = images.device
        if device.type == "mps":  # it has no float64
            images = images.cpu()
        height, width = images.shape[2:]
        values = images.to(torch.float64)
        rows, columns = (self._matrix(length, size, values) for length in (height, width))
        if width != size:
            values = _to_eight_bits(values @ columns.T)
        if height != size:
            values = _to_eight_bits(rows @ values)
        return values.to(torch.float32).to(device)

    def _matrix(self, length: int, size: int, like: Tensor) -> Tensor:
        return _matrix(self.weights, self.eight_bit, length, size, like.dtype, like.device)


@lru_cache(maxsize=64)
def _matrix(
    weights: Callable[[int, int], Tensor],
    eight_bit: bool,
    length: int,
    size: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """The matrix of one axis; kept, because every batch asks for the same few."""
    matrix = weights(length, size)
    if eight_bit:
        # Pillow rounds half away from zero.
        matrix = (matrix.abs() * 2**_PIL_BITS + 0.5).floor() * matrix.sign()
    return matrix.to(dtype=dtype).to(device)


def _to_eight_bits(sums: Tensor) -> Tensor:
    return ((sums + 2 ** (_PIL_BITS - 1)) / 2**_PIL_BITS).floor_().clamp_(0, 255)


def _central_square(images: Tensor) -> Tensor:
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, :, top : top + side, left : left + side]


def _two_neighbours(positions: Tensor, length: int) -> Tensor:
    """Linear interpolation at float32 positions (S,) ≥ 0: a matrix with up to two weights a row."""
    low = positions.long().clamp_max(length - 1)
    high = (low + 1).clamp_max(length - 1)
    share = (positions - low).clamp(0, 1).to(torch.float64)
    matrix = torch.zeros(len(positions), length, dtype=torch.float64)
    matrix.scatter_add_(1, low[:, None], 1 - share[:, None])
    return matrix.scatter_add_(1, high[:, None], share[:, None])


def _tensorflow1(length: int, size: int) -> Tensor:
    """Output pixel i lies at i · length / size: the corners of the first pixels meet, not their middles."""
    # In float32, as the originals compute it: the positions' rounding is part of the convention.
    scale = torch.tensor(length / size, dtype=torch.float32)
    return _two_neighbours(torch.arange(size, dtype=torch.float32) * scale, length)


def _half_pixel(length: int, size: int) -> Tensor:
    """Output pixel i lies at (i + ½) · length / size − ½, no less than 0."""
    scale = torch.tensor(length, dtype=torch.float32) / size
    # torch's own loop multiplies and adds with one rounding, to float32.
    positions = scale.to(torch.float64) * (torch.arange(size, dtype=torch.float64) + 0.5) - 0.5
    return _two_neighbours(positions.to(torch.float32).clamp_min(0), length)


def _filtered(
    length: int, size: int, kernel: Callable[[Tensor], Tensor], support: float, dtype: torch.dtype
) -> Tensor:
    """A filter around (i + ½) · length / size, as wide as an output pixel where that is the wider one."""
    # In the precision in which the original computes it.
    scale = torch.tensor(length, dtype=dtype) / size
    width = scale.clamp_min(1)
    centres = (scale * (torch.arange(size, dtype=dtype) + 0.5))[:, None]
    first = (centres - support * width + 0.5).floor().clamp_min(0)
    last = (centres + support * width + 0.5).floor().clamp_max(length)
    pixels = torch.arange(length, dtype=dtype)
    weights = kernel((pixels - first + (first - centres) + 0.5) * (1 / width))
    weights = weights * ((pixels >= first) & (pixels < last))
    return weights / weights.sum(dim=1, keepdim=True)


def _tent(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp_min(0)


def _keys_cubic(x: Tensor) -> Tensor:
    """R. Keys, Cubic convolution interpolation for digital image processing (1981), with a = −½."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


def _torch_triangle(length: int, size: int) -> Tensor:
    return _filtered(length, size, _tent, 1, torch.float32)


def _pil_triangle(length: int, size: int) -> Tensor:
    return _filtered(length, size, _tent, 1, torch.float64)


def _pil_cubic(length: int, size: int) -> Tensor:
    return _filtered(length, size, _keys_cubic, 2, torch.float64)


TENSORFLOW1_BILINEAR = Resizing(
    words="TensorFlow 1 bilinear to {0}×{0} without antialiasing (torch-fidelity)", weights=_tensorflow1
)
"""torch-fidelity's, and that of the first FID."""

BILINEAR = Resizing(
    words="bilinear to {0}×{0} without antialiasing (torch interpolate: pytorch-fid)", weights=_half_pixel
)
"""`torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`, pytorch-fid's."""

ANTIALIASED_BILINEAR = Resizing(
    words="bilinear to {0}×{0} with antialiasing (torch interpolate: torchmetrics ≥ 1.8)",
    weights=_torch_triangle,
)
"""The same with ``antialias=True``, torchmetrics' since 1.8."""

PIL_BICUBIC = Resizing(
    words="bicubic to {0}×{0} with antialiasing on float channels, cut off at 0 and 255 (Pillow: clean-fid)",
    weights=_pil_cubic,
    clip=True,
)
"""clean-fid's."""

PIL_BILINEAR = Resizing(
    words="bilinear to {0}×{0} with antialiasing on float channels (Pillow: StudioGAN's 'friendly')",
    weights=_pil_triangle,
)
"""StudioGAN's with ``--post_resizer friendly``."""

PIL_BICUBIC_8_BIT = Resizing(
    words="bicubic to {0}×{0} with antialiasing, rounded to 8 bits (Pillow: dgm-eval)",
    weights=_pil_cubic,
    eight_bit=True,
)
"""`PIL.Image.resize` of an 8-bit image, through torchvision: dgm-eval's."""

PIL_BICUBIC_8_BIT_SQUARE = Resizing(
    words="cut to the central square, bicubic to {0}×{0} with antialiasing, rounded to 8 bits (Pillow: CMMD)",
    weights=_pil_cubic,
    eight_bit=True,
    crop=True,
)
"""That of the authors of CMMD."""
