"""The training id: what is learned decides it, and nothing else."""

import dataclasses
import shlex

import pytest
from commands import VANILLA

import gans
from bench import datasets
from bench.grid import Cell, with_changes
from bench.plan import plan
from bench.run_options import options_of


def cell(command: str) -> Cell:
    cells, _ = plan(options_of(shlex.split(command)))
    (only,) = cells
    return only


@pytest.fixture(scope="module")
def usual() -> str:
    return cell(VANILLA).training_id


@pytest.mark.parametrize(
    "more",
    [
        "--samples 17",
        "--metrics fid,parzen",
        "--metrics none",
        "--output elsewhere",
        "--format csv",
        "--eval-every 0.064",
        "--data-root elsewhere",
        "--rerun --quiet",
        "--image-size 16",  # the data set's own
        "--set dcgan.ngf=3 --variants dcgan,vanilla",  # another cell's
        "--set dropout=0.5",  # the recipe's own
    ],
)
def test_same_training_same_id(more, usual):
    cells, _ = plan(options_of(shlex.split(f"{VANILLA} {more}")))
    assert usual in [cell.training_id for cell in cells]


@pytest.mark.parametrize(
    "more",
    [
        "--seeds 1",
        "--kimg 0.32",
        "--batch-size 32",
        "--precision amp-bf16",
        "--compile default",
        "--set nz=99",
        "--set lr=1e-3",
        "--image-size 8",
    ],
)
def test_other_training_other_id(more, usual):
    assert cell(f"{VANILLA} {more}").training_id != usual


def changed(**changes: object) -> Cell:
    return dataclasses.replace(cell(VANILLA), **changes)


def test_the_variants_version_is_in_it_and_its_description_is_not(usual):
    variant = cell(VANILLA).variant
    assert changed(variant=dataclasses.replace(variant, version=2)).training_id != usual
    described = dataclasses.replace(variant, summary="other words", reference="elsewhere")
    assert changed(variant=described).training_id == usual


def test_the_content_of_the_data_is_in_it(usual):
    data = datasets.get("digits").load(None, 16)
    samples = data.train.samples.clone()
    samples[0, 0, 0, 0] += 1
    other = dataclasses.replace(data, train=datasets.Split(samples, data.train.labels))
    assert changed(dataset=other).training_id != usual


def test_the_kind_of_device_is_in_it_and_its_number_is_not(usual):
    settings = cell(VANILLA).settings
    on = {
        device: changed(settings=dataclasses.replace(settings, device=device)).training_id
        for device in ("cpu", "cpu:0", "cuda", "cuda:0", "cuda:1")
    }
    assert on["cpu"] == on["cpu:0"] == usual
    assert on["cuda"] == on["cuda:0"] == on["cuda:1"] != usual


def test_what_was_changed_is_told_as_set_would_write_it():
    assert cell(VANILLA).changed == "hidden_g=8 hidden_d=8"
    assert cell(VANILLA + " --set optimiser_d.lr=1e-3").changed.endswith("optimiser_d.lr=0.001")


@pytest.mark.parametrize(
    "changes",
    [
        ["optimiser_d=sgd", "optimiser_d.lr=0.0002"],  # the rate that the piece before it had, too
        ["network=mlp", "dropout=0", "conditioning.embedding=3"],
        ["dropout=0", "network=mlp"],
        ["penalty=gradient", "norm_d=none"],
    ],
)
def test_what_was_changed_makes_the_same_variant_when_it_is_typed_again(changes, usual):
    (variant,) = with_changes([gans.get("cgan")], changes, {})
    again = dataclasses.replace(cell(VANILLA), variant=variant).changed.split()
    assert with_changes([gans.get("cgan")], again, {}) == [variant]
    assert len(again) <= len(changes)  # and nothing beside


def test_slots_are_filled_first_in_whatever_order_they_stand():
    one, other = (
        with_changes([gans.get("dcgan")], changes, {})
        for changes in (["hidden_g=8", "network=mlp"], ["network=mlp", "hidden_g=8"])
    )
    assert one == other
    assert one[0].network.hidden_g == (8,)


def test_a_cell_lies_in_a_folder_that_names_it(usual):
    assert cell(VANILLA).folder == f"digits-vanilla-seed0-{usual[:8]}"


def test_the_grid_is_every_combination_and_seeds_vary_slowest():
    command = f"{VANILLA} --variants vanilla,wgan --set boost=2 --seeds 0-1 --batch-size 32,64"
    cells, _ = plan(options_of(shlex.split(command)))
    assert [(c.settings.seed, c.settings.batch_size, c.variant.name) for c in cells] == [
        (seed, batch_size, name) for seed in (0, 1) for batch_size in (32, 64) for name in ("vanilla", "wgan")
    ]


def test_epochs_are_passes_over_the_training_images():
    command = VANILLA.replace("--kimg 0.256", "--epochs 3")
    assert cell(command).settings.kimg == 3.0  # of 1,000 images


def test_a_dataset_may_suggest_fields_and_the_user_has_the_last_word():
    assert cell("--variants dcgan --metrics none").variant.network.ngf == 32
    chosen = cell("--variants dcgan --metrics none --set ngf=8").variant.network
    assert (chosen.ngf, chosen.ndf) == (8, 32)
    assert gans.get("dcgan").network.ngf == 64
