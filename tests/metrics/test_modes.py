import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import MetricError, Modes, high_quality_share, mode_counts, mode_kl, modes_captured

# Two of them nearer to one another than 3 σ + 3 σ, so that circles overlap.
MODES = Modes(centres=torch.tensor([[0.0, 0.0], [0.5, 0.0], [3.0, -2.0], [-4.0, 4.0]]).double(), sigma=0.1)
# Of a two-dimensional round Gaussian, the mass within 3 σ is 1 − exp(−3²/2).
WITHIN_3_SIGMA = 1 - math.exp(-9 / 2)

coordinates = st.floats(-5, 5, allow_nan=False, width=32)
near = st.floats(-0.5, 0.5, width=32)
near_a_mode = st.tuples(st.integers(0, 3), near, near).map(
    lambda t: (float(MODES.centres[t[0], 0]) + t[1], float(MODES.centres[t[0], 1]) + t[2])
)
piles = st.lists(st.one_of(st.tuples(coordinates, coordinates), near_a_mode), min_size=1, max_size=40)
histograms = st.lists(st.integers(0, 500), min_size=1, max_size=30)


def tensor(points):
    return torch.tensor(points, dtype=torch.float32).reshape(-1, 2)


def counted_by_hand(points, n_sigmas=3.0):
    counts = [0] * len(MODES.centres)
    for point in tensor(points).double().tolist():
        distances = [math.dist(point, centre) for centre in MODES.centres.tolist()]
        nearest = distances.index(min(distances))
        if distances[nearest] < n_sigmas * MODES.sigma:
            counts[nearest] += 1
    return counts


def drawn(n, seed, modes=MODES):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(len(modes.centres), (n,), generator=generator)
    noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    return (modes.centres[labels] + modes.sigma * noise).float()


@settings(deadline=None)
@given(piles, st.sampled_from([0.5, 3.0, 4.0]))
def test_counts_are_those_of_a_loop(points, n_sigmas):
    assert mode_counts(tensor(points), MODES, n_sigmas).tolist() == counted_by_hand(points, n_sigmas)


@settings(deadline=None)
@given(piles, st.randoms())
def test_the_order_of_samples_does_not_matter_and_no_more_is_found_than_there_is(points, random):
    counts = mode_counts(tensor(points), MODES)
    shuffled = list(points)
    random.shuffle(shuffled)
    assert mode_counts(tensor(shuffled), MODES).equal(counts)
    assert 0 <= modes_captured(counts) <= min(4, len(points))
    assert int(counts.sum()) <= len(points)
    assert mode_counts(tensor(points), MODES, 2.0).sum() <= counts.sum()


@settings(deadline=None)
@given(histograms)
def test_kl_is_scipys_and_lies_between_0_and_log_k(histogram):
    counts = torch.tensor(histogram)
    value, error = mode_kl(counts)
    if sum(histogram) == 0:
        assert math.isnan(value)
        assert math.isnan(error)
        return
    expected = scipy.stats.entropy(histogram, [1] * len(histogram))
    # Sums of a few float64 terms below 7 nats.
    assert value == pytest.approx(expected, abs=1e-12)
    assert 0 <= value <= math.log(len(histogram)) + 1e-12
    assert error >= 0


@pytest.mark.parametrize(
    ("probabilities", "too_large"),
    [([0.25] * 4, math.sqrt(2)), ([0.7, 0.2, 0.1, 0.0], 1), ([0.4, 0.3, 0.2, 0.1], 1)],
)
def test_the_error_of_the_kl_is_the_spread_over_fresh_samples(probabilities, too_large):
    rng = np.random.default_rng(0)
    draws = [mode_kl(torch.tensor(c)) for c in rng.multinomial(1000, probabilities, size=1000)]
    spread = np.std([value for value, _ in draws])
    told = np.sqrt(np.mean([error**2 for _, error in draws]))
    # The spread of 1,000 draws is itself uncertain by 2 to 4 % (the χ² of even modes has long tails).
    assert told == pytest.approx(spread * too_large, rel=0.15)


def test_a_perfect_sampler_finds_every_mode_evenly_with_the_mass_of_3_sigma():
    n = 100_000
    apart = Modes(centres=torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]]).double(), sigma=0.3)
    counts = mode_counts(drawn(n, 0, apart), apart)
    assert modes_captured(counts) == 3
    share, error = high_quality_share(counts, n)
    assert error == pytest.approx(math.sqrt(WITHIN_3_SIGMA * (1 - WITHIN_3_SIGMA) / n), rel=0.05)
    assert abs(share - WITHIN_3_SIGMA) < 5 * error
    value, error = mode_kl(counts)
    # Two degrees of freedom: 2mKL is χ²₂, which exceeds 20 once in 22,000 times.
    assert value < 10 / n


def test_a_gaussian_at_one_mode_is_one_mode_of_high_quality():
    n = 20_000
    one = MODES.centres[3] + MODES.sigma * torch.randn(
        n, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    counts = mode_counts(one, MODES)
    assert modes_captured(counts) == 1
    share, error = high_quality_share(counts, n)
    assert abs(share - WITHIN_3_SIGMA) < 5 * error
    assert mode_kl(counts) == (pytest.approx(math.log(4)), 0)


def test_the_circle_itself_is_outside():
    modes = Modes(centres=torch.zeros(1, 2).double(), sigma=1.0)
    assert mode_counts(torch.tensor([[3.0, 0.0], [0.0, 2.9999998]]), modes).tolist() == [1]


def test_far_from_the_origin_a_small_sigma_is_still_told():
    modes = Modes(centres=torch.tensor([[1000.0, 1000.0]]).double(), sigma=0.001)
    points = modes.centres + torch.tensor([[0.0029, 0.0], [0.0, 0.0031]]).double()
    assert mode_counts(points, modes).tolist() == [1]


def test_blocks_of_samples_are_one_pile(monkeypatch):
    points = drawn(1000, 2)
    whole = mode_counts(points, MODES)
    monkeypatch.setattr("metrics.modes._ROWS", 7)
    assert mode_counts(points, MODES).equal(whole)


def test_other_centres_have_another_hash():
    moved = Modes(centres=MODES.centres + 1e-12, sigma=0.1)
    assert moved.sha256 != MODES.sha256
    assert Modes(centres=MODES.centres.clone(), sigma=0.2).sha256 == MODES.sha256


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (torch.zeros(5, 3), r"\(5, 3\)"),
        (torch.zeros(0, 2), "at least one"),
        (torch.zeros(5, 2, dtype=torch.int64), "int64"),
        (torch.full((5, 2), math.inf), "finite"),
    ],
)
def test_anything_but_points_is_refused(samples, words):
    with pytest.raises(MetricError, match=words):
        mode_counts(samples, MODES)


@pytest.mark.parametrize("n_sigmas", [0.0, -1.0, math.nan])
def test_a_radius_must_be_positive(n_sigmas):
    with pytest.raises(MetricError, match="above 0"):
        mode_counts(torch.zeros(1, 2), MODES, n_sigmas)


@pytest.mark.parametrize(
    ("centres", "sigma", "words"),
    [
        (torch.zeros(3, 2), 1.0, "float64"),
        (torch.zeros(3).double(), 1.0, r"\(3,\)"),
        (torch.zeros(0, 2).double(), 1.0, r"\(0, 2\)"),
        (torch.full((1, 2), math.nan).double(), 1.0, "finite"),
        (torch.zeros(1, 2).double(), 0.0, "positive"),
        (torch.zeros(1, 2).double(), math.inf, "finite"),
    ],
)
def test_modes_must_be_points_with_a_width(centres, sigma, words):
    with pytest.raises(MetricError, match=words):
        Modes(centres=centres, sigma=sigma)
