import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import MetricError, copied_images, memorisation

D = 12


def normal(generator, n):
    return torch.randn(n, D, generator=generator)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_is_scipys_mann_whitney_on_distances_from_differences():
    generator = seeded(0)
    training, held_out = normal(generator, 300), normal(generator, 150)
    # A third are copies, and two held-out samples are too: tied at 0.
    generated = torch.cat((training[:40], normal(generator, 80)))
    held_out[:2] = training[-2:]
    result = memorisation(generated, training, held_out)
    ours, theirs = (
        torch.cdist(x.double(), training.double(), compute_mode="donot_use_mm_for_euclid_dist")
        .amin(1)
        .numpy()
        for x in (generated, held_out)
    )
    test = scipy.stats.mannwhitneyu(
        ours, theirs, alternative="less", use_continuity=False, method="asymptotic"
    )
    assert result.closer_probability == pytest.approx(1 - test.statistic / (120 * 150), rel=1e-12)
    assert result.closer_p_value == pytest.approx(test.pvalue, rel=1e-9)
    assert result.threshold == np.sort(theirs)[0]
    # The threshold is 0, where two held-out samples and the 40 copies are.
    assert result.copied_share == pytest.approx((40 / 120 - 2 / 151) / (1 - 2 / 151))
    beta_binomial = scipy.stats.betabinom(120, 2, 149)
    assert result.p_value == pytest.approx(beta_binomial.pmf(np.arange(40, 121)).sum(), rel=1e-6)


def with_copies(share, noise):
    def draw(generator, training, n):
        copies = int(share * n)
        rows = torch.randint(len(training), (copies,), generator=generator)
        copied = training[rows] + noise * normal(generator, copies)
        return torch.cat((copied, normal(generator, n - copies)))

    return draw


def simulated(draw, simulations, n=300, m=300, training=500):
    results = []
    for seed in range(simulations):
        generator = seeded(seed)
        train, held_out = normal(generator, training), normal(generator, m)
        results.append(memorisation(draw(generator, train, n), train, held_out))
    return np.array(results).T


@pytest.mark.parametrize(("share", "noise"), [(0.05, 0.0), (0.2, 0.0), (1.0, 0.0), (0.05, 0.1), (0.2, 0.1)])
def test_copies_are_caught(share, noise):
    copied, error, p_value, *_ = simulated(with_copies(share, noise), 20)
    assert (p_value < 0.01).all()
    # How many copies there are is fixed here; the fresh ones among 300 that come as close, and the
    # threshold, vary.
    assert copied.mean() == pytest.approx(share, abs=4 * max(error.mean(), 1e-9) / math.sqrt(20))


def test_copies_among_bad_samples_are_caught():
    def draw(generator, training, n):
        return torch.cat((training[: n // 20], 1.5 * normal(generator, n - n // 20)))

    copied, _, p_value, closer, *_ = simulated(draw, 10)
    assert (p_value < 0.01).all()
    # None of the bad ones is as close as 1 % of real ones.
    assert copied.mean() == pytest.approx(0.05, abs=0.015)
    # What the median says:
    assert closer.max() < 0.3


def test_a_generator_that_keeps_a_little_too_close_is_caught_by_the_probability():
    def draw(generator, training, n):
        rows = torch.randint(len(training), (n,), generator=generator)
        return 0.8 * training[rows] + 0.6 * normal(generator, n)

    *_, closer, _, p_value, _ = simulated(draw, 10)
    assert closer.min() > 0.5
    assert np.median(p_value) < 0.01


def test_fresh_samples_are_flagged_as_often_as_the_level_says():
    copied, error, p_value, closer, closer_error, closer_p_value, _ = simulated(with_copies(0, 0), 300)
    # 300 trials at .05: ± .013, one σ; an exact test of a count keeps below its level.
    assert (p_value < 0.05).mean() <= 0.05 + 3 * 0.013
    assert abs((closer_p_value < 0.05).mean() - 0.05) <= 3 * 0.013
    for values, errors, truth in ((copied, error, 0), (closer, closer_error, 0.5)):
        assert abs(values.mean() - truth) < 4 * values.std() / math.sqrt(300)
        # 300 values: ± 4 %, one σ; samples of one simulation share their training set, which moves both
        # kinds.
        assert math.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.2)


def test_bounds_and_what_lies_far_away():
    generator = seeded(0)
    training, held_out = normal(generator, 200), normal(generator, 120)
    copies = memorisation(training, training, held_out)
    assert copies.copied_share == 1
    assert copies.closer_probability == 1
    far = memorisation(training + 100, training, held_out)
    assert far.copied_share < 0
    assert far.closer_probability == 0
    assert far.p_value == 1
    same = memorisation(held_out, training, held_out)
    assert same.closer_probability == pytest.approx(0.5)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_neither_order_nor_an_exact_shift_matters(seed):
    generator = seeded(seed)
    piles = [(normal(generator, n) * 8).round() / 8 for n in (50, 90, 110)]
    expected = memorisation(*piles)
    shuffled = [rows[torch.randperm(len(rows), generator=generator)] + 64 for rows in piles]
    assert memorisation(*shuffled) == pytest.approx(expected, rel=1e-12)


GOOD = torch.ones(120, 3)


@pytest.mark.parametrize(
    ("piles", "words"),
    [
        ((GOOD[:1], GOOD, GOOD), "generated features must be at least 2 samples, got 1"),
        ((GOOD, GOOD[:0], GOOD), "training features must be at least 1 samples, got 0"),
        ((GOOD, GOOD, GOOD[:98]), "held-out features must be at least 99 samples, got 98"),
        ((GOOD, GOOD[:, :2], GOOD), "generated features and the training features .* got 3 and 2"),
        ((GOOD, GOOD, GOOD[:, :2]), "generated features and the held-out features .* got 3 and 2"),
        ((GOOD * math.nan, GOOD, GOOD), "generated features must be finite"),
    ],
)
def test_bad_features_are_refused(piles, words):
    with pytest.raises(MetricError, match=words):
        memorisation(*piles)


def images(seed, n):
    return torch.randint(256, (n, 1, 4, 4), generator=seeded(seed), dtype=torch.uint8)


def test_images_that_are_training_images_are_counted_once():
    training = images(0, 30)
    symmetric = training[:1] // 2
    symmetric[..., 2:] = symmetric[..., :2].flip(3)
    training = torch.cat((training, symmetric))
    almost = training[4:5].clone()
    almost[0, 0, 0, 0] ^= 1
    fake = torch.cat((training[:3], training[5:7].flip(3), symmetric, almost, images(1, 3)))
    for pile in (training, torch.split(training, 7)):
        assert copied_images(fake, pile) == (4 / 10, 2 / 10)


@pytest.mark.parametrize(
    ("fake", "training", "words"),
    [
        (images(0, 2).float(), images(0, 2), "generated images must be uint8 .* got float32"),
        (images(0, 2), images(0, 2)[..., :3], r"training images must be uint8 of shape \(n, 1, 4, 4\)"),
        (images(0, 2), [], "there is no training image"),
        (images(0, 2)[0], images(0, 2), r"generated images must be uint8 of shape \(n, C, H, W\)"),
    ],
)
def test_bad_images_are_refused(fake, training, words):
    with pytest.raises(MetricError, match=words):
        copied_images(fake, training)
