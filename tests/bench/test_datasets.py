"""The data sets: sizes, splits that never overlap, content, and how one more is added."""

import hashlib
import importlib.util
import os
import sys
import warnings
from itertools import combinations
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

import metrics
from bench import cli, datasets
from bench.datasets import Dataset, Split, registry
from bench.datasets.dataset import resized
from bench.errors import InputError
from bench.folders import DATA_VARIABLE, data_folder


def digits(size: int = 16) -> datasets.Dataset:
    return datasets.get("digits").load(Path("nowhere"), size)


def test_digits_splits_are_the_whole_and_never_overlap():
    data = digits(8)
    assert [len(split.samples) for split in (data.train, data.validation, data.test)] == [1000, 297, 500]
    whole = load_digits()
    shades = torch.cat([split.samples for split in (data.train, data.validation, data.test)])
    # Some pictures are there twice from the start, so it is the pile that is compared.
    assert sorted(map(bytes, (shades.double() * 16 / 255).round().byte().flatten(1).numpy())) == sorted(
        map(bytes, whole.images.astype("uint8").reshape(-1, 64))
    )
    for split in (data.train, data.validation, data.test):
        assert split.samples.dtype == torch.uint8
        assert split.labels.dtype == torch.int64
        assert split.samples.shape[1:] == data.shape == (1, 8, 8)
        assert torch.bincount(split.labels, minlength=10).min() > 0.07 * len(split.labels)


def test_digits_labels_stay_with_their_pictures():
    whole = load_digits()
    known: dict[bytes, set[int]] = {}
    for image, label in zip(whole.images.astype("uint8"), whole.target, strict=True):
        known.setdefault(image.tobytes(), set()).add(int(label))
    data = digits(8)
    for split in (data.train, data.validation, data.test):
        images = (split.samples.double() * 16 / 255).round().byte().numpy()
        assert all(
            int(label) in known[image.tobytes()] for image, label in zip(images, split.labels, strict=True)
        )


def test_the_fingerprint_is_the_content():
    assert digits().fingerprint == "2581c5b285388ec6"
    fingerprints = {size: digits(size).fingerprint for size in (8, 14, 16, 28, 32)}
    assert len(set(fingerprints.values())) == 5


@pytest.mark.parametrize("size", [8, 14, 28, 32])
def test_digits_at_other_sizes(size):
    data = digits(size)
    assert data.shape == (1, size, size)
    assert data.train.samples.amax() > 240
    assert data.train.samples.amin() == 0


def test_resizing_keeps_what_bilinear_keeps():
    level = torch.full((3, 1, 8, 8), 200, dtype=torch.uint8)
    assert resized(level, 16).eq(200).all()
    assert resized(level, 5).eq(200).all()
    same = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    assert resized(same, 8) is same
    # Halving with antialiasing weighs 4 neighbours a side (1, 3, 3, 1) / 8, in the middle of a picture.
    one = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    one[0, 0, 3, 3] = 128
    assert resized(one, 4)[0, 0, 1, 1] == 128 * 9 / 64
    assert resized(one, 4)[0, 0, 2, 2] == 128 * 1 / 64


def test_resizing_in_chunks_is_resizing(monkeypatch):
    images = torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8)
    at_once = resized(images, 16)
    monkeypatch.setattr("bench.datasets.dataset.CHUNK_PIXELS", 7 * 16 * 16)
    assert resized(images, 16).equal(at_once)


def test_files_of_pictures_need_a_hash_of_their_content():
    files = metrics.ImageFiles([Path("a.png")], size=8, channels=1)
    held_out = Split(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), None)
    parts = {"train": Split(files, None), "validation": held_out, "test": held_out}
    with pytest.raises(InputError, match="mine is read from files, so it needs their `content`"):
        Dataset(name="mine", **parts)
    assert Dataset(name="mine", **parts, content="0123456789abcdef01").fingerprint == "0123456789abcdef"


FILE_OF_A_DATASET = """
import torch
from bench.datasets import Dataset, Request, Split, register

@register("stripes", summary="grey stripes", licence="CC0", origin="here", image_size=8)
def load(request: Request) -> Dataset:
    size = request.image_size
    images = torch.arange(size, dtype=torch.uint8).repeat(90, 1, size, 1) * 30
    splits = (Split(part, None) for part in images.split(30))
    return Dataset(name="stripes", **dict(zip(("train", "validation", "test"), splits)))
"""


def imported(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(f"{name}.py")
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)


@pytest.fixture
def own_registry(monkeypatch):
    datasets.names()
    monkeypatch.setattr(registry, "_sources", dict(registry._sources))


def test_a_data_set_is_one_file_and_needs_no_labels(own_registry, run, monkeypatch):
    imported("stripes", FILE_OF_A_DATASET, monkeypatch)
    assert "stripes" in datasets.names()
    assert "grey stripes. Licence: CC0. Source: here" in run("--list").out
    command = (
        "--variants vanilla --set hidden_g=8 --set hidden_d=8 --kimg 0.06 --batch-size 30 --samples 16 "
        "--dataset stripes"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # as for a user; the front door prints it
        done = run(command)
    assert done.code == cli.OK
    assert "warning: stripes has no labels: fid and is need --extractor inception-v3-compat" in done.err
    assert "Parzen" in done.out
    assert "FID" not in done.out
    done = run(command + " --metrics fid")
    assert (done.code, done.out) == (cli.BAD, "")
    assert "fid needs an extractor: Inception or a domain classifier of your own" in done.err


def test_a_name_is_taken_once(own_registry, monkeypatch):
    imported("stripes", FILE_OF_A_DATASET, monkeypatch)
    imported("stripes", FILE_OF_A_DATASET, monkeypatch)  # the same module anew, as a notebook does
    with pytest.raises(InputError, match="Two data sets are called 'stripes': in stripes and other"):
        imported("other", FILE_OF_A_DATASET, monkeypatch)


def test_an_unknown_name():
    with pytest.raises(
        InputError,
        match=r"no data set 'mnst'. Did you mean 'mnist'\? There are: .*digits, .*folder:PATH, .*mnist",
    ):
        datasets.get("mnst")


needs_mnist = pytest.mark.skipif(
    DATA_VARIABLE not in os.environ, reason=f"${DATA_VARIABLE} does not name MNIST's folder"
)


@pytest.fixture(scope="module")
def mnist():
    return datasets.get("mnist").load(data_folder(), 28)


@needs_mnist
def test_mnist_splits(mnist):
    splits = mnist.train, mnist.validation, mnist.test
    assert [len(split.samples) for split in splits] == [50_000, 10_000, 10_000]
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    piles = [set(map(bytes, split.samples.flatten(1).numpy())) for split in splits]
    assert all(not one & other for one, other in combinations(piles, 2))


@needs_mnist
def test_mnist_is_the_file_that_everybody_has(mnist):
    images = torch.cat([mnist.train.samples, mnist.validation.samples]).numpy().tobytes()
    header = b"".join(n.to_bytes(4, "big") for n in (0x803, 60_000, 28, 28))
    digest = hashlib.md5(header + images, usedforsecurity=False).hexdigest()
    assert digest == "6bbc9ace898e44ae57da46a324031adb"  # of train-images-idx3-ubyte, unpacked
