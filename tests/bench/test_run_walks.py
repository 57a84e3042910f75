"""`walk.png`: the walks that a training leaves."""

import pytest
from commands import only_folder
from PIL import Image

import gans
from bench.drawing import walks_of_run
from bench.todo import CHECKPOINT


@pytest.fixture(params=["vanilla", "cgan"])
def folder(request, vanilla_store, cgan_store):
    return only_folder({"vanilla": vanilla_store, "cgan": cgan_store}[request.param])


def test_they_are_what_sample_draws_with_the_runs_seed(folder, sample):
    sampler = gans.load(folder / CHECKPOINT)
    classes = "--class 0,1,2,3,4,5,6,7" if sampler.class_names else ""
    command = f"{folder} --n 8 --steps 8 --seed 0 --interpolate spherical --out drawn {classes}"
    assert sample(command).code == 0
    with Image.open(folder / "walk.png") as left, Image.open("drawn/walks.png") as drawn:
        assert left.size == drawn.size
        assert left.tobytes() == drawn.tobytes()


def test_they_do_not_end_where_they_begin(folder):
    walks = walks_of_run(gans.load(folder / CHECKPOINT), seed=0)
    assert walks.shape == (8, 8, 1, 16, 16)
    assert not walks[:, 0].equal(walks[:, -1])
    assert not walks.equal(walks_of_run(gans.load(folder / CHECKPOINT), seed=1))


def test_noise_that_fills_a_cube_is_walked_on_lines_without_a_warning(cgan_store, monkeypatch):
    sampler = gans.load(only_folder(cgan_store) / CHECKPOINT)
    uniform = gans.set_field(sampler.variant, "noise", "uniform")
    monkeypatch.setattr(sampler, "variant", uniform)
    walks = walks_of_run(sampler, seed=0)  # a warning would fail the test
    generator = gans.generator_for(0, "samples")
    start, end = (uniform.noise.draw(8, generator) for _ in range(2))
    labels = walks.new_tensor(range(8)).long()
    assert walks[:, 2].equal(sampler.decode((1 - 2 / 7) * start + 2 / 7 * end, labels))
