"""`mnist`: 70,000 handwritten digits, 28 × 28.

Y. LeCun, C. Cortes, C. Burges. Train: the first 50,000 of the training file; validation: its last
10,000 (the split of GAN 2014's code); test: the test file.
"""

from bench.datasets.dataset import Dataset
from bench.datasets.idx import load_idx
from bench.datasets.registry import Request, register


@register(
    "mnist",
    summary="70,000 handwritten digits, 1 × 28 × 28, 10 classes",
    licence="CC BY-SA 3.0",
    origin="Y. LeCun, C. Cortes, C. Burges; downloaded by torchvision",
    image_size=28,
)
def load(request: Request) -> Dataset:
    """The three splits, from `request.root`/MNIST/raw, downloaded there if absent."""
    return load_idx(request, kind="MNIST", name="mnist", title="MNIST", class_names=tuple("0123456789"))
