import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from quadrants import quadrants

from metrics import MetricError, Reference, class_agreement, class_frechet, protocol_of, score
from metrics.class_scores import class_frechet_error, class_inception
from metrics.conditional_scores import class_is_score
from metrics.frechet_sampling import frechet_standard_error

TEST, TEST_LABELS = quadrants(440, seed=20)
FAKE, ASKED = quadrants(400, seed=21)
NAMES = ("nw", "ne", "sw", "se")
BOTH = ("class_agreement", "class_fid")


@pytest.fixture
def real():
    return Reference("quadrants/test@0", TEST, test_labels=TEST_LABELS, class_names=NAMES)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def scored(fake, real, extractor, labels=ASKED, names=BOTH, **more):
    return score(fake, real, names, labels=labels, extractor=extractor, **more)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=50))
def test_agreement_is_that_of_a_loop(pairs):
    logits = torch.nn.functional.one_hot(torch.tensor([seen for seen, _ in pairs]), 5).float()
    share, by_class = class_agreement(logits, torch.tensor([asked for _, asked in pairs]))
    assert share == pytest.approx(sum(seen == asked for seen, asked in pairs) / len(pairs))
    for label in range(5):
        seen = [seen for seen, asked in pairs if asked == label]
        if seen:
            assert float(by_class[label]) == pytest.approx(seen.count(label) / len(seen))
        else:
            assert math.isnan(by_class[label])


def frechet_by_numpy(a, b):
    covariances = [np.cov(x, rowvar=False) for x in (a, b)]
    # The trace of a matrix's root is the sum of the roots of its eigenvalues.
    roots = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).real.clip(min=0))
    difference = a.mean(0) - b.mean(0)
    return difference @ difference + sum(map(np.trace, covariances)) - 2 * roots.sum()


def test_class_fid_is_the_distance_within_each_class(real, extractor):
    one = scored(FAKE, real, extractor)["class_fid"]
    true, fake = (extractor.extract(images).features.double().numpy() for images in (TEST, FAKE))
    expected = [frechet_by_numpy(true[TEST_LABELS.numpy() == c], fake[ASKED.numpy() == c]) for c in range(4)]
    # Roots of the eigenvalues that should be 0 (some units never fire) are up to about 1e-7 of the traces.
    assert [one.details[f"fid_{name}"] for name in NAMES] == pytest.approx(expected, rel=1e-4)
    assert one.value == pytest.approx(np.mean(expected), rel=1e-4)
    assert (one.metric, one.better, one.n_real, one.n_fake) == ("class_fid@quadrants", "lower", 440, 400)


def test_the_mean_image_repeated_is_what_it_says(real, extractor):
    one = scored(FAKE, real, extractor)["class_fid"]
    for label, name in enumerate(NAMES):
        images = TEST[label == TEST_LABELS]
        mean_image = images.double().mean(0).round().byte()
        repeated = mean_image.expand(100, -1, -1, -1)
        features = extractor.extract(torch.cat([images, repeated])).features.double().numpy()
        expected = frechet_by_numpy(features[: len(images)], features[len(images) :])
        # The network's float32 sums depend on the batch in the last digits.
        assert one.details[f"mean_image_fid_{name}"] == pytest.approx(expected, rel=1e-4)
        assert one.details[f"fid_{name}"] < one.details[f"mean_image_fid_{name}"]
    assert not any("mean image" in warning for warning in one.warnings)


def test_swapped_classes_are_seen_by_both_scores_and_by_fid_not(real, extractor):
    right = scored(FAKE, real, extractor, names=(*BOTH, "fid"))
    swapped = scored(FAKE, real, extractor, labels=3 - ASKED, names=(*BOTH, "fid"))
    assert right["class_agreement"].value > 0.95
    assert swapped["class_agreement"].value < 0.05
    assert swapped["class_fid"].value > 10 * right["class_fid"].value
    assert swapped["fid"].value == right["fid"].value
    said = [w for w in swapped["class_fid"].warnings if "mean image" in w]
    assert len(said) == 1
    assert said[0].startswith("samples of classes 'nw', 'ne', 'sw' and 'se' are further from")


def test_agreement_says_how_sure_it_is_and_of_which_class(real, extractor):
    labels = ASKED.clone()
    labels[labels == 2] = 1  # 'sw' is never asked for
    one = scored(FAKE, real, extractor, labels=labels)["class_agreement"]
    predicted = extractor.extract(FAKE).logits.argmax(1)
    assert one.value == pytest.approx(float((predicted == labels).float().mean()))
    assert one.uncertainty == pytest.approx(math.sqrt(one.value * (1 - one.value) / 400))
    assert set(one.details) == {"agreement_nw", "agreement_ne", "agreement_se"}
    assert 0.3 < one.details["agreement_ne"] < 0.7
    assert one.warnings == ("none of 400 samples was asked to be of class 'sw'",)
    assert one.n_real == 0


def test_the_order_of_samples_does_not_matter(real, extractor):
    order = torch.randperm(400, generator=generator())
    one, other = scored(FAKE, real, extractor), scored(FAKE[order], real, extractor, labels=ASKED[order])
    assert other["class_agreement"].value == one["class_agreement"].value
    # Sums in another order, and batches of another make-up.
    assert other["class_fid"].value == pytest.approx(one["class_fid"].value, rel=1e-4)


def test_the_uncertainty_is_of_the_size_of_the_spread_over_fresh_samples(real, extractor):
    fresh = [quadrants(400, seed=s) for s in range(100, 120)]
    scores = [scored(x, real, extractor, labels=y, names=["class_fid"])["class_fid"] for x, y in fresh]
    spread = torch.tensor([one.value for one in scores]).std()
    told = torch.tensor([one.uncertainty for one in scores]).mean()
    # About 2 samples a dimension and a generator that is perfect: up to twice too large. 20 draws leave 16 %.
    assert 0.6 < float(told / spread) < 2.5


def test_a_score_does_not_depend_on_which_others_are_asked_for(real, extractor):
    alone = scored(FAKE, real, extractor, names=["class_fid"])["class_fid"]
    beside = scored(FAKE, real, extractor, names=["fid", "class_fid"])
    assert beside["class_fid"] == alone
    assert beside["fid"] == scored(FAKE, real, extractor, names=["fid"])["fid"]


def test_the_error_of_the_mean_is_that_of_independent_classes(real, extractor):
    features, classes = extractor.extract(FAKE).features, real.classes(extractor)
    each = [frechet_standard_error(c.mean, c.root, features[c.label == ASKED]) for c in classes]
    told = class_frechet_error(features, ASKED, classes)
    assert told == pytest.approx(math.sqrt(sum(error**2 for error in each)) / 4)
    assert scored(FAKE, real, extractor)["class_fid"].uncertainty == pytest.approx(told)


def test_classes_of_fewer_samples_than_dimensions_have_no_error(real, extractor):
    one = scored(FAKE[:40], real, extractor, labels=ASKED[:40])["class_fid"]
    assert math.isfinite(one.value)
    assert one.uncertainty is None
    assert any("covariances are singular" in warning for warning in one.warnings)


def test_inception_within_classes_is_that_of_each_alone():
    p = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]])
    scores = class_inception(p, torch.tensor([2, 2, 0, 0, 0]), 3)
    # Two certain and different answers score 2, three equal ones 1; nothing was asked to be class 1.
    assert scores.tolist()[::2] == pytest.approx([1, 2], abs=1e-12)
    assert math.isnan(scores[1])
    with pytest.raises(MetricError, match=r"labels that were asked for must lie in 0 \.\. 1"):
        class_inception(p, torch.tensor([2, 2, 0, 0, 0]), 2)


def logits_of(n, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    return 2 * torch.randn(n, 5, generator=generator) * (1 + labels.unsqueeze(1)), labels


def test_class_is_and_its_error(real, extractor):
    protocol = protocol_of("class_is", reference=real, n_fake=400, extractor=extractor)

    def of(logits, labels):
        probabilities = logits.double().softmax(1)
        names = SimpleNamespace(class_names=("a", "b"))
        seen = SimpleNamespace(probabilities=probabilities, labels=labels, real=names, extractor=names)
        return class_is_score(seen, protocol)

    def once(seed):
        return of(*logits_of(600, seed))

    scores = [once(seed) for seed in range(100)]
    logits, labels = logits_of(600, 0)
    expected = class_inception(logits.double().softmax(1), labels, 2)
    assert scores[0].value == pytest.approx(float(expected.mean()))
    assert [scores[0].details[f"is_{c}"] for c in "ab"] == pytest.approx(expected.tolist())
    spread = torch.tensor([one.value for one in scores]).std()
    told = torch.tensor([one.uncertainty for one in scores]).mean()
    # 100 draws leave 7 %: three of those.
    assert 0.8 < float(told / spread) < 1.25
    lacking = of(logits[:3], labels[:3] * 0)
    assert math.isnan(lacking.value)
    assert lacking.uncertainty is None
    assert lacking.warnings[0].startswith("there are no generated samples of class 'b'")
    assert "as few as 3 samples a class for 5 outputs" in lacking.warnings[1]


def test_real_classes_are_computed_once_for_each_extractor(real, extractor):
    extractions = []
    extract = extractor.extract
    extractor.extract = lambda images, *rest: extractions.append(len(images)) or extract(images, *rest)
    for _ in range(3):
        scored(FAKE, real, extractor)
    assert sorted(extractions) == [4, 400, 400, 400, 440]


def test_small_classes_are_said_and_never_averaged_over(extractor):
    few = torch.cat([torch.nonzero(c == TEST_LABELS)[:n, 0] for c, n in enumerate((40, 100, 1, 100))])
    real = Reference("few", TEST[few], test_labels=TEST_LABELS[few], class_names=NAMES)
    one = scored(FAKE, real, extractor)["class_fid"]
    assert set(one.details) == {f"{kind}fid_{c}" for kind in ("", "mean_image_") for c in ("nw", "ne", "se")}
    assert one.value == pytest.approx(np.mean([one.details[f"fid_{c}"] for c in ("nw", "ne", "se")]))
    assert "there are fewer than 2 test images of class 'sw', which class_fid leaves out" in one.warnings
    assert any("as few as 40 real samples a class in 64 feature dimensions" in w for w in one.warnings)
    kept = (ASKED != 1) | (torch.arange(400) < 1)
    lacking = scored(FAKE[kept], real, extractor, labels=ASKED[kept])["class_fid"]
    assert math.isnan(lacking.value)
    assert lacking.uncertainty is None
    assert "fid_ne" not in lacking.details
    assert any("fewer than 2 generated samples of class 'ne'" in w for w in lacking.warnings)


def test_classes_without_names_are_called_by_their_labels(extractor):
    real = Reference("quadrants/test@0", TEST, test_labels=TEST_LABELS)
    assert real.class_names == ("0", "1", "2", "3")
    extractor.class_names = None  # as Inception's, whose classes are not the data's
    one = scored(FAKE, real, extractor, names=["class_fid"])["class_fid"]
    assert "fid_3" in one.details


def test_the_protocol_says_how_classes_were_asked_for(real, extractor):
    one = scored(FAKE, real, extractor, names=(*BOTH, "fid"), samples="seed 21", asked="evenly")
    for name in BOTH:
        assert one[name].protocol.samples == "seed 21, classes asked for: evenly"
        ahead = protocol_of(
            name, reference=real, n_fake=400, extractor=extractor, samples="seed 21", asked="evenly"
        )
        assert ahead == one[name].protocol
    assert one["fid"].protocol.samples == "seed 21"


def without_names(extractor):
    extractor.class_names = None


def with_other_names(extractor):
    extractor.class_names = ("ne", "nw", "sw", "se")


@pytest.mark.parametrize(
    ("changes", "change", "words"),
    [
        ({"labels": None}, None, "class_agreement needs the class that each sample was asked for"),
        ({"labels": ASKED.int()}, None, "int64 of shape .400,., got torch.int32"),
        ({"labels": ASKED[:5]}, None, r"\(400,\)"),
        ({"labels": ASKED + 1}, None, r"must lie in 0 .. 3, got 1 .. 4"),
        ({"labels": ASKED - 1}, None, r"must lie in 0 .. 3, got -1 .. 2"),
        ({"names": ["class_agreement"]}, without_names, "class_agreement needs a domain classifier"),
        ({"names": ["class_fid"]}, with_other_names, "the same classes in the same order, .* knows ne"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_computed(real, extractor, changes, change, words):
    if change is not None:
        change(extractor)
    extractor.extract = None  # calling it would be a TypeError
    arguments = {"labels": ASKED, "names": BOTH} | changes
    with pytest.raises(MetricError, match=words):
        scored(FAKE, real, extractor, **arguments)


def test_references_and_piles_that_cannot_have_classes(real, extractor):
    with pytest.raises(MetricError, match="class_fid needs labelled test images, and 'bare' has no labels"):
        scored(FAKE, Reference("bare", TEST), extractor)
    with pytest.raises(MetricError, match="at least 2 generated images a class, 8 in all, got 7"):
        scored(FAKE[:7], real, extractor, labels=ASKED[:7])
    with pytest.raises(MetricError, match="no labels, so its classes can't be told apart"):
        Reference("bare", TEST).classes(extractor)
    with pytest.raises(MetricError, match=r"the test labels of 'mine' must be int64 of shape \(440,\)"):
        Reference("mine", TEST, test_labels=TEST_LABELS[:9])
    with pytest.raises(MetricError, match=r"the test labels of 'mine' must lie in 0 .. 1, got 0 .. 3"):
        Reference("mine", TEST, test_labels=TEST_LABELS, class_names=("a", "b"))


def test_logits_that_are_not_finite_are_refused():
    with pytest.raises(MetricError, match="not finite"):
        class_agreement(torch.tensor([[0.0, math.nan]]), torch.tensor([0]))


def test_a_class_of_fewer_than_two_samples_has_no_distance(real, extractor):
    features = extractor.extract(FAKE).features
    distances = class_frechet(features[:1], ASKED[:1], real.classes(extractor))
    assert torch.isnan(distances).all()
