import dataclasses
import math

import numpy as np
import pytest
import torch
from quadrants import quadrants

from metrics import (
    GOODFELLOW_GRID,
    METRICS,
    MetricError,
    Modes,
    Moments,
    Protocol,
    Reference,
    check_names,
    frechet_distance,
    generated,
    inception_score,
    parzen_log_likelihood,
    protocol_of,
    qualified_name,
    score,
    score_against,
    select_sigma,
    sigma_curve,
)

TEST, TEST_LABELS = quadrants(200, seed=10)
VALIDATION, _ = quadrants(50, seed=11)
FAKE, FAKE_LABELS = quadrants(150, seed=12)
EVERYTHING = ("fid", "is", "parzen", "min_class_share")
OF_MODES = ("modes", "high_quality_share", "mode_kl")
SQUARE = Modes(centres=torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]]).double(), sigma=0.02)


@pytest.fixture
def real():
    return Reference("quadrants/test@0", TEST, VALIDATION)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def scores(real, extractor):
    return score(FAKE, real, EVERYTHING, extractor=extractor, samples="seed 12")


def test_each_value_is_what_the_metric_gives_on_its_own(scores, extractor):
    fake, true = extractor.extract(FAKE), extractor.extract(TEST)
    a, b = Moments.of(true.features), Moments.of(fake.features)
    expected = frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    # The same float64 arithmetic on the same features.
    assert scores["fid"].value == pytest.approx(expected, rel=1e-9)
    probabilities = fake.logits.double().softmax(1)
    whole = inception_score(probabilities, 1)[0]
    assert scores["is"].details["whole_set"] == pytest.approx(whole, rel=1e-12)
    samples = FAKE.flatten(1).double() / 255
    sigma = select_sigma(VALIDATION.flatten(1).double() / 255, samples, GOODFELLOW_GRID)
    likelihoods = parzen_log_likelihood(TEST.flatten(1).double() / 255, samples, sigma)
    assert scores["parzen"].details["sigma"] == sigma
    assert scores["parzen"].value == pytest.approx(float(likelihoods.mean()), abs=1e-9)
    error = float(likelihoods.numpy().std()) / math.sqrt(200)
    assert scores["parzen"].uncertainty == pytest.approx(error, rel=1e-9)


def test_every_score_says_how_sure_it_is_and_of_what(scores):
    assert tuple(scores) == EVERYTHING
    usual = {name for name, metric in METRICS.items() if metric.usual}
    assert usual - set(EVERYTHING) == {*OF_MODES, "class_agreement", "class_fid"}
    for name, one in scores.items():
        assert one.metric == (name if name == "parzen" else f"{name}@quadrants")
        assert one.metric == one.protocol.metric
        assert math.isfinite(one.value)
        assert one.uncertainty is not None
        assert one.uncertainty >= 0
        assert one.uncertainty_kind
        assert one.unit
        assert one.n_fake == 150
        assert one.n_real == (200 if name in ("fid", "parzen") else 0)
        assert one.protocol.samples == "seed 12"


def test_the_protocol_is_known_without_scoring(scores, real, extractor):
    for name, one in scores.items():
        ahead = protocol_of(name, reference=real, n_fake=150, extractor=extractor, samples="seed 12")
        assert ahead == one.protocol
        assert Protocol.from_json(ahead.to_json()).hash == one.protocol.hash


def test_protocols_tell_apart_what_may_not_be_compared(real, extractor):
    def fid(**changes):
        arguments = {"reference": real, "n_fake": 150, "extractor": extractor} | changes
        return protocol_of("fid", **arguments).hash

    other_weights = type(extractor).__new__(type(extractor))
    other_weights.__dict__.update(extractor.__dict__, sha256="0" * 64)
    hashes = {
        fid(),
        fid(n_fake=149),
        fid(reference=Reference("quadrants/train@0", TEST)),
        fid(reference=Reference("quadrants/test@0", TEST[:100])),
        fid(extractor=other_weights),
        fid(samples="EMA on"),
    }
    assert len(hashes) == 6


def test_scores_do_not_depend_on_their_company_or_the_global_generator(real, extractor, scores):
    torch.manual_seed(1)
    again = score(FAKE, real, EVERYTHING[::-1], extractor=extractor, samples="seed 12")
    for name in EVERYTHING:
        assert again[name] == scores[name]


def test_fids_uncertainty_is_of_the_size_of_the_spread_over_fresh_samples(real, extractor):
    fresh = [score(quadrants(400, seed=s)[0], real, ["fid"], extractor=extractor) for s in range(100, 120)]
    spread = torch.tensor([one["fid"].value for one in fresh]).std()
    told = torch.tensor([one["fid"].uncertainty for one in fresh]).mean()
    # A bootstrap of a biased distance is known to overstate a small one; 20 draws leave 16 %.
    assert 0.5 < float(told / spread) < 3


def test_real_features_are_extracted_once_for_each_extractor(real, extractor):
    extractions = []
    extract = extractor.extract

    def counting(images, batch_size=64):
        extractions.append(images.shape[0])
        return extract(images, batch_size)

    extractor.extract = counting
    for _ in range(3):
        score(FAKE, real, EVERYTHING, extractor=extractor)
    assert sorted(extractions) == [150, 150, 150, 200]
    extractor.sha256 = "0" * 64
    score(FAKE, real, ["fid"], extractor=extractor)
    assert extractions.count(200) == 2


@pytest.mark.parametrize("names", [("fid", "kid", "prdc"), ("kid", "fid"), ("fid",), ("fid", "is", "kid")])
def test_each_pile_is_extracted_once_whatever_is_asked_for(real, extractor, monkeypatch, names):
    extracted = []
    extract = extractor.extract

    def counting(images):
        extracted.append(len(images))
        return extract(images)

    monkeypatch.setattr(extractor, "extract", counting)
    score(FAKE, real, names, extractor=extractor)
    assert sorted(extracted) == [150, 200]


def test_several_references_are_scored_as_each_alone_from_one_extraction(real, extractor, monkeypatch):
    validation = Reference("quadrants/validation@0", VALIDATION, VALIDATION)
    wanted = [(real, EVERYTHING), (validation, ("parzen", "fid", "coverage"))]
    alone = [score(FAKE, one, names, extractor=extractor) for one, names in wanted]
    extracted, extract = [], extractor.extract
    monkeypatch.setattr(extractor, "extract", lambda images: extracted.append(len(images)) or extract(images))
    for one in (real, validation):
        one._statistics.clear()
    together = score_against(FAKE, wanted, extractor=extractor)
    assert together == alone
    assert sorted(extracted) == [50, 150, 200]
    assert together[0]["fid"].protocol.hash != together[1]["fid"].protocol.hash


def test_sigma_is_chosen_once_for_references_that_share_their_validation_samples(real, monkeypatch):
    curves = []
    monkeypatch.setattr(
        generated, "sigma_curve", lambda *arguments: curves.append(0) or sigma_curve(*arguments)
    )
    wanted = [(real, ["parzen"]), (Reference("quadrants/validation@0", VALIDATION, VALIDATION), ["parzen"])]
    both = score_against(FAKE, wanted)
    assert len(curves) == 1
    other = Reference("other@0", TEST, TEST[:50])
    score_against(FAKE, [*wanted, (other, ["parzen"])])
    assert len(curves) == 3
    assert both[0]["parzen"].details == both[1]["parzen"].details


def test_nothing_is_scored_if_one_reference_cannot_be(real, extractor, monkeypatch):
    monkeypatch.setattr(extractor, "extract", lambda _: pytest.fail("extracted"))
    with pytest.raises(MetricError, match="needs validation samples"):
        score_against(FAKE, [(real, ["fid"]), (Reference("bare@0", TEST), ["parzen"])], extractor=extractor)


def test_parzens_details_have_the_curve_that_chose_its_sigma(scores):
    details = dict(scores["parzen"].details)
    chosen = details.pop("sigma")
    validation, samples = (pile.flatten(1).double() / 255 for pile in (VALIDATION, FAKE))
    assert len(details) == len(GOODFELLOW_GRID)
    for sigma in GOODFELLOW_GRID:
        expected = parzen_log_likelihood(validation, samples, sigma).mean()
        # Within 1e-9 nats a sample, as of the likelihoods themselves.
        assert details[f"validation_at_{sigma:g}"] == pytest.approx(float(expected), abs=1e-9)
    assert max(details, key=details.get) == f"validation_at_{chosen:g}"


def test_fid_infinitys_details_have_the_distances_it_is_drawn_through(real, extractor):
    fake = quadrants(5014, seed=3)[0]
    one = score(fake, real, ["fid", "fid_infinity"], extractor=extractor)
    details = dict(one["fid_infinity"].details)
    slope = details.pop("slope")
    sizes = [int(key.removeprefix("fid_at_")) for key in details]
    assert sizes == list(range(5000, 5015))
    # The same pile in another order. Features that are always 0 leave eigenvalues of rounding, 1e-16, whose
    # roots are 1e-8: twelve orders gave values up to 4e-8 apart.
    assert details["fid_at_5014"] == pytest.approx(one["fid"].value, abs=1e-6)
    line = np.polyfit(1 / np.array(sizes), list(details.values()), 1)
    # Sizes this close make the line steep in its error: the slope is known to some 1e-5 of itself.
    assert line == pytest.approx([slope, one["fid_infinity"].value], rel=1e-4)


def test_a_worse_pile_scores_worse(real, extractor, scores):
    noise = torch.randint(0, 256, FAKE.shape, generator=generator(), dtype=torch.uint8)
    worse = score(noise, real, ["fid", "parzen"], extractor=extractor)
    assert worse["fid"].value > 5 * scores["fid"].value
    assert worse["parzen"].value < scores["parzen"].value


def test_inception_score_of_a_pile_sorted_by_class_is_as_of_any_other(real, extractor, scores):
    by_class = FAKE[FAKE_LABELS.argsort()]
    ordered = score(by_class, real, ["is"], extractor=extractor)["is"]
    assert ordered.details["whole_set"] == pytest.approx(scores["is"].details["whole_set"])
    # Unshuffled, almost every split would hold one class and score about 1 of 4.
    assert ordered.value > 3


def test_class_shares_count_what_is_there_and_a_missing_class_is_said(real, extractor):
    three = FAKE[FAKE_LABELS != 2]
    one = score(three, real, ["min_class_share"], extractor=extractor)
    share = one["min_class_share"]
    expected = torch.bincount(FAKE_LABELS[FAKE_LABELS != 2], minlength=4) / three.shape[0]
    # The classifier errs on a few at most.
    for name, true in zip(("nw", "ne", "sw", "se"), expected.tolist(), strict=True):
        assert share.details[f"share_{name}"] == pytest.approx(true, abs=0.03)
    assert share.value == share.details["share_sw"] == 0
    assert share.warnings == (f"none of {three.shape[0]} generated samples is of class 'sw'",)
    assert sum(share.details.values()) == pytest.approx(1)


def test_min_class_share_has_the_binomial_standard_error(scores):
    share = scores["min_class_share"]
    expected = math.sqrt(share.value * (1 - share.value) / 150)
    assert share.uncertainty == pytest.approx(expected)
    assert share.warnings == ()


def test_too_few_samples_for_the_dimension_are_warned_of(extractor, scores):
    # Enough for a covariance, not for an interval.
    assert len(scores["fid"].warnings) == 1
    assert "too few for an interval" in scores["fid"].warnings[0]
    few = score(FAKE[:30], Reference("few", TEST[:40]), ["fid"], extractor=extractor)["fid"]
    assert few.uncertainty is None
    assert "30 generated samples in 64 feature dimensions" in few.warnings[0]
    assert "40 real samples" in few.warnings[1]
    many = score(quadrants(1000, seed=13)[0], Reference("q", TEST), ["fid"], extractor=extractor)["fid"]
    assert many.warnings == ()
    assert many.details["low_95"] < many.details["debiased"] < many.details["high_95"]
    assert many.details["debiased"] < many.value


def test_one_image_on_either_side_and_a_pile_against_itself_are_said(extractor, real):
    one = FAKE[:1].expand(120, -1, -1, -1)
    collapsed = score(one, real, ["fid", "kid"], extractor=extractor)
    for each in collapsed.values():
        assert any("the generator makes one image" in warning for warning in each.warnings)
        assert any("copies of another: 119 of 120" in warning for warning in each.warnings)
    constant = score(FAKE, Reference("one", one), ["fid"], extractor=extractor)["fid"]
    assert any("all real images have the same features" in warning for warning in constant.warnings)
    itself = score(TEST.clone(), real, ["fid", "parzen"], extractor=extractor)
    for each in itself.values():
        assert any("are the real ones themselves" in warning for warning in each.warnings)


def test_points_are_scored_by_parzen_unscaled_and_without_an_extractor():
    points = torch.randn(500, 2) * 5
    real = Reference("cloud/test@0", points[:200], points[200:300])
    one = score(points[300:], real, ["parzen"])["parzen"]
    expected = parzen_log_likelihood(points[:200], points[300:], one.details["sigma"]).mean()
    assert one.value == pytest.approx(float(expected), abs=1e-9)
    assert "unscaled" in one.protocol.value_range
    # Points so far apart want a window wider than 1.
    assert one.details["sigma"] == 1.0
    assert "edge" in one.warnings[0]


def test_sigma_is_chosen_on_the_first_thousand_validation_samples_only():
    points = torch.randn(3000, 2) * 1.5
    far = torch.full((500, 2), 50.0)
    plain = Reference("cloud", points[:100], points[1000:2000])
    longer = Reference("cloud", points[:100], torch.cat([points[1000:2000], far]))
    one, two = (score(points[2000:], real, ["parzen"])["parzen"] for real in (plain, longer))
    assert one == two
    assert one.warnings == ()


def on_a_square(points, modes=SQUARE):
    real = Reference("square/test@0", torch.rand(50, 2), modes=modes)
    return score(points, real, OF_MODES, samples="seed 0")


def test_modes_are_scored_without_an_extractor():
    # 60, 30 and 9 samples at three corners and one in the middle.
    at = torch.tensor([0] * 60 + [1] * 30 + [2] * 9)
    points = torch.cat([SQUARE.centres[at], torch.tensor([[0.5, 0.5]]).double()]).float()
    scores = on_a_square(points)
    modes, share, kl = (scores[name] for name in OF_MODES)
    assert (modes.value, modes.unit, modes.better, modes.uncertainty) == (3, "modes", "higher", None)
    assert modes.details == {f"samples_of_mode_{i}": n for i, n in enumerate((60, 30, 9, 0))}
    assert (share.value, share.better) == (0.99, "higher")
    assert share.uncertainty == pytest.approx(math.sqrt(0.99 * 0.01 / 100))
    p = [60 / 99, 30 / 99, 9 / 99]
    assert kl.value == pytest.approx(math.log(4) + sum(x * math.log(x) for x in p))
    assert (kl.unit, kl.better, kl.warnings) == ("nats", "lower", ())
    for name, one in scores.items():
        assert one.metric == name == one.protocol.metric
        assert (one.n_real, one.n_fake) == (0, 100)
        assert "against square/test@0" in one.protocol.words()
        assert "0.02 of each of 4 modes" in one.protocol.words()


def test_a_pile_without_any_good_sample_has_no_distribution_over_modes():
    scores = on_a_square(torch.full((20, 2), 0.5))
    assert (scores["modes"].value, scores["high_quality_share"].value) == (0, 0)
    assert math.isnan(scores["mode_kl"].value)
    assert scores["mode_kl"].uncertainty is None
    assert scores["mode_kl"].warnings == ("no sample is within 3 σ of a mode, so mode_kl is not defined",)


def test_modes_of_another_width_or_place_are_another_protocol(monkeypatch):
    def hashed(**changes):
        modes = Modes(**{"centres": SQUARE.centres, "sigma": SQUARE.sigma} | changes)
        real = Reference("square/test@0", torch.zeros(3, 2), modes=modes)
        return protocol_of("high_quality_share", reference=real, n_fake=10).hash

    hashes = {hashed(), hashed(sigma=0.03), hashed(centres=SQUARE.centres * 2)}
    monkeypatch.setattr("metrics.modes.HIGH_QUALITY_SIGMAS", 4.0)
    assert len(hashes | {hashed()}) == 4


def test_modes_that_nobody_knows_are_not_scored():
    with pytest.raises(MetricError, match="mode_kl needs samples whose modes are known, and 'p' has none"):
        score(torch.zeros(5, 2), Reference("p", torch.zeros(3, 2)), ["mode_kl"])
    with pytest.raises(MetricError, match="'mine' holds images, and only points can have modes in the plane"):
        Reference("mine", TEST, modes=SQUARE)


def test_names_are_checked_with_a_hint():
    check_names(METRICS)
    with pytest.raises(MetricError, match="no metric 'parzan': did you mean 'parzen'"):
        check_names(["fid", "parzan"])
    with pytest.raises(MetricError, match="known are fid, is, parzen"):
        check_names(["zzzzzz"])


def test_qualified_names(extractor):
    assert qualified_name("fid", extractor) == "fid@quadrants"
    assert qualified_name("parzen", extractor) == qualified_name("parzen", None) == "parzen"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("fid", "Inception or a"), ("is", "Inception or a"), ("min_class_share", "a")],
)
def test_without_an_extractor_the_message_says_who_needs_one(real, name, kind):
    words = (
        f"{name} needs an extractor: {kind} domain classifier of your own or shipped .*; only parzen, modes, "
        "high_quality_share and mode_kl need none"
    )
    with pytest.raises(MetricError, match=words):
        score(FAKE, real, [name])


@pytest.mark.parametrize(
    ("fake", "words"),
    [
        (FAKE.float(), "float32"),
        (FAKE[:, 0], r"give one image as images\[None\]"),
        (FAKE[:0], "at least one"),
        (FAKE.repeat(1, 3, 1, 1), r"\(1, 8, 8\) each.*\(3, 8, 8\)"),
        (FAKE[:, :, :4, :4], r"\(1, 4, 4\)"),
        (torch.zeros(5, 2), r"uint8 of shape \(1, 8, 8\) each"),
        (torch.full((5, 2), float("nan")), "finite"),
        (torch.zeros(5, 3), r"\(5, 3\)"),
        (torch.zeros(5, 2).double(), "float64"),
        (FAKE[:1], "fid needs at least 2 generated .* got 1"),
        (FAKE[:9], "is needs at least 10 generated samples, got 9"),
    ],
)
def test_bad_generated_samples_are_refused(real, extractor, fake, words):
    with pytest.raises(MetricError, match=words):
        score(fake, real, ["fid", "is"], extractor=extractor)


def test_what_is_missing_is_said_before_anything_is_computed(real, extractor):
    extractor.extract = None  # calling it would be a TypeError
    points = Reference("points", torch.zeros(3, 2), torch.zeros(3, 2))
    with pytest.raises(MetricError, match="'bare' has none"):
        score(FAKE, Reference("bare", TEST), EVERYTHING, extractor=extractor)
    with pytest.raises(MetricError, match="fid needs images, and 'points' holds points"):
        score(torch.zeros(5, 2), points, ["fid"], extractor=extractor)
    extractor.class_names = None
    with pytest.raises(MetricError, match="min_class_share needs a domain classifier"):
        score(FAKE, real, ["fid", "min_class_share"], extractor=extractor)


@pytest.mark.parametrize(
    ("test", "validation", "words"),
    [
        (TEST.float(), None, "the test samples of 'mine'"),
        (TEST, VALIDATION[:, :, :4], "the validation samples of 'mine' must be torch.uint8"),
        (TEST, torch.zeros(3, 2), "the validation samples of 'mine'"),
        (torch.full((2, 2), float("inf")), None, "finite"),
    ],
)
def test_bad_references_are_refused(test, validation, words):
    with pytest.raises(MetricError, match=words):
        Reference("mine", test, validation)


def test_a_score_can_be_copied_but_not_changed(scores):
    with pytest.raises(dataclasses.FrozenInstanceError):
        scores["fid"].value = 0.0
