"""`cifar10`: 60,000 colour pictures of ten kinds of things, 32 × 32.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. Train: the first 45,000 of
the five training files; validation: their last 5,000, as many as is usual since ResNet (arXiv
1512.03385); test: the test file.
"""

import torch
from torch import Tensor

from bench.datasets.dataset import Dataset, Split, resized
from bench.datasets.downloads import damaged, through_torchvision
from bench.datasets.registry import Request, register

TRAIN = 45_000


@register(
    "cifar10",
    summary="60,000 pictures of ten kinds of things, 3 × 32 × 32, 10 classes",
    licence="none stated; its authors ask to be cited",
    origin="A. Krizhevsky; downloaded by torchvision (163 MiB)",
    image_size=32,
)
def load(request: Request) -> Dataset:
    """The three splits, from `request.root`/cifar-10-batches-py, downloaded there if absent."""
    # Here, because importing torchvision takes seconds and few data sets need it.
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    folder = request.root / CIFAR10.base_folder
    sums = dict([*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])])
    for file, md5 in sums.items():
        # Before torchvision, which unpickles, and would download all of it again without a word.
        if (folder / file).is_file() and not check_integrity(folder / file, md5):
            raise damaged(folder / file, "its MD5 is not that of CIFAR-10")
    whole, test = through_torchvision(
        lambda: [CIFAR10(str(request.root), train=train, download=train) for train in (True, False)],
        title="CIFAR-10",
        folder=folder,
        files=tuple(sums),
    )

    def images_of(part: CIFAR10) -> Tensor:
        return resized(torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous(), request.image_size)

    images, labels = images_of(whole), torch.tensor(whole.targets)
    return Dataset(
        name="cifar10",
        train=Split(images[:TRAIN], labels[:TRAIN]),
        validation=Split(images[TRAIN:], labels[TRAIN:]),
        test=Split(images_of(test), torch.tensor(test.targets)),
        class_names=tuple(test.classes),
    )
