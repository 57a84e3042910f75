"""Bad input of `bench.sample`: one sentence on stderr, exit code 2, nothing written."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from commands import contents

import gans
import results
from bench import datasets
from bench.datasets import Dataset, Split
from bench.neighbours import training_data
from bench.todo import CHECKPOINT

CASES = [
    ("unknown class", "--class 33", "There is no class '33'. Did you mean '3'? There are: 0, 1, 2, 3, 4, 5"),
    ("a class beyond the last", "--class 10", "There is no class '10'."),
    ("no class", "--class=", "--class needs the name or the number of a class."),
    ("a class twice", "--class 3,4,3", "--class 3,4,3 names the class '3' twice."),
    ("classes with spaces", "--class 3 4", "Unrecognized arguments: 4; a list is written A,B without spaces"),
    ("fewer than the classes", "--class all --n 9", "--n 9 is less than one for each of 10 classes."),
    ("no such walk", "--interpolate cubic", "invalid choice: 'cubic'"),
    ("steps without a walk", "--steps 5", "--steps is of walks: it needs --interpolate linear or spherical."),
    (
        "a walk of one step",
        "--interpolate linear --steps 1",
        "--steps must be at least 2: a walk's start and",
    ),
    ("no steps", "--interpolate linear --steps 0", "'0' is not a whole number above 0"),
    ("walks and neighbours", "--interpolate linear --neighbours 3", "--interpolate draws walks; give one of"),
    ("no neighbours", "--neighbours 0", "'0' is not a whole number above 0"),
    ("half a neighbour", "--neighbours 1.5", "'1.5' is not a whole number above 0"),
    ("more than there are", "--neighbours 1001", "--neighbours 1001 is more than the 1000 of digits."),
    ("data without neighbours", "--dataset digits", "--dataset is where neighbours are looked for: it needs"),
    ("a root without neighbours", "--data-root x", "--data-root is where neighbours are looked for"),
    ("no such data", "--neighbours 1 --dataset digit", "no data set 'digit'. Did you mean 'digits'?"),
    (
        "data of another shape",
        "--neighbours 1 --dataset colours",
        "makes samples of 1 × 16 × 16, but those of colours are 3 × 16 × 16.",
    ),
    (
        "a picture of too many",
        "--format grid --n 1000000",
        "One picture of 1000000 images of 16 × 16 is more",
    ),
    ("too many walks", "--interpolate linear --n 1000000", "One picture of 10000000 images"),
]


@pytest.fixture(autouse=True)
def colours(monkeypatch):
    part = Split(torch.zeros(4, 3, 16, 16, dtype=torch.uint8), None)
    data = Dataset(name="colours", train=part, validation=part, test=part)
    source = SimpleNamespace(image_size=16, load=lambda *_: data)
    get = datasets.get
    monkeypatch.setattr(datasets, "get", lambda name: source if name == "colours" else get(name))


def refused(done, sentence, before):
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert sentence in done.err
    assert contents(Path()) == before
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("options", "sentence"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_one_sentence_and_nothing_written(options, sentence, sample, conditional):
    before = contents(Path())
    refused(sample(f"digits-cgan {options} --out out"), sentence, before)


def test_an_unconditional_variant_has_no_classes(sample, store):
    before = contents(Path())
    sentence = "vanilla is not conditional: it cannot be asked for --class 3."
    refused(sample("digits --class 3 --out out"), sentence, before)


def test_a_checkpoint_outside_of_a_run_does_not_say_what_it_was_trained_on(sample, conditional):
    Path("alone").mkdir()
    shutil.copy(conditional / CHECKPOINT, "alone/mine.safetensors")
    before = contents(Path())
    sentence = (
        "What alone/mine.safetensors was trained on is not known (alone is not the folder of a run): name "
    )
    refused(sample("alone/mine.safetensors --neighbours 1 --out out"), sentence, before)
    assert sample("alone/mine.safetensors --neighbours 1 --dataset digits --n 1 --out out").code == 0


def test_data_that_have_changed_since_are_not_what_it_was_trained_on(sample, conditional, monkeypatch):
    digits = datasets.get("digits").load(Path(), 16)
    images = digits.train.samples.clone()
    images[0, 0, 0, 0] += 1
    part = Split(images, digits.train.labels)
    changed = Dataset(
        name="digits",
        train=part,
        validation=digits.validation,
        test=digits.test,
        class_names=digits.class_names,
    )
    source = SimpleNamespace(image_size=16, load=lambda *_: changed)
    monkeypatch.setattr(datasets, "get", lambda name: source)
    before = contents(Path())
    sentence = (
        f"The data of digits are not those that {conditional / CHECKPOINT} was trained on (content "
        f"{changed.fingerprint}, then {digits.fingerprint}); --dataset digits compares with them all the "
        "same."
    )
    refused(sample("digits-cgan --neighbours 1 --out out"), sentence, before)
    with pytest.warns(UserWarning, match="The data of digits are not those that"):
        training_data(conditional / CHECKPOINT, gans.load(conditional / CHECKPOINT), "digits", Path())


# A folder elsewhere, a fold of a file, a file elsewhere.
@pytest.mark.parametrize("name", ["folder:faces", "tfd-fold3", "tfd"])
def test_a_recorded_name_that_does_not_lead_to_the_data(name, sample, conditional, monkeypatch):
    rows = SimpleNamespace(iloc={-1: {"dataset": name, "dataset_fingerprint": "0123"}})
    monkeypatch.setenv("GAN_BENCH_DATA", "nowhere")
    monkeypatch.setattr(results, "read_run", lambda _: rows)
    before = contents(Path())
    sentence = (
        f"was trained on {name}, which is not here: name it with --dataset, as you gave it to bench.run."
    )
    refused(sample("digits-cgan --neighbours 1 --out out"), sentence, before)
    assert sample("digits-cgan --neighbours 1 --dataset digits --n 1 --out out").code == 0


def test_pictures_of_points_are_refused_in_every_form(sample):
    variant = gans.set_field(gans.get("vanilla"), "hidden_g", "8")
    trainer = gans.Trainer(variant, torch.randn(100, 2), gans.Settings(kimg=0.064))
    gans.save_checkpoint(Path("points.safetensors"), trainer.state_dict(), variant, (2,), trainer.classes)
    before = contents(Path())
    for options in (
        "--format grid",
        "--interpolate linear --format grid",
        "--interpolate linear --format png",
    ):
        refused(sample(f"points.safetensors {options} --out out"), "makes points, not images", before)
    done = sample("points.safetensors --interpolate spherical --n 3 --steps 4 --out out")
    assert done.out == (
        "3 spherical walks of 4 points (2) of points.safetensors are in out/walks.npy, float32 (3, 4, 2)\n"
    )
