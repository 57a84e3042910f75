import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from quadrants import quadrants

from metrics import (
    MetricError,
    Modes,
    Reference,
    StackedModes,
    load_extractor,
    mode_counts,
    mode_kl,
    modes_captured,
    score,
)


def stacked(images, labels, n, seed):
    """Three of the images drawn at random in the channels of one, and their modes' numbers."""
    k = int(labels.max()) + 1
    drawn = torch.randint(len(images), (n, 3), generator=torch.Generator().manual_seed(seed))
    return images[drawn].squeeze(2), labels[drawn] @ torch.tensor([k * k, k, 1])


def test_each_channel_is_classified_on_its_own(extractor, monkeypatch):
    images, labels = quadrants(400, seed=5)
    predicted = extractor.extract(images).logits.argmax(1)
    assert (predicted == labels).double().mean() > 0.97
    modes = StackedModes(extractor=extractor)
    samples, expected = stacked(images, predicted, 3000, seed=0)
    counts = modes.counts(samples)
    assert counts.tolist() == torch.bincount(expected, minlength=64).tolist()
    monkeypatch.setattr("metrics.modes._IMAGES", 7)
    assert modes.counts(samples[:50]).sum() == 50
    assert modes.counts(samples[:50]).equal(torch.bincount(expected[:50], minlength=64))


def test_scores_of_stacked_images(extractor):
    images, labels = quadrants(400, seed=5)
    modes = StackedModes(extractor=extractor)
    even = modes.counts(stacked(images, labels, 3000, seed=0)[0])
    assert modes_captured(even) == modes.n_modes == 64
    # (k − 1) / 2m = .0105 of chance, and a classifier and classes that are not quite even.
    assert mode_kl(even)[0] < 0.05
    one = modes.counts(stacked(images[:1], labels[:1] * 0, 100, seed=0)[0])
    assert modes_captured(one) == 1
    assert mode_kl(one)[0] == pytest.approx(math.log(64))
    # No red: a quarter of the quarter.
    dull = stacked(images, labels, 3000, seed=0)[0]
    dull[:, 0] = dull[0, 0]
    assert modes_captured(modes.counts(dull)) == 16


def test_points_and_stacked_images_are_counted_alike(extractor):
    stacked_modes = StackedModes(extractor=extractor)
    assert stacked_modes.sha256 == extractor.sha256
    assert stacked_modes.words == (
        f"64 modes: the class of each of three channels, by quadrants (weights {extractor.sha256[:12]})"
    )
    modes = Modes(centres=torch.tensor([[0.0, 0.0], [5.0, 0.0]]).double(), sigma=0.5)
    points = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    assert modes.n_modes == 2
    assert modes.counts(points).equal(mode_counts(points, modes))
    assert modes.words.startswith("0.5 of each of 2 modes (centres ")
    assert modes.words.endswith("closer than 3 σ")


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), r"\(2, 1, 8, 8\)"),
        (torch.zeros(0, 3, 8, 8, dtype=torch.uint8), "at least one"),
        (torch.zeros(2, 3, 8, 8), "float32"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), r"\(3, 8, 8\)"),
    ],
)
def test_anything_but_stacked_images_is_refused(extractor, samples, words):
    with pytest.raises(MetricError, match=words):
        StackedModes(extractor=extractor).counts(samples)


def test_a_network_without_the_data_sets_classes_is_refused(extractor, monkeypatch):
    monkeypatch.setattr(extractor, "class_names", None)
    with pytest.raises(MetricError, match="need a domain classifier, and quadrants is none"):
        StackedModes(extractor=extractor)


def test_stacked_mnist():
    data = os.environ.get("GAN_BENCH_DATA")
    if not data:
        pytest.skip("GAN_BENCH_DATA does not name a folder that contains MNIST/raw")
    folder = Path(data) / "MNIST" / "raw"
    raw = np.frombuffer((folder / "t10k-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    images = torch.from_numpy(raw.reshape(-1, 1, 28, 28).copy())
    labels = torch.from_numpy(
        np.frombuffer((folder / "t10k-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8).astype(np.int64)
    )
    modes = StackedModes(extractor=load_extractor("mnist-classifier"))
    samples, expected = stacked(images[:3000], labels[:3000], 3000, seed=0)
    counts = modes.counts(samples)
    truth = torch.bincount(expected, minlength=1000)
    assert modes.n_modes == 1000
    # Each wrong digit moves an image to another mode: 3 channels, of which 1 in 100 is taken for another
    # digit.
    moved = int((counts - truth).abs().sum()) / 2 / 3000
    assert moved <= 3 * 0.02
    assert modes_captured(counts) == pytest.approx(modes_captured(truth), abs=15)
    # 3 images a mode: the uniform distribution itself has a KL of about .2, and 5 % of the modes without one.
    assert mode_kl(counts)[0] == pytest.approx(mode_kl(truth)[0], abs=0.02)


def test_they_are_scored_as_other_modes_are(extractor):
    images, labels = quadrants(400, seed=5)
    real = Reference(
        "stacked", stacked(images, labels, 200, seed=1)[0], modes=StackedModes(extractor=extractor)
    )
    fake = stacked(images, labels, 3000, seed=0)[0]
    scores = score(fake, real, ["modes", "mode_kl"])
    counts = real.modes.counts(fake)
    assert scores["modes"].value == modes_captured(counts)
    assert scores["mode_kl"].value == mode_kl(counts)[0]
    assert "64 modes: the class of each of three channels, by quadrants" in scores["modes"].protocol.words()
    with pytest.raises(MetricError, match="high_quality_share has no meaning for 'stacked'"):
        score(fake, real, ["high_quality_share"])
