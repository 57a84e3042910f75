"""Other people's samples, scored from Python."""

from pathlib import Path

import pytest
import torch

import metrics
from bench import datasets
from bench.score import score


@pytest.fixture(scope="module")
def digits():
    return datasets.get("digits").load(Path("nowhere"))


def test_a_pile_and_a_function_score_alike(digits):
    pile = score(digits.train.samples, "digits", ["fid", "min_class_share"])
    asked = []

    def sampler(n):
        asked.append(n)
        return digits.train.samples[:n]

    drawn = score(sampler, "digits", ["fid", "min_class_share"], n=1000)
    assert asked == [1000]
    assert {name: s.value for name, s in drawn.items()} == {name: s.value for name, s in pile.items()}
    assert drawn["fid"].protocol == pile["fid"].protocol
    noise = torch.randint(0, 256, (1000, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator())
    # Real digits against real digits, and noise: orders of magnitude, not decimals.
    assert pile["fid"].value * 10 < score(noise, "digits", ["fid"])["fid"].value


def test_scores_of_asked_classes_need_labels(digits):
    samples, labels = digits.train.samples, digits.train.labels
    assert "class_agreement" not in score(samples, "digits")
    scores = score(samples, "digits", labels=labels)
    assert scores["class_agreement"].value > 0.99  # the classifier is right on 99.6 % of test images
    usual = {name for name, metric in metrics.METRICS.items() if metric.usual}
    assert set(scores) == usual - {"modes", "high_quality_share", "mode_kl"}
    with pytest.raises(metrics.MetricError, match="class_agreement"):
        score(samples, "digits", ["class_agreement"])


def test_points():
    ring = datasets.get("ring8").load(Path("nowhere"))
    scores = score(ring.test.samples[:2000], "ring8", ["modes", "high_quality_share"])
    assert scores["modes"].value == 8


def test_what_is_no_image_is_refused():
    with pytest.raises(metrics.MetricError, match="the generated samples can't be scored"):
        score(torch.rand(20, 1, 16, 16), "digits", ["fid"])
