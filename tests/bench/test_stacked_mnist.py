"""`stacked-mnist`: what is stacked, and what a run on it scores."""

import os
from pathlib import Path

import pytest
import torch

import metrics
import results
from bench import cli, datasets
from bench.datasets import stacked_mnist
from bench.datasets.dataset import Split


def test_the_draws_are_the_same_everywhere_and_any_digit_is_as_likely():
    drawn = stacked_mnist.drawn(10, 3000, seed=0)
    assert drawn[:3].tolist() == [[6, 2, 0], [0, 8, 9], [6, 7, 5]]
    assert drawn.dtype == torch.int64
    assert not torch.equal(drawn, stacked_mnist.drawn(10, 3000, seed=1))
    counts = torch.bincount(drawn.flatten(), minlength=10)
    # 9,000 draws: 900 of each, within five standard deviations of a binomial count.
    assert (counts - 900).abs().max() < 5 * (9000 * 0.1 * 0.9) ** 0.5


def test_each_channel_is_one_of_the_digits():
    digits = torch.arange(7, dtype=torch.uint8)[:, None, None, None].expand(7, 1, 4, 4)
    split = stacked_mnist.stacked(Split(digits, None), 50, seed=3)
    assert split.labels is None
    assert split.samples.shape == (50, 3, 4, 4)
    assert torch.equal(split.samples[:, :, 0, 0].long(), stacked_mnist.drawn(7, 50, seed=3))
    assert torch.equal(split.samples, split.samples[:, :, :1, :1].expand(-1, -1, 4, 4))


@pytest.fixture
def small(monkeypatch):
    """Stacks of the digits that come with scikit-learn, at MNIST's size, and few of them."""
    digits = datasets.get("digits")
    monkeypatch.setattr(stacked_mnist.mnist, "load", lambda request: digits.load(request.root, 28))
    for name, n in (("TRAIN", 200), ("VALIDATION", 40), ("TEST", 50)):
        monkeypatch.setattr(stacked_mnist, name, n)


def test_a_run_is_scored_by_modes(small, run):
    command = "--variants vanilla --dataset stacked-mnist --set hidden_g=8 --set hidden_d=8 --kimg .256 "
    done = run(f"{command} --samples 64 --device cpu")
    assert done.code == cli.OK
    assert "warning" not in done.err
    frame = results.load("runs")
    scores = frame[frame["phase"] == "score"].set_index("metric")
    assert set(scores.index) == {"parzen", "modes", "mode_kl"}
    assert 1 <= scores.loc["modes", "value"] <= 64
    # A thousand counts in a row would be 25 kB of every evaluation.
    assert scores.loc["modes", "details"] == "{}"
    sha = metrics.load_extractor("mnist-classifier").sha256
    assert (
        f"1000 modes: the class of each of three channels, by mnist-classifier (weights {sha[:12]})"
        in (scores.loc["modes", "protocol"])
    )


def test_high_quality_is_not_asked_of_images(small, run):
    done = run("--variants vanilla --dataset stacked-mnist --metrics high_quality_share")
    assert done.code == cli.BAD
    assert "each stacked image is of some mode" in done.err


def test_labels_are_not_to_be_had(small, run):
    done = run("--variants cgan --dataset stacked-mnist")
    assert done.code == cli.BAD
    assert "label" in done.err


@pytest.fixture(scope="module")
def data():
    folder = os.environ.get("GAN_BENCH_DATA")
    if not folder:
        pytest.skip("GAN_BENCH_DATA does not name a folder that contains MNIST/raw")
    return datasets.get("stacked-mnist").load(Path(folder))


@pytest.mark.slow  # 300 MB are made and hashed, and 78,000 digits classified
def test_the_bytes_and_the_modes_of_the_data_themselves(data):
    assert data.shape == (3, 28, 28)
    assert [len(split.samples) for split in (data.train, data.validation, data.test)] == [
        128_000,
        10_000,
        10_000,
    ]
    assert data.fingerprint == "1fd74a16b64ff068"
    counts = data.modes.counts(data.train.samples[:26_000])
    assert metrics.modes_captured(counts) == 1000
    # .019 of chance (999 / 52,000), and what the shares of MNIST's digits add: 1, 7 and 3 are more frequent.
    assert 0.015 < metrics.mode_kl(counts)[0] < 0.03
