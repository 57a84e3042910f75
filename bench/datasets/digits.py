"""`digits`: 1,797 handwritten digits, 8 × 8 in 17 shades, inside scikit-learn: no download.

E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998 (doi 10.24432/C50P49); scikit-learn carries its test part. A fixed shuffle gives 1,000
training, 297 validation and 500 test pictures, upsampled from 8 × 8.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits

from bench.datasets.dataset import Dataset, Split, resized
from bench.datasets.registry import Request, register

TRAIN, VALIDATION = 1000, 297


@register(
    "digits",
    summary="1,797 handwritten digits, 1 × 8 × 8 shown at 16 × 16, 10 classes; needs no download",
    licence="CC BY 4.0",
    origin="UCI 'Optical Recognition of Handwritten Digits', inside scikit-learn",
    image_size=16,
    recipe_fields={"ngf": "32", "ndf": "32"},
)
def load(request: Request) -> Dataset:
    """The three splits; nothing is read from `request.root`."""
    bunch = load_digits()
    shades = torch.from_numpy(bunch.images)[:, None] * (255 / 16)  # float64, exact
    images = resized(shades, request.image_size)
    labels = torch.from_numpy(bunch.target).long()
    # PCG64's stream is fixed by NumPy's compatibility policy; the shuffle mixes the writers.
    order = torch.from_numpy(np.random.Generator(np.random.PCG64(0)).permutation(len(images)))

    def split(indices: torch.Tensor) -> Split:
        return Split(images[indices], labels[indices])

    return Dataset(
        name="digits",
        train=split(order[:TRAIN]),
        validation=split(order[TRAIN : TRAIN + VALIDATION]),
        test=split(order[TRAIN + VALIDATION :]),
        class_names=tuple("0123456789"),
    )
