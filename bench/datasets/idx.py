"""MNIST and what was made in its image: 60,000 + 10,000 pictures of 28 × 28 in four IDX files."""

from pathlib import Path

from bench.datasets.dataset import Dataset, Split, resized
from bench.datasets.downloads import damaged, through_torchvision
from bench.datasets.registry import Request

TRAIN = 50_000
FILE_BYTES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}


def load_idx(request: Request, *, kind: str, name: str, title: str, class_names: tuple[str, ...]) -> Dataset:
    """The three splits of the data set that torchvision calls `kind`, from `request.root`/`kind`/raw.

    Train: the first 50,000 of the training file; validation: its last 10,000; test: the test file.
    """
    # Here, because importing torchvision takes seconds and few data sets need it.
    import torchvision.datasets

    raw = request.root / kind / "raw"
    for file, size_bytes in FILE_BYTES.items():
        _require_size(raw / file, size_bytes)
    made = getattr(torchvision.datasets, kind)
    whole, test = through_torchvision(
        lambda: [made(str(request.root), train=train, download=True) for train in (True, False)],
        title=title,
        folder=raw,
        files=tuple(FILE_BYTES),
    )
    images, test_images = (resized(part.data[:, None], request.image_size) for part in (whole, test))
    return Dataset(
        name=name,
        train=Split(images[:TRAIN], whole.targets[:TRAIN]),
        validation=Split(images[TRAIN:], whole.targets[TRAIN:]),
        test=Split(test_images, test.targets),
        class_names=class_names,
    )


def _require_size(path: Path, size_bytes: int) -> None:
    if path.is_file() and path.stat().st_size != size_bytes:
        raise damaged(path, f"it has {path.stat().st_size} bytes instead of {size_bytes}")
