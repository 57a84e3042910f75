"""Real trainings on MNIST: does each variant learn, by how much, and does it keep every class?"""

import os

import pytest
import torch
from gaussian import gaussian_samples

import metrics
import results
from bench import cli, datasets, run
from bench.folders import DATA_VARIABLE, data_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(DATA_VARIABLE not in os.environ, reason=f"${DATA_VARIABLE} is not set: no MNIST"),
]


@pytest.fixture(scope="module")
def gaussian_fid():
    """FID of a full-covariance Gaussian fitted to the training pixels."""
    data = datasets.get("mnist").load(data_folder(), 28)
    fake = gaussian_samples(data.train.samples, 10_000, torch.Generator().manual_seed(0))
    reference = metrics.Reference("mnist/test", data.test.samples)
    scores = metrics.score(
        fake,
        reference,
        ["fid"],
        extractor=metrics.load_extractor("mnist-classifier"),
        generator=torch.Generator().manual_seed(0),
    )
    return scores["fid"].value


@pytest.mark.parametrize(
    ("variant", "options", "times_lower", "share_of_gaussian"),
    [
        ("dcgan", ["--kimg", "192"], 10, None),
        ("vanilla", ["--kimg", "600"], 6, 0.5),
        ("wgan", ["--kimg", "260", "--set", "ngf=32", "--set", "ndf=32"], 6, 0.5),
    ],
)
def test_variant_learns_mnist(variant, options, times_lower, share_of_gaussian, gaussian_fid, tmp_path):
    """The limits are the project's acceptance limits; every class must be at least 2 % of the samples."""
    store = str(tmp_path / "runs")
    # An evaluation at 0 kimg gives the untrained generator; the next one is the end.
    budget = options[options.index("--kimg") + 1]
    arguments = ["--variants", variant, "--dataset", "mnist", *options, "--eval-every", budget]
    assert cli.call(run.main, [*arguments, "--output", store, "--quiet"]) == cli.OK
    scores = results.load(store).query("phase == 'score'")
    of_test = scores[(scores["metric"] == "fid@mnist-classifier") & (scores["split"] == "test")]
    fid = of_test.sort_values("kimg")["value"].tolist()
    share = scores[scores["metric"].str.startswith("min_class_share") & scores["final"]]["value"].item()
    untrained, trained = fid[0], fid[-1]
    assert trained * times_lower <= untrained
    if share_of_gaussian is not None:
        assert trained <= share_of_gaussian * gaussian_fid
    assert share >= 0.02
