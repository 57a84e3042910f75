"""The self-test sees what it is made to see."""

import math

import pytest
import torch
from quadrants import quadrants

from metrics import UNDAMAGED, MetricError, Reference, self_test
from metrics.selftest import FLOOR_DRAWS, Response, blurred, damages

TEST, _ = quadrants(400, seed=30)
TRAINING, _ = quadrants(400, seed=31)
FRESH, FRESH_LABELS = quadrants(1200, seed=32)
NAMES = ("fid", "is", "precision", "memorisation", "min_class_share")


@pytest.fixture(scope="module")
def responses(weights_of_module):
    real = Reference("quadrants/test", TEST, train=TRAINING)
    return self_test(real, FRESH, FRESH_LABELS, NAMES, extractor=weights_of_module, n=400)


@pytest.fixture(scope="module")
def weights_of_module(extractor_of_session):
    return extractor_of_session


def find(responses, damage, strength, metric):
    (one,) = (
        r
        for r in responses
        if r.damage == damage and r.strength == strength and r.metric.startswith(f"{metric}@")
    )
    return one


def test_every_metric_answers_every_damage(responses):
    assert {r.metric for r in responses} == {f"{name}@quadrants" for name in NAMES}
    drawn = [r for r in responses if r.damage == UNDAMAGED]
    assert len(drawn) == FLOOR_DRAWS * len(NAMES)
    for one in drawn:
        assert abs(one.deviations) < 5


def test_metrics_see_what_they_can_and_not_what_they_cannot(responses):
    assert find(responses, "classes dropped", "2 of 4", "fid").deviations > 5
    assert find(responses, "classes dropped", "2 of 4", "min_class_share").value == 0
    assert find(responses, "classes dropped", "2 of 4", "is").deviations > 5
    copied = find(responses, "copies of training images", "20%", "memorisation")
    # A fifth are copies; chance adds a hundredth.
    assert copied.value == pytest.approx(0.2, abs=0.05)
    assert copied.deviations > 5
    assert abs(find(responses, "copies of training images", "100%", "fid").deviations) < 5
    assert find(responses, "blur", "σ = 2 px", "fid").deviations > 5
    assert abs(find(responses, "one image, repeated", "400 times", "is").value - 1) < 1e-6


def test_the_test_images_themselves_are_at_no_distance(responses):
    one = find(responses, "the test images themselves", "400", "fid")
    assert one.value < 1e-3 * one.floor


def test_too_small_a_pile_has_no_score_where_one_is_not_defined():
    real = Reference("quadrants/test", TEST, train=TRAINING, validation=TEST[:50])
    small = self_test(real, FRESH, None, ("parzen",), extractor=None, n=100)
    assert {r.n for r in small if r.damage == "fewer samples"} == {50, 20, 5}
    assert not [r for r in small if r.damage == "classes dropped"]


def test_deviations_know_which_way_is_worse():
    def of(metric, value):
        return Response(
            damage="d", strength="s", metric=metric, value=value, floor=1.0, floor_spread=0.5, n=1
        ).deviations

    assert of("fid@x", 2.0) == 2
    assert of("is@x", 2.0) == -2
    assert of("is@x", 1.0) == 0


def test_blur_keeps_a_flat_image_and_the_mean():
    flat = torch.full((2, 3, 9, 9), 77, dtype=torch.uint8)
    assert torch.equal(blurred(flat, 2.0), flat)
    dot = torch.zeros(1, 1, 21, 21, dtype=torch.uint8)
    dot[0, 0, 10, 10] = 255
    spread = blurred(dot, 1.0).double()
    # Each of 49 pixels is rounded by up to half a grey level.
    assert float(spread.sum()) == pytest.approx(255, abs=25)
    assert float(spread.max()) == pytest.approx(255 / (2 * math.pi), abs=1)


def test_the_same_seed_draws_the_same_damage():
    def drawn():
        return list(damages(FRESH, FRESH_LABELS, TRAINING, n=50, generator=torch.Generator().manual_seed(3)))

    for one, other in zip(drawn(), drawn(), strict=True):
        assert torch.equal(one.images, other.images)


def test_what_is_missing_is_said(extractor):
    with pytest.raises(MetricError, match="training and test images"):
        self_test(Reference("q", TEST), FRESH, None, ("fid",), extractor=extractor, n=100)
    real = Reference("q", TEST, train=TRAINING)
    with pytest.raises(MetricError, match="needs more fresh ones"):
        self_test(real, FRESH[:100], None, ("fid",), extractor=extractor, n=100)
