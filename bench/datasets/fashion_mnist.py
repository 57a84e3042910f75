"""`fashion-mnist`: 70,000 pictures of clothes, 28 × 28, in MNIST's format.

H. Xiao, K. Rasul, R. Vollgraf, arXiv 1708.07747. Split as MNIST, which it was made to stand in for.
"""

from bench.datasets.dataset import Dataset
from bench.datasets.idx import load_idx
from bench.datasets.registry import Request, register

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@register(
    "fashion-mnist",
    summary="70,000 pictures of clothes, 1 × 28 × 28, 10 classes",
    licence="MIT",
    origin="Zalando Research; downloaded by torchvision",
    image_size=28,
)
def load(request: Request) -> Dataset:
    """The three splits, from `request.root`/FashionMNIST/raw, downloaded there if absent."""
    return load_idx(
        request, kind="FashionMNIST", name="fashion-mnist", title="Fashion-MNIST", class_names=CLASS_NAMES
    )
