import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import MetricError, cmmd, kernel, kernel_distance, kernel_distance_subsets, kernel_subsets


def normal(seed, n, d=5, shift=0.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


def polynomial(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def gaussian(x, y):
    x, y = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, y))
    return np.exp(-((x[:, None] - y[None]) ** 2).sum(2) / 200)


def unbiased_by_hand(k, x, y):
    n, m = len(x), len(y)
    within = 0.0
    for values in (k(x, x), k(y, y)):
        within += (values.sum() - np.trace(values)) / (len(values) * (len(values) - 1))
    return within - 2 * k(x, y).sum() / (n * m)


def variance_by_hand(k, x, y):
    """Unbiased estimates of each term, from means over tuples of different samples."""
    a, b, c = k(x, x), k(y, y), k(x, y)

    def within(values, between):
        n, m = between.shape
        pairs = list(itertools.permutations(range(n), 2))
        triples = list(itertools.permutations(range(n), 3))
        columns = list(itertools.permutations(range(m), 2))
        chain = np.mean([values[i, j] * values[i, q] for i, j, q in triples])
        apart = np.mean([values[i, j] * values[p, q] for i, j, p, q in itertools.permutations(range(n), 4)])
        own = np.mean([values[i, j] ** 2 for i, j in pairs]) - 2 * chain + apart
        # Var [E k(x, X) − E k(x, Y)]
        cross2 = np.mean([between[i, p] * between[i, q] for i in range(n) for p, q in columns])
        cross0 = np.mean([between[i, p] * between[j, q] for i, j in pairs for p, q in columns])
        mixed2 = np.mean([values[i, j] * between[i, p] for i, j in pairs for p in range(m)])
        mixed0 = np.mean([values[i, j] * between[q, p] for i, j, q in triples for p in range(m)])
        return own, (chain - apart) + (cross2 - cross0) - 2 * (mixed2 - mixed0)

    own1, witness1 = within(a, c)
    own2, witness2 = within(b, c.T)
    n, m = c.shape
    residual = c - c.mean(0) - c.mean(1, keepdims=True) + c.mean()
    cross = (residual**2).sum() / ((n - 1) * (m - 1))
    linear = 4 * witness1 / n + 4 * witness2 / m
    quadratic = 2 * own1 / (n * (n - 1)) + 2 * own2 / (m * (m - 1)) + 4 * cross / (n * m)
    return max(0, linear) + quadratic


@pytest.mark.parametrize(("n", "m", "shift"), [(4, 4, 0.0), (5, 7, 1.0), (9, 4, 3.0)])
def test_value_and_error_are_those_of_the_definition(n, m, shift):
    x, y = normal(0, n), normal(1, m, shift=shift)
    value, error = kernel_distance(x, y)
    # Means of some hundred products of float64 kernel values up to 1e4.
    assert value == pytest.approx(unbiased_by_hand(polynomial, x.numpy(), y.numpy()), rel=1e-12)
    assert error**2 == pytest.approx(variance_by_hand(polynomial, x.numpy(), y.numpy()), rel=1e-9)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), n=st.integers(4, 30), m=st.integers(4, 30), rows=st.integers(1, 40))
def test_neither_order_nor_tiles_nor_which_is_first_matter(seed, n, m, rows):
    x, y = normal(seed, n), normal(seed + 1, m, shift=0.5)
    expected = kernel_distance(x, y)
    permutation = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "TILE_ROWS", rows)
        for result in (kernel_distance(x[permutation], y), kernel_distance(y, x)):
            # Sums of up to 900 kernel values of up to 1e3 in another order.
            assert result == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert cmmd(y, x) == pytest.approx(cmmd(x, y), rel=1e-9, abs=1e-12)


def test_float32_features_are_compared_in_float64():
    x, y = normal(0, 50).float(), normal(1, 40).float()
    assert kernel_distance(x, y) == kernel_distance(x.double(), y.double())


def test_far_from_the_origin_the_error_keeps_its_digits():
    x, y = normal(0, 40, d=3), normal(1, 30, d=3, shift=0.2)
    value, error = kernel_distance(x + 100, y + 100)
    by_hand = variance_by_hand(polynomial, x.numpy()[:9] + 100, y.numpy()[:9] + 100)
    # Kernel values of 1e12 that differ by 1e10: 1e-16 · 1e24 / 1e20 in sums of squares, without centring.
    assert kernel_distance(x[:9] + 100, y[:9] + 100)[1] ** 2 == pytest.approx(by_hand, rel=1e-6)
    assert math.isfinite(value)
    assert error > 0


# E (xᵀy/d + 1)³ for x ~ N(a, I), y ~ N(b, I), from the moments of xᵀy.
def expected_kernel(a, b):
    d, product, norms = len(a), a @ b, a @ a + b @ b + len(a)
    moments = product, product**2 + norms, product**3 + 3 * product * norms + 6 * product
    return moments[2] / d**3 + 3 * moments[1] / d**2 + 3 * moments[0] / d + 1


def simulated(simulations, n, m, d, shift):
    """Values and errors of fresh Gaussian piles, and the true distance."""
    a, b = np.zeros(d), np.full(d, shift)
    truth = expected_kernel(a, a) + expected_kernel(b, b) - 2 * expected_kernel(a, b)
    results = [
        kernel_distance(normal(2 * i, n, d), normal(2 * i + 1, m, d, shift=shift)) for i in range(simulations)
    ]
    values, errors = np.array(results).T
    return values, errors, truth


def check_simulated(simulations, n, m, d, shift, slack):
    values, errors, truth = simulated(simulations, n, m, d, shift)
    assert abs(values.mean() - truth) < 4 * values.std() / math.sqrt(simulations)
    covered = (np.abs(values - truth) <= 1.96 * errors).mean()
    assert abs(covered - 0.95) <= slack
    return values, errors


def test_covers_the_truth_and_is_unbiased():
    # 300 simulations: the coverage itself is uncertain by 1.3 points (one σ), besides the 3 allowed.
    values, errors = check_simulated(300, 150, 100, 16, 0.4, slack=0.03 + 2.5 * 0.013)
    # Standard deviations of 300 values: ± 4 %, one σ.
    assert math.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.16)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "m", "d", "shift"),
    [(400, 300, 16, 0.4), (300, 300, 64, 0.2), (200, 500, 8, 1.0), (500, 500, 32, 0.15)],
)
def test_covers_the_truth_within_3_points_of_95(n, m, d, shift):
    check_simulated(2000, n, m, d, shift, slack=0.03)


def test_equal_distributions_give_0_on_average_with_an_honest_error():
    values, errors, truth = simulated(300, 100, 60, 16, 0.0)
    assert truth == 0
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(300)
    assert values.min() < 0
    # The linear term is estimated without bias, but never below 0: the error is somewhat too large, not too
    # small.
    ratio = math.sqrt((errors**2).mean()) / values.std()
    assert 0.9 < ratio < 1.4
    assert (np.abs(values) <= 1.96 * errors).mean() > 0.93


@pytest.mark.slow
def test_equal_distributions_are_covered_more_often_than_nominal():
    values, errors, _ = simulated(2000, 200, 200, 16, 0.0)
    assert 0.95 <= (np.abs(values) <= 1.96 * errors).mean() <= 1
    assert 1 < math.sqrt((errors**2).mean()) / values.std() < 1.2


def test_identical_sets_are_below_0_and_constant_sets_at_it():
    x = normal(0, 30)
    # The cross term holds the n pairs of equal samples, the others do not.
    assert kernel_distance(x, x).value < 0
    assert kernel_distance(torch.ones(5, 3), torch.ones(6, 3)) == (0, 0)
    value, error = kernel_distance(torch.ones(5, 3), torch.zeros(6, 3))
    assert (value, error) == (pytest.approx(8 + 1 - 2), pytest.approx(0, abs=1e-7))


def test_subsets_are_means_of_unbiased_values_of_the_drawn_samples():
    x, y = normal(0, 30), normal(1, 25, shift=1)
    random = np.random.RandomState(7)
    values = []
    for _ in range(6):
        i, j = random.choice(30, 10, replace=False), random.choice(25, 10, replace=False)
        values.append(unbiased_by_hand(polynomial, x.numpy()[i], y.numpy()[j]))
    result = kernel_distance_subsets(x, y, subsets=6, size=10, seed=7)
    # The same float64 sums in another order.
    assert result.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert result.std == pytest.approx(np.std(values), rel=1e-10)
    assert result.drawing_error == pytest.approx(np.std(values, ddof=1) / math.sqrt(6), rel=1e-10)
    assert math.isnan(kernel_distance_subsets(x, y, subsets=1, size=10).drawing_error)


def test_subsets_of_large_and_of_small_sets_are_computed_alike(monkeypatch):
    x, y = normal(0, 300), normal(1, 200, shift=1)
    # Small subsets are computed one by one, large ones from all kernel values at once.
    one_by_one = [kernel_distance_subsets(x, y, subsets=b, size=10).mean for b in (1, 2, 3)]
    monkeypatch.setattr(kernel_subsets, "TILE_ROWS", 64)
    tiled = [kernel_distance_subsets(x, y, subsets=b, size=160).mean for b in (1, 2, 3)]
    monkeypatch.undo()
    whole = [kernel_distance_subsets(x, y, subsets=b, size=160).mean for b in (1, 2, 3)]
    # The same float64 sums in another order.
    assert tiled == pytest.approx(whole, rel=1e-12)
    random = np.random.RandomState(2020)
    by_hand = [
        unbiased_by_hand(
            polynomial,
            x.numpy()[random.choice(300, 10, replace=False)],
            y.numpy()[random.choice(200, 10, replace=False)],
        )
        for _ in range(3)
    ]
    assert one_by_one == pytest.approx(np.cumsum(by_hand) / [1, 2, 3], rel=1e-12)


def test_many_subsets_average_to_all_pairs():
    x, y = normal(0, 60), normal(1, 50, shift=1)
    mean, _, drawing_error = kernel_distance_subsets(x, y, subsets=500, size=20)
    assert abs(mean - kernel_distance(x, y).value) < 4 * drawing_error


def test_cmmd_is_the_biased_estimate_of_unit_vectors():
    x, y = normal(0, 12), normal(1, 9, shift=0.5)
    a, b = x.numpy(), y.numpy()
    result = cmmd(x, y)
    biased = gaussian(a, a).mean() + gaussian(b, b).mean() - 2 * gaussian(a, b).mean()
    # By hand, kernel values near 1 lose the digits that k − 1 keeps: 1e-16 · 1000.
    assert result.value == pytest.approx(1000 * biased, abs=1e-12)
    assert result.unbiased == pytest.approx(1000 * unbiased_by_hand(gaussian, a, b), abs=1e-12)
    variance = variance_by_hand(gaussian, a, b)
    # The variances' digits by hand are those of squares near 1: 1e-16 / 1e-6.
    assert result.standard_error == pytest.approx(1000 * math.sqrt(variance), rel=1e-6)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), factor=st.floats(1e-3, 1e3))
def test_cmmd_sees_directions_only_and_is_0_for_identical_sets(seed, factor):
    x, y = normal(seed, 10), normal(seed + 1, 8)
    # Scaling rounds each value once; differences of 1 − xᵀy of 1e-16, times 10.
    assert cmmd(x * factor, y) == pytest.approx(cmmd(x, y), abs=1e-11)
    assert cmmd(x, y).value >= 0
    assert cmmd(x, x).value == pytest.approx(0, abs=1e-12)


GOOD = torch.zeros(5, 3)


@pytest.mark.parametrize("function", [kernel_distance, cmmd])
@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (GOOD[:3], GOOD, "first features must be at least 4 samples, got 3"),
        (GOOD, GOOD[:3], "second features must be at least 4 samples, got 3"),
        (GOOD, GOOD[:, :2], "same dimension, got 3 and 2"),
        (GOOD * math.nan, torch.ones(5, 3), "first features must be finite"),
        (torch.ones(5, 3), torch.full((5, 3), math.inf), "second features must be finite"),
        (torch.ones(5, 3, dtype=torch.uint8), torch.ones(5, 3), "must be floats .* got uint8"),
        (torch.ones(5), torch.ones(5, 3), r"\(n, d\), got float32 of shape \(5,\)"),
    ],
)
def test_bad_features_are_refused(function, first, second, words):
    with pytest.raises(MetricError, match=words):
        function(first, second)


def test_bad_subsets_and_embeddings_are_refused():
    x = torch.ones(20, 3)
    with pytest.raises(MetricError, match="second features must be at least 15 samples, got 10"):
        kernel_distance_subsets(x, x[:10], size=15)
    for arguments in ({"subsets": 0}, {"size": 1}):
        with pytest.raises(MetricError, match="at least 1 subset of at least 2 samples"):
            kernel_distance_subsets(x, x, **{"subsets": 3, "size": 5} | arguments)
    with pytest.raises(MetricError, match="length 0"):
        cmmd(x, torch.cat((x, torch.zeros(1, 3))))
