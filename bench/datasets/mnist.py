"""`mnist`: 70,000 handwritten digits, 28 × 28.

Y. LeCun, C. Cortes, C. Burges. Train: the first 50,000 of the training file; validation: its last
10,000 (the split of GAN 2014's code); test: the test file.
"""

from pathlib import Path

from torchvision.datasets import MNIST

from bench.datasets.dataset import Dataset, Split, resized
from bench.datasets.registry import register
from bench.errors import InputError

TRAIN = 50_000
FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


@register(
    "mnist",
    summary="70,000 handwritten digits, 1 × 28 × 28, 10 classes",
    licence="CC BY-SA 3.0",
    origin="Y. LeCun, C. Cortes, C. Burges; downloaded by torchvision",
    image_size=28,
)
def load(root: Path, image_size: int) -> Dataset:
    """The three splits at `image_size`, from `root`/MNIST/raw, downloaded there if absent."""
    raw = root / "MNIST" / "raw"
    try:
        whole, test = (MNIST(str(root), train=train, download=True) for train in (True, False))
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"MNIST is not in {raw} and cannot be downloaded ({_last_line(error)}): put "
            f"{', '.join(FILES)} there, or name another folder with --data-root."
        ) from error
    except (ValueError, AssertionError, LookupError) as error:  # what torchvision's parser raises
        raise InputError(
            f"A file of MNIST in {raw} is damaged; remove the folder to have it downloaded again."
        ) from error
    if (len(whole.data), len(test.data)) != (60_000, 10_000):
        raise InputError(
            f"The files of MNIST in {raw} hold {len(whole.data)} and {len(test.data)} "
            "images instead of 60000 and 10000."
        )
    images, test_images = (resized(part.data[:, None], image_size) for part in (whole, test))
    return Dataset(
        name="mnist",
        train=Split(images[:TRAIN], whole.targets[:TRAIN]),
        validation=Split(images[TRAIN:], whole.targets[TRAIN:]),
        test=Split(test_images, test.targets),
        class_names=tuple("0123456789"),
    )


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip("<>.: ")
