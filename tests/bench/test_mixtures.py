"""`ring8` and `grid25`: what is drawn, on which machine, and what a run on points leaves."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import bench.classifiers
import metrics
import results
from bench import cli, datasets
from bench.datasets import mixtures
from bench.pictures import save_scatter

WITHIN_3_SIGMA = 1 - math.exp(-9 / 2)
NAMES = ["ring8", "grid25"]


@pytest.fixture(params=NAMES, scope="module")
def data(request):
    return datasets.get(request.param).load(Path("nowhere"), None)


def test_the_modes_are_those_of_the_papers():
    ring, grid = mixtures.RING8, mixtures.GRID25
    assert (ring.sigma, grid.sigma) == (0.01, 0.05)
    assert ring.centres.shape == (8, 2)
    assert torch.allclose(ring.centres.norm(dim=1), torch.ones(8).double())
    turned = (ring.centres.roll(-1, 0) * ring.centres).sum(1)
    assert torch.allclose(turned, torch.full((8,), math.cos(math.pi / 4)).double())
    assert {tuple(c) for c in grid.centres.int().tolist()} == {
        (x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)
    }


def test_splits_are_float32_points_that_never_overlap(data):
    splits = (data.train, data.validation, data.test)
    assert [len(split.samples) for split in splits] == [100_000, 10_000, 10_000]
    assert data.shape == (2,)
    assert all(split.samples.dtype == torch.float32 for split in splits)
    assert all(split.labels.dtype == torch.int64 for split in splits)
    points = np.concatenate([split.samples.numpy() for split in splits]).view("u8")[:, 0]
    assert len(np.unique(points)) == 120_000


def test_every_mode_is_as_likely_round_and_of_its_width(data):
    k = len(data.modes.centres)
    assert data.class_names == tuple(map(str, range(k)))
    samples, labels = data.train
    counts = torch.bincount(labels, minlength=k)
    expected = 100_000 / k
    # Five standard deviations of a binomial count.
    assert (counts - expected).abs().max() < 5 * math.sqrt(expected)
    offsets = (samples.double() - data.modes.centres[labels]) / data.modes.sigma
    # Of 100,000 standard normal numbers: means, variances and their product within five standard errors.
    assert offsets.mean(0).abs().max() < 5 / math.sqrt(100_000)
    assert (offsets.var(0) - 1).abs().max() < 5 * math.sqrt(2 / 100_000)
    assert abs(float(offsets.prod(1).mean())) < 5 / math.sqrt(100_000)
    share = float((offsets.norm(dim=1) < 3).double().mean())
    assert abs(share - WITHIN_3_SIGMA) < 5 * math.sqrt(WITHIN_3_SIGMA * (1 - WITHIN_3_SIGMA) / 100_000)


def test_the_data_themselves_find_every_mode(data):
    counts = metrics.mode_counts(data.test.samples, data.modes)
    assert metrics.modes_captured(counts) == len(data.modes.centres)
    assert metrics.mode_kl(counts)[0] < 0.01


@pytest.mark.parametrize(
    ("name", "fingerprint"), [("ring8", "20086ef28ddecca2"), ("grid25", "59168e93e570cd4a")]
)
def test_the_bytes_are_the_same_everywhere(name, fingerprint):
    data = datasets.get(name).load(Path("nowhere"), None)
    assert data.fingerprint == fingerprint
    # log, cos and sin differ between machines by a few units in the last place of float64. None of the
    # points lies so near to the middle between two float32 that this could round it otherwise.
    exact, _ = mixtures.draw(data.modes, 120_000)
    nearest = exact.astype(np.float32)
    middles = [
        (nearest.astype(np.float64) + np.nextafter(nearest, np.float32(side)).astype(np.float64)) / 2
        for side in (-np.inf, np.inf)
    ]
    margins = [np.abs(middle - exact) / np.spacing(np.abs(exact)) for middle in middles]
    assert np.min(margins) > 500


TINY = "--set hidden_g=8 --set hidden_d=8 --kimg 0.256 --samples 64 --device cpu"


def test_a_run_on_points(run):
    command = f"--variants vanilla,cgan --set cgan.network=mlp --dataset ring8 {TINY} --eval-every 0.128"
    done = run(command)
    assert done.code == cli.OK
    assert "captured [modes] ↑" in done.out
    frame = results.load("runs")
    scored = frame[frame["phase"] == "score"]
    assert set(scored["metric"]) == {"parzen", "modes", "high_quality_share", "mode_kl"}
    assert scored.groupby("variant").size().to_dict() == {"vanilla": 15, "cgan": 15}  # parzen of two splits
    # One protocol a score: a conditional variant's samples are as comparable as any other's.
    assert scored["protocol_hash"].nunique() == 5
    assert set(frame["image_shape"]) == {"2"}
    for folder in Path("runs").iterdir():
        pictures = sorted(folder.glob("**/*.png"))
        assert [p.name for p in pictures] == ["kimg-00000.000.png", "kimg-00000.128.png", "samples.png"]
        for path in pictures:
            with Image.open(path) as picture:
                assert picture.size == (900, 900)
    assert run(command).err.count("is done already") == 2


def test_an_image_classifier_is_not_trained_on_points(run):
    done = run("--dataset ring8 --out mine.safetensors", bench.classifiers.main)
    assert (done.code, done.out) == (cli.BAD, "")
    assert "The data set ring8 holds points, and the classifier is one of images." in done.err


def test_the_scatters_title_is_about_the_points_shown(monkeypatch):
    drawn = {}
    monkeypatch.setattr(results, "plot_points", lambda *a, **named: drawn.update(named, points=a[:2]))
    data = datasets.get("ring8").load(Path("nowhere"), None)
    points = torch.cat([data.modes.centres[[0, 0, 3]], torch.zeros(1, 2).double()]).float()
    save_scatter(points, data, Path("a.png"), title="mine")
    assert drawn["title"] == "mine\n2 of 8 modes, 75.0% within 3 σ, of the 4 points shown"
    assert drawn["radius"] == pytest.approx(0.03)
    assert [part.shape for part in drawn["points"]] == [(4, 2), (4, 2)]
