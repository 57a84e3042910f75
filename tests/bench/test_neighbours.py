"""`bench.sample --neighbours`: samples beside the training images nearest to them."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import gans
from bench import datasets, neighbours
from bench.datasets import Dataset, Split
from bench.folders import data_folder
from bench.neighbours import save_neighbours, training_data
from bench.todo import CHECKPOINT

COLUMNS = ["sample", "class", "rank", "training_index", "distance", "training_class"]


class Streamed:
    """A source of the same images that hands them out a few at a time."""

    def __init__(self, images):
        self.images, self.fetched = images, []
        self.shape, self.dtype, self.workers = tuple(images.shape), images.dtype, 2

    def __len__(self):
        return len(self.images)

    def fetch(self, indices):
        self.fetched.append(len(indices))
        return self.images[indices]


@pytest.fixture
def digits():
    return datasets.get("digits").load(data_folder(), 16)


def test_the_table_and_the_picture(sample, conditional, digits):
    done = sample("digits-cgan --class 3,8 --n 4 --neighbours 2 --out out")
    assert (done.code, done.err) == (0, "")
    table = pd.read_csv("out/neighbours.csv")
    assert list(table) == COLUMNS
    assert table["sample"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert table["class"].tolist() == [3, 3, 3, 3, 8, 8, 8, 8]
    assert table["rank"].tolist() == [1, 2] * 4
    real, labels = digits.train
    samples = np.stack([np.asarray(Image.open(path)) for path in sorted(Path("out").rglob("0*.png"))])
    differences = samples[:, None] / 255 - real[:, 0].numpy()[None] / 255
    distances = np.sqrt((differences**2).sum((2, 3)))
    expected = np.argsort(distances, axis=1, kind="stable")[:, :2]
    assert np.array_equal(table["training_index"].to_numpy().reshape(4, 2), expected)
    assert table["training_class"].tolist() == labels[expected.flatten()].tolist()
    # Nine digits are written.
    written = table["distance"].to_numpy().reshape(4, 2)
    np.testing.assert_allclose(written, np.take_along_axis(distances, expected, 1), rtol=1e-8)
    first = written[:, 0]
    assert done.out.splitlines()[1] == (
        "the nearest of 1000 training images of digits, 2 a sample, are in out/neighbours.csv: the first at "
        f"{first.min():.3g} to {first.max():.3g} in pixels of 0 to 1, median {np.median(first):.3g}; 0 of 4 "
        "samples are exact copies; out/neighbours.png shows them"
    )
    with Image.open("out/neighbours.png") as picture:
        # 4 rows of a sample, a gap of 16 / 4 and two neighbours, with the lines between.
        factor = picture.height // (4 * 17 + 1)
        pixels = np.asarray(picture)[::factor, ::factor]
    assert pixels.shape == (4 * 17 + 1, 18 + 4 + 2 * 17 + 1)
    for i, places in enumerate(expected):
        top = 1 + 17 * i
        row = [pixels[top : top + 16, left : left + 16] for left in (1, 23, 40)]
        assert np.array_equal(row, [samples[i], *real[places, 0].numpy()])


def test_an_array_and_points_have_the_table_too(sample, conditional, store_of_points):
    sample("digits-cgan --n 3 --neighbours 1 --format npy --out array")
    assert sorted(path.name for path in Path("array").iterdir()) == [
        "labels.npy",
        "neighbours.csv",
        "neighbours.png",
        "samples.npy",
    ]
    done = sample(f"{store_of_points} --n 3 --neighbours 2 --dataset corners --out points")
    assert sorted(path.name for path in Path("points").iterdir()) == ["neighbours.csv", "samples.npy"]
    assert "the nearest of 4 training points of corners, 2 a sample" in done.out
    points = np.load("points/samples.npy").astype(np.float64)
    table = pd.read_csv("points/neighbours.csv")
    assert table["training_class"].isna().all()
    assert table["class"].isna().all()
    corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    for row in table.itertuples():
        distance = math.dist(points[row.sample], corners[row.training_index])
        assert row.distance == pytest.approx(distance, rel=1e-8)  # nine digits are written


@pytest.fixture
def store_of_points(monkeypatch):
    corners = torch.tensor([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])
    part = Split(corners, None)
    data = Dataset(name="corners", train=part, validation=part, test=part)
    source = SimpleNamespace(image_size=None, load=lambda *_: data)
    get = datasets.get
    monkeypatch.setattr(datasets, "get", lambda name: source if name == "corners" else get(name))
    variant = gans.set_field(gans.get("vanilla"), "hidden_g", "8")
    trainer = gans.Trainer(variant, corners.repeat(16, 1), gans.Settings(kimg=0.064))
    gans.save_checkpoint(Path("points.safetensors"), trainer.state_dict(), variant, (2,), trainer.classes)
    return "points.safetensors"


def test_copies_are_at_distance_0_and_counted(digits):
    said = save_neighbours(digits.train.samples[[5, 900]], None, digits, 1, Path())
    assert "; 2 of 2 samples are exact copies; " in said
    table = pd.read_csv("neighbours.csv")
    assert table["distance"].tolist() == [0, 0]
    places = table["training_index"].tolist()
    assert torch.equal(digits.train.samples[places], digits.train.samples[[5, 900]])
    assert table["training_class"].tolist() == digits.train.labels[[5, 900]].tolist()


def test_a_streamed_training_set_is_read_in_parts_and_found_the_same(digits, monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK_VALUES", 300 * 16 * 16)
    samples = digits.test.samples[:7]
    source = Streamed(digits.train.samples)
    streamed = Dataset(
        name="digits",
        train=Split(source, digits.train.labels),
        validation=digits.validation,
        test=digits.test,
        class_names=digits.class_names,
    )
    for name, data in (("memory", digits), ("streamed", streamed)):
        Path(name).mkdir()
        save_neighbours(samples, ["a"] * 7, data, 3, Path(name))
    for file in ("neighbours.csv", "neighbours.png"):
        assert Path("memory", file).read_bytes() == Path("streamed", file).read_bytes()
    assert source.fetched == [300, 300, 300, 100, 7 * 3]


def test_a_picture_shows_the_first_of_many(digits, monkeypatch):
    monkeypatch.setattr(neighbours, "PICTURED", 3)
    said = save_neighbours(digits.test.samples[:8], None, digits, 1, Path())
    assert said.endswith("neighbours.png shows them, of the first 3 samples")
    assert len(pd.read_csv("neighbours.csv")) == 8


def test_the_data_are_loaded_at_the_samples_size(conditional):
    # Trained at 16 × 16, whatever a data set's own size.
    sampler = gans.load(conditional / CHECKPOINT)
    assert training_data(conditional / CHECKPOINT, sampler, None, data_folder()).shape == (1, 16, 16)
