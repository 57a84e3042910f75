"""`ring8` and `grid25`: points of two-dimensional mixtures whose modes are known.

The mixtures of PacGAN (arXiv 1712.04086, section 4.1, and its code), after VEEGAN (arXiv 1705.07761):

| | modes | σ of a mode |
|---|---|---|
| `ring8` | (cos 2πi/8, sin 2πi/8), i = 0 … 7 | .01 |
| `grid25` | {−4, −2, 0, 2, 4}² | .05 |

Each mode is equally likely; a point's label is its mode. 100,000 training, 10,000 validation and 10,000 test
points are one stream of draws.

PacGAN trains 400-unit generators of 4 layers with batch norm against 200-unit discriminators of 3 maxout
layers, z ~ N(0, 1)², Adam 1e-4 (β₁ .8), batch 100, for 400,000 steps; VEEGAN (quoted from memory) MLPs of 128
units. What is suggested to variants here is VEEGAN's size with PacGAN's rectifiers and noise; a gradient
penalty weighs .1, as in the toy experiments of WGAN-GP's code (`gan_toy.py`).
"""

import itertools
import math

import numpy as np
import torch
from numpy.typing import NDArray

from bench.datasets.dataset import Dataset, Split
from bench.datasets.registry import Request, register
from metrics import Modes

TRAIN, VALIDATION, TEST = 100_000, 10_000, 10_000
RECIPE_FIELDS = {
    "hidden_g": "128-128",
    "hidden_d": "128-128",
    "activation_g": "relu",
    "dropout": "0",
    "nz": "2",
    "penalty.weight": "0.1",
}

RING8 = Modes(
    centres=torch.tensor(
        [(math.cos(i * math.pi / 4), math.sin(i * math.pi / 4)) for i in range(8)], dtype=torch.float64
    ),
    sigma=0.01,
)
GRID25 = Modes(
    centres=torch.tensor(list(itertools.product(range(-4, 5, 2), repeat=2)), dtype=torch.float64), sigma=0.05
)


@register(
    "ring8",
    summary="120,000 points of 8 Gaussians on a circle, 8 classes: to see which modes a variant finds",
    licence="none needed",
    origin="drawn here; PacGAN, arXiv 1712.04086",
    image_size=None,
    recipe_fields=RECIPE_FIELDS,
)
def load_ring8(request: Request) -> Dataset:
    """The three splits; nothing of the request is needed."""
    return _mixture("ring8", RING8)


@register(
    "grid25",
    summary="120,000 points of 25 Gaussians on a grid, 25 classes: to see which modes a variant finds",
    licence="none needed",
    origin="drawn here; PacGAN, arXiv 1712.04086",
    image_size=None,
    recipe_fields=RECIPE_FIELDS,
)
def load_grid25(request: Request) -> Dataset:
    """The three splits; nothing of the request is needed."""
    return _mixture("grid25", GRID25)


def _mixture(name: str, modes: Modes) -> Dataset:
    points, labels = draw(modes, TRAIN + VALIDATION + TEST)
    samples, classes = torch.from_numpy(points.astype(np.float32)), torch.from_numpy(labels)
    sizes = [TRAIN, VALIDATION, TEST]
    train, validation, test = map(Split, torch.split(samples, sizes), torch.split(classes, sizes))
    return Dataset(
        name=name,
        train=train,
        validation=validation,
        test=test,
        class_names=tuple(str(i) for i in range(len(modes.centres))),
        modes=modes,
    )


def draw(modes: Modes, n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points, float64 `(n, 2)`, and the modes that they were drawn from, int64 `(n,)`.

    From the raw bits of PCG64 (whose stream NumPy's policy fixes, as it does not those of its normal
    numbers) by Box and Muller's formula: √(−2 ln u) (cos 2πv, sin 2πv). The mathematical functions
    differ between machines in the last digits of float64, which rounding to float32 removes.
    """
    bits = np.random.PCG64(0).random_raw((3, n))
    labels = ((bits[0] >> np.uint64(32)) * np.uint64(len(modes.centres)) >> np.uint64(32)).astype(np.int64)
    u, v = (bits[1:] >> np.uint64(11)).astype(np.float64) * 2.0**-53
    radius = np.sqrt(-2 * np.log1p(-u))  # 1 − u is never 0
    unit = np.stack([radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)], axis=1)
    return modes.centres.numpy()[labels] + modes.sigma * unit, labels
