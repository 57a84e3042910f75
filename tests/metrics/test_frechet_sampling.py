import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import HalvedMoments, MetricError, Moments, frechet_distance, frechet_estimate
from metrics.frechet import covariance_root
from metrics.frechet_sampling import frechet_standard_error, influences

# A reference N(0, diag 1/i), and a generator that is off by eps and by a shift.
DIM = 8


def population(dim, eps, shift, seed=0):
    """Mean, covariance's root and the truth, exactly known, of reference and generator."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.diag(torch.arange(1, dim + 1, dtype=torch.float64) ** -0.5)
    noise = torch.randn(dim, dim, generator=generator, dtype=torch.float64) / dim**0.5
    made = (torch.eye(dim, dtype=torch.float64) + eps * noise) @ root
    mean = shift * root.diagonal() * torch.randn(dim, generator=generator, dtype=torch.float64)
    zero = torch.zeros(dim, dtype=torch.float64)
    truth = frechet_distance(zero, root @ root.T, mean, made @ made.T, exact=True)
    return zero, root, mean, made, truth


def rows_of(kind, n, dim, generator):
    """Independent rows of mean 0 and identity covariance: Gaussian, skewed, or heavy-tailed."""
    z = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    if kind == "skewed":
        return -torch.rand(n, dim, generator=generator, dtype=torch.float64).log() - 1
    if kind == "heavy":
        chi = torch.randn(n, 8, generator=generator, dtype=torch.float64).square().sum(1, keepdim=True)
        return z * (6 / chi).sqrt()
    return z


def coverage(kind, dim, n, eps, shift, simulations):
    """Share of intervals that hold the truth, mean error over its deviation, and share of no interval."""
    zero, root, mean, made, truth = population(dim, eps, shift)
    generator = torch.Generator().manual_seed(1)
    held, centres, refused = 0, [], 0
    for _ in range(simulations):
        rows = rows_of(kind, n, dim, generator) @ made.T + mean
        estimate = frechet_estimate(zero, root, HalvedMoments.of(rows))
        if estimate.interval is None:
            refused += 1
            continue
        held += abs(estimate.debiased - truth) <= 1.96 * estimate.standard_error
        centres.append(estimate.debiased)
    centres = torch.tensor(centres)
    return held / len(centres), float((centres.mean() - truth) / centres.std()), refused / simulations


def test_intervals_cover_the_truth_and_their_centre_is_unbiased():
    share, bias, refused = coverage("skewed", DIM, 1000, 0.2, 0.1, simulations=500)
    # Issue 4's limit; the share of 500 simulations itself has a standard error of 1 point.
    assert 0.92 <= share <= 0.98
    # The mean of 500 is known to .045 of the deviation; without the correction it is several.
    assert abs(bias) < 0.15
    assert refused < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gauss", "skewed", "heavy"])
@pytest.mark.parametrize(("dim", "n"), [(16, 1000), (64, 1000), (128, 512)])
@pytest.mark.parametrize(("eps", "shift"), [(0.1, 0.1), (0.5, 0.3)])
def test_intervals_cover_at_several_sizes(monkeypatch, kind, dim, n, eps, shift):
    # Of 4 samples a dimension 1,000 simulations are affordable only where these are fewer than is asked for.
    monkeypatch.setattr("metrics.frechet_sampling.MIN_SAMPLES", 500)
    share, _, refused = coverage(kind, dim, n, eps, shift, simulations=1000)
    assert 0.92 <= share <= 0.98  # issue 4's limit
    assert refused < 0.1


@pytest.mark.slow
def test_the_interval_of_a_perfect_generator_is_wide_rather_than_narrow():
    share, _, _ = coverage("gauss", 32, 1000, 0.0, 0.0, simulations=1000)
    # The debiased distance is a weighted sum of chi-squares here; 95 to 99 % was seen.
    assert share >= 0.92


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31), dim=st.integers(1, 6))
def test_influences_are_the_derivatives_of_the_distance(seed, dim):
    zero, root, mean, made, _ = population(dim, 0.5, 0.3, seed % 97)
    generator = torch.Generator().manual_seed(seed)
    n = 200
    rows = rows_of("gauss", n, dim, generator) @ made.T + mean
    psi = influences(zero, root, rows)

    def distance(weights):
        centre = weights @ rows
        centred = rows - centre
        # The n/(n − 1) of the unbiased covariance stays as it is while the weights move.
        covariance = centred.T @ (weights.unsqueeze(1) * centred) * n / (n - 1)
        return frechet_distance(zero, root @ root.T, centre, covariance, exact=True)

    even = torch.full((n,), 1 / n, dtype=torch.float64)
    step = 1e-5
    for i in (0, 17, n - 1):
        towards = -even.clone()
        towards[i] += 1
        slope = (distance(even + step * towards) - distance(even - step * towards)) / (2 * step)
        # ψ is centred on the population and the covariance scaled by n/(n − 1): 1/n of values up to about
        # 30; the central difference itself is good to 1e-7.
        assert float(psi[i]) == pytest.approx(slope, abs=0.02 * (1 + abs(slope)))


@pytest.mark.parametrize("kind", ["gauss", "skewed"])
def test_the_standard_error_is_the_spread_over_fresh_samples(kind):
    zero, root, mean, made, _ = population(DIM, 0.5, 0.5)
    generator = torch.Generator().manual_seed(2)
    values, errors = [], []
    for _ in range(400):
        rows = rows_of(kind, 300, DIM, generator) @ made.T + mean
        moments = Moments.of(rows)
        values.append(frechet_distance(zero, root @ root.T, moments.mean, moments.covariance))
        errors.append(frechet_standard_error(zero, root, rows))
    ratio = float(torch.tensor(values).std() / torch.tensor(errors).mean())
    # 400 values leave 3.5 %; the formula is of first order.
    assert 0.85 < ratio < 1.15


@settings(deadline=None, max_examples=20)
@given(cuts=st.lists(st.integers(0, 60), max_size=6), keep=st.none() | st.integers(2, 40))
def test_halves_do_not_depend_on_how_the_stream_is_cut(cuts, keep):
    rows = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    whole, parts = HalvedMoments(3, keep), HalvedMoments(3, keep)
    whole.update(rows)
    for part in torch.tensor_split(rows, sorted(cuts)):
        parts.update(part)
    assert parts.n == 60
    for half in (0, 1):
        # Sums of 30 float64 numbers of size 1, merged in another order.
        torch.testing.assert_close(parts.moments[half].mean, whole.moments[half].mean, rtol=0, atol=1e-13)
        torch.testing.assert_close(
            parts.moments[half].scatter, whole.moments[half].scatter, rtol=0, atol=1e-12
        )
        assert torch.equal(parts.rows[half], whole.rows[half])
        assert whole.moments[half].n == 30
        assert len(whole.rows[half]) == min(30, keep or 30)
    torch.testing.assert_close(parts.whole.mean, Moments.of(rows).mean, rtol=0, atol=1e-13)


@pytest.mark.parametrize("period", [2, 4, 10])
@pytest.mark.parametrize("keep", [None, 500])
def test_halves_are_alike_whatever_the_period_of_the_stream(period, keep):
    positions = torch.arange(20_000.0)
    halved = HalvedMoments(1, keep)
    halved.update((positions % period).unsqueeze(1))
    for kept in halved.rows:
        shares = torch.bincount(kept[:, 0].long(), minlength=period) / len(kept)
        # Binomial: five of its deviations.
        spread = (1 / period * (1 - 1 / period) / len(kept)) ** 0.5
        assert (shares - 1 / period).abs().max() < 5 * spread
    # Each of two neighbours in another half.
    one, other = (rows[:, 0] for rows in whole_rows_of(positions))
    assert torch.equal((one // 2).long(), torch.arange(10_000))
    assert torch.equal((other // 2).long(), torch.arange(10_000))


def whole_rows_of(values):
    halved = HalvedMoments(1)
    halved.update(values.unsqueeze(1))
    return halved.rows


def test_classes_in_turn_get_the_interval_that_classes_at_random_get():
    zero, root, _, _, _ = population(DIM, 0, 0)
    noise = torch.randn(4000, DIM, generator=torch.Generator().manual_seed(5))
    means = torch.randn(4, DIM, generator=torch.Generator().manual_seed(6)) / 2
    in_turn = noise + means.repeat(1000, 1)
    shuffled = in_turn[torch.randperm(4000, generator=torch.Generator().manual_seed(7))]
    one, other = (frechet_estimate(zero, root, HalvedMoments.of(x)) for x in (in_turn, shuffled))
    assert one.interval is not None
    assert other.interval is not None
    # Another order moves the centre by a third of a standard error, the error itself by less.
    assert abs(one.debiased - other.debiased) < 4 / 3 * other.standard_error
    assert one.standard_error == pytest.approx(other.standard_error, rel=0.3)


def test_a_sample_of_the_rows_gives_nearly_what_all_give():
    zero, root, mean, made, _ = population(DIM, 0.3, 0.2)
    rows = rows_of("gauss", 20_000, DIM, torch.Generator().manual_seed(3)) @ made.T + mean
    everything = frechet_estimate(zero, root, HalvedMoments.of(rows))
    streamed = HalvedMoments(DIM, keep=1000)
    for batch in torch.split(rows, 777):
        streamed.update(batch)
    assert len(streamed.rows[0]) <= 1000
    some = frechet_estimate(zero, root, streamed)
    assert some.value == pytest.approx(everything.value, abs=1e-12)  # rounding of merged sums
    # A deviation from 1,250 rows is known to about 2 %, here with ψ's tails 4 %; twice that.
    assert some.standard_error == pytest.approx(everything.standard_error, rel=0.1)
    assert abs(some.debiased - everything.debiased) < 0.1 * everything.standard_error


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_another_order_moves_only_the_centre_and_by_less_than_the_error(seed):
    zero, root, mean, made, _ = population(DIM, 0.05, 0.05)
    rows = rows_of("gauss", 1000, DIM, torch.Generator().manual_seed(4)) @ made.T + mean
    shuffled = rows[torch.randperm(1000, generator=torch.Generator().manual_seed(seed))]
    one, other = (frechet_estimate(zero, root, HalvedMoments.of(x)) for x in (rows, shuffled))
    assert other.value == pytest.approx(one.value, abs=1e-12)  # sums in another order
    # A third of a standard error in the docstring: a deviation, so four of them.
    assert abs(other.debiased - one.debiased) < 4 / 3 * one.standard_error


def test_too_few_samples_get_no_interval_and_are_told_why():
    zero, root, mean, made, _ = population(DIM, 0.1, 0.1)
    rows = rows_of("gauss", 999, DIM, torch.Generator().manual_seed(0)) @ made.T + mean
    estimate = frechet_estimate(zero, root, HalvedMoments.of(rows))
    assert estimate.interval is estimate.debiased is estimate.standard_error is estimate.bias is None
    assert "999 generated samples are too few for an interval in 8 feature dimensions" in estimate.warning
    moments = Moments.of(rows)
    expected = frechet_distance(zero, root @ root.T, moments.mean, moments.covariance)
    assert estimate.value == pytest.approx(expected, abs=1e-12)  # the same arithmetic but for rounding
    assert estimate.value_error == pytest.approx(frechet_standard_error(zero, root, rows))
    singular = frechet_estimate(zero, root, HalvedMoments.of(rows[:DIM]))
    assert singular.value > 0
    assert singular.value_error is None


def test_a_bias_that_has_not_settled_gets_no_interval():
    # Isotropic and perfect: what is left of the bias grows with d while the error does not.
    dim = 256
    zero, root = torch.zeros(dim, dtype=torch.float64), torch.eye(dim, dtype=torch.float64)
    rows = rows_of("gauss", 4 * dim, dim, torch.Generator().manual_seed(0))
    estimate = frechet_estimate(zero, root, HalvedMoments.of(rows))
    assert estimate.interval is None
    assert "has not settled" in estimate.warning
    assert estimate.value > 0


def test_directions_in_which_nothing_varies_change_nothing():
    zero, root, mean, made, _ = population(DIM, 0.3, 0.2)
    rows = rows_of("gauss", 1100, DIM, torch.Generator().manual_seed(5)) @ made.T + mean
    padded = torch.cat([rows, torch.zeros(1100, 4, dtype=torch.float64)], dim=1)
    wide = torch.block_diag(root, torch.zeros(4, 4, dtype=torch.float64))
    narrow = frechet_estimate(zero, root, HalvedMoments.of(rows))
    dead = frechet_estimate(torch.zeros(12, dtype=torch.float64), wide, HalvedMoments.of(padded))
    # Dead units on both sides, and (below) on the generated side only: |value| of a few units, float64.
    assert dead.debiased == pytest.approx(narrow.debiased, abs=1e-10)
    assert dead.standard_error == pytest.approx(narrow.standard_error, abs=1e-10)
    alive = torch.block_diag(root, torch.eye(4, dtype=torch.float64))
    only_real = frechet_estimate(torch.zeros(12, dtype=torch.float64), alive, HalvedMoments.of(padded))
    assert only_real.value == pytest.approx(narrow.value + 4, abs=1e-6)  # tr I; roots of rounding
    assert math.isfinite(only_real.debiased)
    assert only_real.standard_error == pytest.approx(narrow.standard_error, rel=1e-6)


def test_bad_rows_are_refused_and_nothing_is_added():
    halved = HalvedMoments(3)
    for bad, words in [
        (torch.zeros(2, 4), r"\(n, 3\)"),
        (torch.zeros(3), r"\(3,\)"),
        (torch.zeros(2, 3, dtype=torch.int64), "int64"),
        (torch.tensor([[0.0, 0, 0], [0, float("nan"), 0]]), "NaN"),
    ]:
        with pytest.raises(MetricError, match=words):
            halved.update(bad)
    assert halved.n == 0
    with pytest.raises(MetricError, match="at least 2 rows"):
        HalvedMoments(3, keep=1)
    with pytest.raises(MetricError, match="more than 8 samples in 8 feature dimensions, got 8"):
        frechet_standard_error(*population(8, 0, 0)[:2], torch.randn(8, 8))


def test_the_root_of_a_sampled_reference_works_as_one_known_exactly():
    rows = torch.randn(1100, DIM, generator=torch.Generator().manual_seed(6))
    reference = Moments.of(rows)
    estimate = frechet_estimate(reference.mean, covariance_root(reference.covariance), HalvedMoments.of(rows))
    # The sample is the reference: its distance is 0, and the debiased one below 0 by the bias.
    assert estimate.value == pytest.approx(0, abs=1e-9)
    assert estimate.debiased < 0
    assert estimate.interval[0] == 0
