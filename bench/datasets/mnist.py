"""`mnist`: 70,000 handwritten digits, 28 × 28.

Y. LeCun, C. Cortes, C. Burges. Train: the first 50,000 of the training file; validation: its last
10,000 (the split of GAN 2014's code); test: the test file.
"""

import contextlib
import io
from pathlib import Path

from bench.datasets.dataset import Dataset, Split, resized
from bench.datasets.registry import register
from bench.errors import InputError

TRAIN = 50_000
FILE_BYTES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}


@register(
    "mnist",
    summary="70,000 handwritten digits, 1 × 28 × 28, 10 classes",
    licence="CC BY-SA 3.0",
    origin="Y. LeCun, C. Cortes, C. Burges; downloaded by torchvision",
    image_size=28,
)
def load(root: Path, image_size: int) -> Dataset:
    """The three splits at `image_size`, from `root`/MNIST/raw, downloaded there if absent."""
    # Here, because importing torchvision takes seconds and only this data set needs it.
    from torchvision.datasets import MNIST

    raw = root / "MNIST" / "raw"
    for name, size_bytes in FILE_BYTES.items():
        path = raw / name
        if path.is_file() and path.stat().st_size != size_bytes:
            raise InputError(
                f"{path} is damaged: it has {path.stat().st_size} bytes instead of {size_bytes}; "
                "remove it to have it downloaded again."
            )
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # torchvision prints there while it downloads
            whole, test = (MNIST(str(root), train=train, download=True) for train in (True, False))
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"MNIST is not in {raw} and cannot be downloaded ({_last_line(error)}): put "
            f"{', '.join(FILE_BYTES)} there, or name another folder with --data-root."
        ) from error
    except (ValueError, AssertionError, LookupError) as error:  # what torchvision's parser raises
        raise InputError(
            f"A file of MNIST in {raw} is damaged; remove the folder to have it downloaded again."
        ) from error
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
