"""`stacked-mnist`: three MNIST digits in the channels of one image, 1,000 equally likely modes.

After Metz et al. ("Unrolled Generative Adversarial Networks", arXiv 1611.02163, section 3.3.1), VEEGAN (arXiv
1705.07761) and PacGAN (arXiv 1712.04086, section 4.2, and its code). Three digits drawn at random, with
replacement, become the red, green and blue channel of one image; its mode is the number that they make. Which
digit a generated channel shows is what `mnist-classifier` says (`metrics.StackedModes`).

| | here | PacGAN's code |
|---|---|---|
| training images | 128,000 | 128,000 |
| made of | digits of MNIST's training split | all 70,000 digits |
| drawn | once and for all | anew for each run |
| size | 28 × 28 | 28 × 28 |
| generated samples scored | `--samples 26000` | 26,000 |

10,000 validation and 10,000 test images are made of the digits of those splits. There are no labels: what a
classifier of 1,000 classes would learn from is what is to be found out.
"""

from dataclasses import replace

import numpy as np
import torch

from bench.datasets import mnist
from bench.datasets.dataset import Dataset, Split
from bench.datasets.registry import Request, register
from metrics import StackedModes, load_extractor

TRAIN, VALIDATION, TEST = 128_000, 10_000, 10_000
CHANNELS = 3


@register(
    "stacked-mnist",
    summary="148,000 images of three MNIST digits, 3 × 28 × 28: to see which of 1,000 modes are found",
    licence="CC BY-SA 3.0",
    origin="made here of MNIST as in arXiv 1611.02163; downloaded by torchvision",
    image_size=28,
)
def load(request: Request) -> Dataset:
    """The three splits, of the splits of `mnist` in `request.root`."""
    digits = mnist.load(request)
    sizes = (TRAIN, VALIDATION, TEST)
    splits = [
        stacked(split, n, seed)
        for seed, (split, n) in enumerate(
            zip((digits.train, digits.validation, digits.test), sizes, strict=True)
        )
    ]
    return replace(
        digits,
        name="stacked-mnist",
        train=splits[0],
        validation=splits[1],
        test=splits[2],
        class_names=None,
        modes=StackedModes(extractor=load_extractor("mnist-classifier")),
    )


def stacked(digits: Split, n: int, seed: int) -> Split:
    """`n` images, uint8 `(n, 3, H, W)`, of gray ones `(N, 1, H, W)`, drawn with replacement.

    From the raw bits of PCG64, whose stream NumPy's policy fixes.
    """
    return Split(digits.tensor[drawn(len(digits.samples), n, seed)].squeeze(2), None)


def drawn(n_digits: int, n: int, seed: int) -> torch.Tensor:
    """Which digits each image is made of, int64 `(n, 3)` in 0 … `n_digits` − 1."""
    bits = np.random.PCG64(seed).random_raw((n, CHANNELS))
    return torch.from_numpy(((bits >> np.uint64(32)) * np.uint64(n_digits) >> np.uint64(32)).astype(np.int64))
