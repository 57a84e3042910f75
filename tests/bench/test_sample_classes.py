"""`bench.sample --class`: what is drawn, and where it lies."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

import gans
from bench.sample_files import class_folders
from bench.todo import CHECKPOINT


def by_number(folder: Path) -> dict[int, np.ndarray]:
    """The pictures below a folder, by the number in their name."""
    return {int(path.stem): np.asarray(Image.open(path)) for path in folder.rglob("*.png")}


@pytest.fixture
def points():
    """A conditional checkpoint of points with names for classes."""
    variant = gans.set_field(gans.get("vanilla"), "hidden_g", "8")
    variant = gans.set_field(variant, "conditioning", "joined")
    labels = torch.arange(100) % 2
    trainer = gans.Trainer(
        variant, torch.randn(100, 2), gans.Settings(kimg=0.064), labels=labels, class_names=("left", "right")
    )
    list(trainer.train())
    path = Path("points.safetensors")
    gans.save_checkpoint(path, trainer.state_dict(), variant, (2,), trainer.classes)
    return path


def test_one_class(sample, conditional):
    done = sample("digits-cgan --class 3 --n 5 --out threes")
    place = conditional.relative_to(Path.cwd()) if conditional.is_absolute() else conditional
    assert done == (
        0,
        f"5 images (1 × 16 × 16) of {place / CHECKPOINT} are in threes, a folder a class\n",
        "",
    )
    files = sorted(str(path) for path in Path("threes").rglob("*.png"))
    assert files == [f"threes/3/{i:05d}.png" for i in range(5)]
    sampler = gans.load(conditional / CHECKPOINT)
    expected = sampler.sample(5, labels=torch.full((5,), 3))
    for i, picture in by_number(Path("threes")).items():
        assert np.array_equal(picture, expected[i, 0].numpy())
    assert not torch.equal(expected, sampler.sample(5, labels=torch.full((5,), 4)))


def test_without_classes_they_are_drawn_and_the_bits_are_the_samplers(sample, conditional):
    sampler = gans.load(conditional / CHECKPOINT)
    generator = gans.generator_for(7, "samples")
    expected = sampler.sample(30, generator=generator)
    sampler.variant.noise.draw(30, again := gans.generator_for(7, "samples"))
    labels = sampler.draw_labels(30, again)
    assert sample("digits-cgan --n 30 --seed 7 --out pictures").code == 0
    found = by_number(Path("pictures"))
    assert sorted(found) == list(range(30))
    for path in Path("pictures").rglob("*.png"):
        assert path.parent.name == str(labels[int(path.stem)].item())
    assert all(np.array_equal(found[i], expected[i, 0].numpy()) for i in range(30))
    assert sample("digits-cgan --n 30 --seed 7 --format npy --out array").out.endswith(
        "are in array/samples.npy, uint8 (30, 1, 16, 16); their classes in array/labels.npy\n"
    )
    assert np.array_equal(np.load("array/samples.npy"), expected.numpy())
    saved = np.load("array/labels.npy")
    assert (saved.dtype, saved.tolist()) == (np.int64, labels.tolist())


def test_all_classes_are_a_tree_that_imagefolder_reads(sample, conditional):
    sample("digits-cgan --class all --n 23 --out tree")
    tree = ImageFolder("tree")
    assert tree.classes == list("0123456789")
    assert torch.bincount(torch.tensor(tree.targets)).tolist() == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]


def test_a_grid_stands_in_the_order_asked_for_and_holds_the_same_samples(sample, conditional):
    done = sample("digits-cgan --class 7,1 --n 8 --format grid --out grid")
    assert done.out.endswith("are in grid/samples.png, from above: 7, 1\n")
    sample("digits-cgan --class 7,1 --n 8 --format npy --out array")
    samples = np.load("array/samples.npy")
    assert np.load("array/labels.npy").tolist() == [7, 7, 7, 7, 1, 1, 1, 1]
    with Image.open("grid/samples.png") as picture:
        factor = picture.width // (4 * 17 + 1)
        pixels = np.asarray(picture)[::factor, ::factor]
    assert pixels.shape == (2 * 17 + 1, 4 * 17 + 1)
    for i in range(8):
        top, left = 1 + 17 * (i // 4), 1 + 17 * (i % 4)
        assert np.array_equal(pixels[top : top + 16, left : left + 16], samples[i, 0])


def test_drawn_classes_stand_in_a_grid_by_label(sample, conditional):
    sample("digits-cgan --n 12 --format npy --out array")
    present = sorted(set(np.load("array/labels.npy").tolist()))
    done = sample("digits-cgan --n 12 --format grid --out grid")
    assert done.out.endswith(f"from above: {', '.join(map(str, present))}\n")


def test_points_by_name(sample, points):
    done = sample(f"{points} --class right,left --n 3 --out out")
    assert done.out.endswith("are in out/samples.npy, float32 (3, 2); their classes in out/labels.npy\n")
    assert np.load("out/labels.npy").tolist() == [1, 1, 0]
    done = sample(f"{points} --class up --out more")
    assert (done.code, done.err) == (2, "error: There is no class 'up'. There are: left, right.\n")


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (("cat", "Great Dane"), ["cat", "Great Dane"]),
        (("T-shirt/top", "Bag"), ["T-shirt_top", "Bag"]),
        (("a/b", "a_b"), ["0-a_b", "1-a_b"]),
        (("Polish", "polish"), ["0-Polish", "1-polish"]),  # one folder where case does not count
        (("..", "x"), ["0-", "1-x"]),
        (("../../etc", "猫"), ["_.._etc", "猫"]),
    ],
)
def test_folders_names_are_safe_and_distinct(names, folders):
    assert class_folders(names) == folders
