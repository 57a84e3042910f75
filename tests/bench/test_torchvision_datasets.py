"""`fashion-mnist` and `cifar10`: from files of the genuine formats that the test writes."""

import gzip
import hashlib
import pickle
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision.datasets

from bench import datasets
from bench.errors import InputError

CIFAR_NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("Temporary failure in name resolution")

    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", unreachable)
    monkeypatch.setattr("torchvision.datasets.utils._get_redirect_url", unreachable)


def idx(array: np.ndarray) -> bytes:
    """An array of bytes in the IDX format: magic number, sizes, big-endian, then the bytes."""
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def fashion_files(rng: np.random.Generator) -> dict[str, bytes]:
    files = {}
    for part, n in (("train", 60_000), ("t10k", 10_000)):
        files[f"{part}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx(rng.integers(0, 10, n, dtype=np.uint8))
    return files


@pytest.mark.parametrize("packed", [False, True])
def test_fashion_mnist_from_raw_and_from_packed_files(packed, tmp_path, monkeypatch):
    files = fashion_files(np.random.default_rng(0))
    raw = tmp_path / "FashionMNIST/raw"
    raw.mkdir(parents=True)
    sums = []
    for name, content in files.items():
        packed_content = gzip.compress(content, compresslevel=0, mtime=0)
        sums.append((f"{name}.gz", hashlib.md5(packed_content, usedforsecurity=False).hexdigest()))
        (raw / (f"{name}.gz" if packed else name)).write_bytes(packed_content if packed else content)
    # The checksums of the downloads are all that is not genuine about these files.
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "resources", sums)
    data = datasets.get("fashion-mnist").load(tmp_path)
    assert data.name == "fashion-mnist"
    assert data.class_names[:2] == ("T-shirt/top", "Trouser")
    splits = data.train, data.validation, data.test
    assert [len(split.samples) for split in splits] == [50_000, 10_000, 10_000]
    assert data.shape == (1, 28, 28)
    training = torch.cat([data.train.samples, data.validation.samples]).numpy().tobytes()
    assert training == files["train-images-idx3-ubyte"][16:]
    assert data.test.samples.numpy().tobytes() == files["t10k-images-idx3-ubyte"][16:]
    labels = torch.cat([data.train.labels, data.validation.labels]).to(torch.uint8)
    assert labels.numpy().tobytes() == files["train-labels-idx1-ubyte"][8:]


def test_fashion_mnist_truncated_or_missing_is_a_sentence(tmp_path):
    with pytest.raises(
        InputError, match=r"Fashion-MNIST is not in .*FashionMNIST/raw and cannot be downloaded"
    ):
        datasets.get("fashion-mnist").load(tmp_path)
    (tmp_path / "FashionMNIST/raw/t10k-labels-idx1-ubyte").write_bytes(b"\0" * 99)
    with pytest.raises(
        InputError, match=r"t10k-labels-idx1-ubyte is damaged: it has 99 bytes instead of 10008"
    ):
        datasets.get("fashion-mnist").load(tmp_path)


def write_cifar(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-10's seven files, whole; all pictures, training ones first, (60000, 3072), and labels."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (60_000, 3072), dtype=np.uint8)
    labels = rng.integers(0, 10, 60_000)
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)

    def write(name: str, content: object) -> str:
        data = pickle.dumps(content, protocol=4)
        (folder / name).write_bytes(data)
        return hashlib.md5(data, usedforsecurity=False).hexdigest()

    sums = []
    for i, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        part = slice(10_000 * i, 10_000 * (i + 1))
        sums.append([name, write(name, {"data": pictures[part], "labels": labels[part].tolist()})])
    cifar = torchvision.datasets.CIFAR10
    # The checksums are all that is not genuine about these files.
    monkeypatch.setattr(cifar, "train_list", sums[:5])
    monkeypatch.setattr(cifar, "test_list", sums[5:])
    md5 = write("batches.meta", {"label_names": CIFAR_NAMES})
    monkeypatch.setattr(cifar, "meta", cifar.meta | {"md5": md5})
    return pictures, labels


def test_cifar10(tmp_path, monkeypatch):
    pictures, labels = write_cifar(tmp_path, monkeypatch)
    data = datasets.get("cifar10").load(tmp_path)
    splits = data.train, data.validation, data.test
    assert [len(split.samples) for split in splits] == [45_000, 5_000, 10_000]
    assert data.shape == (3, 32, 32)
    assert data.class_names == tuple(CIFAR_NAMES)
    # A row of the format is red, green and blue, each row by row: (3, 32, 32) as it stands.
    assert np.array_equal(
        torch.cat([split.samples for split in splits]).numpy().reshape(60_000, -1), pictures
    )
    assert torch.cat([split.labels for split in splits]).tolist() == labels.tolist()
    broken = tmp_path / "cifar-10-batches-py/data_batch_3"
    broken.write_bytes(broken.read_bytes()[:-9])
    with pytest.raises(
        InputError, match=r"data_batch_3 is damaged: its MD5 is not that of CIFAR-10; remove it"
    ):
        datasets.get("cifar10").load(tmp_path)
    broken.unlink()
    with pytest.raises(
        InputError, match=r"CIFAR-10 is not in .* and cannot be downloaded .*: put data_batch_1,"
    ):
        datasets.get("cifar10").load(tmp_path)
