import numpy as np
import pytest
import torch

from metrics import MetricError, frechet_distance, frechet_infinity

DIM = 6
ZERO = torch.zeros(DIM, dtype=torch.float64)
ROOT = torch.diag(torch.arange(1, DIM + 1, dtype=torch.float64) ** -0.5)


def fake(n, seed):
    z = torch.randn(n, DIM, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return 1.3 * z @ ROOT + 0.2


TRUTH = frechet_distance(ZERO, ROOT @ ROOT, ZERO + 0.2, 1.69 * ROOT @ ROOT, exact=True)


def test_it_is_the_line_through_distances_of_subsets_of_the_stated_shuffle():
    rows = fake(1000, 0)
    ours = frechet_infinity(ZERO, ROOT, rows, smallest=100, points=7)
    sizes = np.linspace(100, 1000, 7).astype(int)
    assert ours.sizes == tuple(sizes)
    shuffled = rows[torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    distances = []
    for size in sizes:
        part = shuffled[:size].numpy()
        distances.append(
            frechet_distance(ZERO, ROOT @ ROOT, part.mean(0), np.cov(part, rowvar=False), exact=True)
        )
    # Float64 and well-conditioned.
    assert ours.distances == pytest.approx(distances, abs=1e-10)
    slope, intercept = np.polyfit(1 / sizes, distances, 1)
    assert (ours.value, ours.slope) == pytest.approx((intercept, slope), rel=1e-7)


def test_fifteen_points_from_5000_on_as_the_authors():
    ours = frechet_infinity(ZERO, ROOT, fake(12_345, 1))
    assert ours.sizes == tuple(np.linspace(5000, 12_345, 15).astype("int32"))
    # It is an estimate of the truth to its own error: four of those.
    assert abs(ours.value - TRUTH) < 4 * ours.standard_error


def test_the_error_is_the_spread_over_fresh_samples_and_the_bias_is_gone():
    each = [frechet_infinity(ZERO, ROOT, fake(600, seed), smallest=60, points=8) for seed in range(300)]
    values = torch.tensor([one.value for one in each])
    told = torch.tensor([one.standard_error for one in each]).mean()
    # 300 values leave 4 %; the formula is of first order, and said to be up to 15 % too small.
    assert 0.85 < float(values.std() / told) < 1.25
    assert abs(float(values.mean()) - TRUTH) < 0.3 * float(values.std())
    assert np.mean([one.slope for one in each]) > 0


@pytest.mark.parametrize(
    ("n", "more", "words"),
    [
        (5000, {}, "extrapolates from 5000 samples on and needs more than that, got 5000"),
        (100, {"smallest": 6}, "in 6 feature dimensions needs subsets of more samples than that, got 6"),
        (100, {"smallest": 50, "points": 1}, "at least 2 points"),
    ],
)
def test_what_can_not_be_extrapolated_is_refused(n, more, words):
    with pytest.raises(MetricError, match=words):
        frechet_infinity(ZERO, ROOT, fake(n, 0), **more)
