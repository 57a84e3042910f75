"""`bench.sample --interpolate`: walks from one latent to another."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gans
from bench.drawing import WALKS, Drawing, draw
from bench.todo import CHECKPOINT


def request(sampler, **changes):
    asked = {"n": 6, "seed": 3, "classes": None, "walk": "linear", "steps": 5}
    return Drawing.of(sampler, **asked | changes)


@pytest.fixture
def sampler(conditional):
    return gans.load(conditional / CHECKPOINT)


@pytest.mark.parametrize("walk", ["linear", "spherical"])
def test_walks_begin_at_the_samples_of_the_same_seed(sampler, walk):
    walks, labels = draw(sampler, request(sampler, walk=walk))
    assert (walks.shape, walks.dtype) == ((6, 5, 1, 16, 16), torch.uint8)
    samples, theirs = draw(sampler, request(sampler, walk=None, steps=None))
    assert torch.equal(walks[:, 0], samples)
    assert torch.equal(labels, theirs)
    short, _ = draw(sampler, request(sampler, walk=walk, steps=2))
    assert torch.equal(short, walks[:, [0, -1]])


def test_the_two_walks_share_their_ends_and_part_between(sampler):
    linear, spherical = (draw(sampler, request(sampler, walk=walk))[0] for walk in ("linear", "spherical"))
    assert torch.equal(linear[:, [0, -1]], spherical[:, [0, -1]])
    assert not torch.equal(linear[:, 2], spherical[:, 2])


def test_a_walk_goes_through_the_latents_between_in_its_own_class(sampler):
    walks, labels = draw(sampler, request(sampler, classes="4,2", steps=3))
    assert labels.tolist() == [4, 4, 4, 2, 2, 2]
    generator = gans.generator_for(3, "samples")
    start, end = (sampler.variant.noise.draw(6, generator) for _ in range(2))
    assert torch.equal(walks[:, 1], sampler.decode((start + end) / 2, labels))


def test_noise_of_the_generators_own_stays_the_same_along_a_walk(monkeypatch):
    variant = gans.get("gan2014")
    for field, value in (("hidden_g", "8"), ("dropout_g", "0.5"), ("hidden_d", "8")):
        variant = gans.set_field(variant, field, value)
    images = torch.randint(256, (64, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    sampler = gans.Trainer(variant, images, gans.Settings(kimg=0.064)).sampler()
    z = torch.ones(8, 100)
    assert len(sampler.decode(z).unique(dim=0)) > 1  # it has such noise: several images of the same z
    monkeypatch.setitem(WALKS, "linear", lambda start, end, steps: start[:, None].expand(-1, steps, -1))
    walks, _ = draw(sampler, request(sampler))
    assert all(torch.equal(walks[:, step], walks[:, 0]) for step in range(5))


def test_one_picture_is_the_default(sample, conditional):
    done = sample("digits-cgan --interpolate spherical --class 1,5 --n 3 --steps 4 --out walks")
    place = conditional / CHECKPOINT
    said = f"3 spherical walks of 4 images (1 × 16 × 16) of {place} are in walks/walks.png"
    assert done == (0, f"{said}, from above: 1, 1, 5\n", "")
    assert [path.name for path in Path("walks").iterdir()] == ["walks.png"]
    sample("digits-cgan --interpolate spherical --class 1,5 --n 3 --steps 4 --format npy --out array")
    walks = np.load("array/walks.npy")
    assert walks.shape == (3, 4, 1, 16, 16)
    assert np.load("array/labels.npy").tolist() == [1, 1, 5]
    with Image.open("walks/walks.png") as picture:
        factor = picture.width // (4 * 17 + 1)
        pixels = np.asarray(picture)[::factor, ::factor]
    for i in range(3):
        for step in range(4):
            cell = pixels[1 + 17 * i : 17 + 17 * i, 1 + 17 * step : 17 + 17 * step]
            assert np.array_equal(cell, walks[i, step, 0])


def test_a_file_an_image(sample, conditional):
    sample("digits-cgan --interpolate linear --class 5 --n 2 --steps 3 --format png --out files")
    files = sorted(str(path) for path in Path("files").rglob("*.png"))
    assert files == [f"files/5/{i:05d}-{step:02d}.png" for i in range(2) for step in range(3)]


def test_ten_walks_of_ten(sample, store):
    done = sample("digits --interpolate linear --out walks")
    assert done.out.startswith("10 linear walks of 10 images (1 × 16 × 16) of ")


def test_a_spherical_walk_of_uniform_noise_is_warned_of(sampler):
    noise = gans.set_field(sampler.variant, "noise", "uniform")
    other = gans.Sampler(noise, sampler.network, sampler.shape, sampler.classes)
    with pytest.warns(UserWarning, match="cgan draws its noise from a cube, which spherical walks leave"):
        draw(other, request(other, walk="spherical"))
    draw(other, request(other, walk="linear"))  # a warning would be an error
