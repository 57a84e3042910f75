"""`bench.sample`: from a run to pictures or an array."""

import shutil
from pathlib import Path

import numpy as np
import torch
from commands import VANILLA, only_folder
from PIL import Image

import gans
from bench import cli
from bench.pictures import to_picture
from bench.todo import CHECKPOINT


def pixels(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))])


def test_pictures_of_a_run(sample, store):
    name = only_folder(store).name
    done = sample(f"{name} --n 12 --out pictures")
    assert done == (0, f"12 images (1 × 16 × 16) of runs/{name}/{CHECKPOINT} are in pictures\n", "")
    assert sorted(path.name for path in Path("pictures").iterdir()) == [f"{i:05d}.png" for i in range(12)]
    expected = gans.load(only_folder(store) / CHECKPOINT).sample(12)
    assert np.array_equal(pixels(Path("pictures")), expected[:, 0].numpy())


def test_one_picture(sample, store):
    done = sample("digits --n 10 --format grid --out picture")
    assert done.out.endswith(f"{CHECKPOINT} are in picture/samples.png\n")
    assert [path.name for path in Path("picture").iterdir()] == ["samples.png"]
    # 4 × 3 cells of 16 pixels and a line, and a line more; enlarged to no more than 1200 pixels.
    with Image.open("picture/samples.png") as picture:
        assert (picture.size, picture.mode) == ((69 * 17, 52 * 17), "L")
        first = np.asarray(picture)[17 : 17 * 17 : 17, 17 : 17 * 17 : 17]
    sample("digits --n 10 --out pictures")
    assert np.array_equal(first, pixels(Path("pictures"))[0])


def test_an_array(sample, store):
    done = sample("digits-vanilla --n 5 --format npy --out array")
    assert done.code == cli.OK
    assert "array/samples.npy, uint8 (5, 1, 16, 16)" in done.out
    array = np.load("array/samples.npy")
    assert np.array_equal(array, gans.load(only_folder(store) / CHECKPOINT).sample(5).numpy())


def test_the_seed_decides_the_noise(sample, store):
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        sample(f"digits --n 4 --seed {seed} --out {out}")
    a, b, c = (pixels(Path(out)) for out in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_a_run_by_folder_file_name_or_the_names_beginning(sample, store):
    folder = only_folder(store)
    shutil.copytree(folder, store / (folder.name + "-and-more"))  # the whole name wins over a beginning
    for i, run in enumerate((folder, folder / CHECKPOINT, folder.name, f"{folder.name}-and")):
        assert sample(f"{run} --n 1 --out out{i}").code == cli.OK


def test_a_store_elsewhere(sample, store):
    elsewhere = store.rename("elsewhere")
    assert sample(f"digits --store {elsewhere} --n 1 --out pictures").code == cli.OK
    assert sample("digits --n 1 --out more").code == cli.BAD


def test_a_beginning_of_several_names_lists_them(sample, run, store):
    run(VANILLA + " --seeds 1")
    done = sample("digits-vanilla --out pictures")
    assert (done.code, done.out) == (2, "")
    names = ", ".join(sorted(path.name for path in store.iterdir()))
    assert done.err == f"error: 'digits-vanilla' is the beginning of several runs in runs: {names}.\n"
    assert not Path("pictures").exists()


def test_a_new_and_an_empty_folder_are_taken(sample, store):
    Path("empty").mkdir()
    assert sample("digits --n 1 --out empty").code == cli.OK
    assert sample("digits --n 1 --out new/below").code == cli.OK
    assert sample("digits --n 1 --out empty").code == cli.BAD


def test_points_are_an_array_and_never_pictures(sample):
    variant = gans.set_field(gans.get("vanilla"), "hidden_g", "8")
    trainer = gans.Trainer(variant, torch.randn(100, 2), gans.Settings(kimg=0.064))
    list(trainer.train())
    gans.save_checkpoint(Path("points.safetensors"), trainer.state_dict(), variant, (2,), None)
    done = sample("points.safetensors --n 7 --out points")
    assert done.out == "7 points (2) of points.safetensors are in points/samples.npy, float32 (7, 2)\n"
    assert np.load("points/samples.npy").shape == (7, 2)
    done = sample("points.safetensors --format png --out more")
    assert done.code == cli.BAD
    assert "makes points, not images: they can be written as --format npy only." in done.err


def test_a_colour_image_keeps_its_channels_in_order():
    image = torch.zeros(3, 4, 5, dtype=torch.uint8)
    image[0, 1, 2], image[2, 3, 4] = 255, 7
    picture = to_picture(image)
    assert (picture.mode, picture.size) == ("RGB", (5, 4))
    assert picture.getpixel((2, 1)) == (255, 0, 0)
    assert picture.getpixel((4, 3)) == (0, 0, 7)
