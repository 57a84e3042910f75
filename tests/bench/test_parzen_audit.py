"""`bench.parzen_audit`: what the Parzen-window log-likelihood makes of piles that no GAN made."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.special import logsumexp

import bench.parzen_audit
from bench import cli, datasets
from bench.parzen_piles import NOISE_STD, PILES


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return datasets.get("digits").load(tmp_path_factory.mktemp("data"), None)


@pytest.fixture(scope="module")
def train(digits):
    return bench.parzen_audit.unit(digits.train.samples)


def pile(name: str, train: torch.Tensor, n: int) -> torch.Tensor:
    return PILES[name](train, n, torch.Generator().manual_seed(0))


def test_tables_a_picture_and_a_file(run, store, digits, train):
    done = run("--dataset digits --samples 60 --run digits-vanilla --quiet", bench.parzen_audit.main)
    assert done.code == cli.OK, done.err
    rows = pd.read_csv("parzen-audit-digits.csv")
    assert Path("parzen-audit-digits.png").stat().st_size > 10_000
    piles = rows[rows["question"] == "pile"].set_index("pile")
    assert [*piles.index[:-1]] == [*PILES]
    assert piles.index[-1].startswith("digits-vanilla")
    assert (piles["n"] == 60).all()
    # By NumPy and SciPy, from the definition.
    test = digits.test.tensor.flatten(1).numpy() / 255.0
    sigma = piles.loc["training images", "sigma"]
    distances = ((test[:, None] - train[:60].flatten(1).numpy()[None]) ** 2).sum(axis=-1)
    density = logsumexp(-distances / (2 * sigma**2), axis=1) - math.log(60)
    likelihoods = density - test.shape[1] * math.log(sigma * math.sqrt(2 * math.pi))
    # 1e-9: float64 sums of 256 squares, in another order.
    assert piles.loc["training images", "nats"] == pytest.approx(likelihoods.mean(), rel=1e-9)
    error = likelihoods.std() / math.sqrt(len(test))
    assert piles.loc["training images", "standard_error"] == pytest.approx(error, rel=1e-9)
    best = rows[(rows["question"] == "sigma") & (rows["pile"] == "uniform noise")]
    assert len(best) == 61
    grown = rows[rows["question"] == "size, σ fixed"]
    assert [*grown["n"]] == [20, 50, 100, 200, 500, 1000]
    assert grown["nats"].is_monotonic_increasing
    for name in PILES:
        assert name in done.out


def test_checkpoints_of_one_run_are_lines_of_their_own():
    first, last, other = Path("s/a/checkpoint-1"), Path("s/a/checkpoint"), Path("s/b/checkpoint")
    names = [bench.parzen_audit.name_of(path, [first, last, other]) for path in (first, last, other)]
    assert names == ["s/a/checkpoint-1", "s/a/checkpoint", "b"]


def test_noise_is_added_as_said(train):
    added = pile(f"training images + noise of {NOISE_STD:g}", train, 500) - train[:500]
    # 128,000 draws: the standard error of their deviation is .0002.
    assert float(added.std()) == pytest.approx(NOISE_STD, abs=0.001)


def test_the_blur_is_gaussian(train):
    blurred = pile("training images, blurred by 0.7 px", train, 20)[:, 0]
    expected = gaussian_filter(train[:20, 0].numpy(), sigma=0.7, radius=3, mode="mirror", axes=(1, 2))
    # 1e-6: torchvision's kernel is computed in float32.
    assert blurred.numpy() == pytest.approx(expected, abs=1e-6)


def test_the_gaussian_has_the_datas_moments(train):
    drawn = pile("Gaussian of the data", train, 20_000)
    # A mean pixel's standard error is at most .5/√20,000 = .0035: 5 of them.
    train = train.flatten(1)
    assert torch.allclose(drawn.mean(dim=0), train.mean(dim=0), atol=0.018)
    # An element's standard error is at most √(2/20,000) of the largest variance, .01 of .2: 5 of them.
    assert torch.allclose(torch.cov(drawn.T), torch.cov(train.T), atol=0.01)


def test_centroids_are_means_of_training_images_and_nearer_to_them_than_images_are(train):
    found = pile("k-means centroids", train, 50)
    train = train.flatten(1)
    assert found.shape == (50, train.shape[1])

    def off(centres: torch.Tensor) -> float:
        return float(torch.cdist(train, centres).min(dim=1).values.square().mean())

    assert off(found) < 0.8 * off(train[:50])
    # Each mean of a part, weighed by how many there are, gives the mean of all.
    counts = torch.bincount(torch.cdist(train, found).argmin(dim=1), minlength=50)
    weighed = (counts[:, None] * found).sum(dim=0) / len(train)
    # Lloyd's last round may still move a few images from one centroid to the next: of 1,000, some ten.
    assert float((weighed - train.mean(dim=0)).abs().max()) < 0.02


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("--dataset ring8", "ring8 is not a data set of images that are held in memory."),
        (
            "--dataset digits --samples 1001",
            "--samples 1001 is more than the 1000 training images of digits.",
        ),
        ("--dataset digit", "Did you mean 'digits'?"),
        ("--dataset digits --run digits-dcgan", "There is no run 'digits-dcgan'"),
    ],
)
def test_bad_input_is_one_sentence(run, store, command, words):
    done = run(f"{command} --quiet", bench.parzen_audit.main)
    assert done.code == cli.BAD
    assert words in done.err
    assert done.err.count("\n") == 1
    assert not list(Path().glob("parzen-audit*"))
