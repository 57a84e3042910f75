import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import MetricError, distances, knn_radii, prdc
from metrics.distances import Comparison, RoundedSets


def all_distances(x, y):
    """From differences of all pairs."""
    return (x.double().unsqueeze(1) - y.double()).square().sum(2).sqrt()


def radii_by_hand(x, k):
    pairs = all_distances(x, x).fill_diagonal_(torch.inf)
    return pairs.sort(1).values[:, k - 1]


def scores_by_hand(real, fake, k, inclusive):
    pairs = all_distances(real, fake)
    r, s = radii_by_hand(real, k), radii_by_hand(fake, k)
    compare = torch.le if inclusive else torch.lt
    in_real, in_fake = compare(pairs, r[:, None]), compare(pairs, s[None])
    means = in_real.any(0), in_fake.any(1), in_real.sum(0).double() / k, in_real.any(1)
    return tuple(float(values.double().mean()) for values in means)


def normal(seed, n, d, dtype=torch.float32):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).to(dtype)


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(3, 40),
    m=st.integers(3, 40),
    d=st.sampled_from([1, 2, 5, 32, 100]),
    # Whole numbers on few values: nearly all distances are tied, and many samples are copies.
    levels=st.sampled_from([None, 2, 3]),
    offset=st.sampled_from([0.0, 1e4]),
    tile=st.sampled_from([3, 1024]),
    inclusive=st.booleans(),
    data=st.data(),
)
def test_decided_as_differences_decide(seed, n, m, d, levels, offset, tile, inclusive, data):
    k = data.draw(st.integers(1, min(n, m) - 1))
    if levels is None:
        real, fake = normal(seed, n, d) + offset, normal(seed + 1, m, d) + offset
        fake[: m // 3] = real[:1]  # copies of a real sample
    else:
        generator = torch.Generator().manual_seed(seed)
        real, fake = (torch.randint(levels, (i, d), generator=generator).float() + offset for i in (n, m))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "_ROWS", tile)
        radii = knn_radii(real, k)
        scores = prdc(real, fake, k, inclusive=inclusive)
    # A root and sums of squares that are added up in another order, at most.
    torch.testing.assert_close(radii, radii_by_hand(real, k), rtol=1e-15 * d, atol=0)
    # Means of the very same decisions.
    assert scores[:4] == pytest.approx(scores_by_hand(real, fake, k, inclusive), rel=1e-12)
    assert all(0 <= share <= 1 for share in (scores.precision, scores.recall, scores.coverage))
    assert all(error >= 0 for error in scores[4:])


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), k=st.integers(1, 6))
def test_the_order_of_samples_a_shift_and_known_radii_do_not_matter(seed, k):
    # Eighths: shifted by a whole number, they stay what they are.
    real, fake = ((normal(seed + i, 30 + i, 40) * 8).round() / 8 for i in (0, 1))
    expected = prdc(real, fake, k)
    permutation = torch.randperm(30, generator=torch.Generator().manual_seed(seed))
    assert prdc(real[permutation], fake, k) == pytest.approx(expected, rel=1e-12)
    assert prdc(real + 1000, fake + 1000, k) == expected
    assert prdc(real, fake, k, real_radii=knn_radii(real, k)) == expected
    assert prdc(real * 2.0**60, fake * 2.0**60, k) == expected  # squares that float32 can't hold


def test_what_float32_can_not_tell_is_still_decided():
    # A ball of radius 3 around each real point; generated samples a hair inside and outside of the first.
    real = torch.zeros(4, 64, dtype=torch.float64)
    real[:, 0] = torch.tensor([0.0, 3.0, 100.0, 103.0]).double()
    fake = torch.zeros(4, 64, dtype=torch.float64)
    fake[:, 0] = torch.tensor([-3.0, -3.0 + 1e-9, -3.0 - 1e-9, 500.0], dtype=torch.float64)
    assert prdc(real, fake, 1, inclusive=True).precision == 2 / 4
    assert prdc(real, fake, 1, inclusive=False).precision == 1 / 4


def test_rounded_products_are_not_trusted(monkeypatch):
    # Were the bound left out, what the float32 products say of these near ties would be the result.
    real, fake = normal(0, 60, 64) * 1e-4 + 1, normal(1, 60, 64) * 1e-4 + 1
    expected = scores_by_hand(real, fake, 3, True)
    assert prdc(real, fake, 3)[:4] == pytest.approx(expected, rel=1e-12)
    # As on a machine told to use bfloat16 for float32 products.
    monkeypatch.setattr(distances, "_float32_products_are_ieee", lambda device: False)
    assert RoundedSets(real).dtype == torch.float64
    assert prdc(real, fake, 3)[:4] == pytest.approx(expected, rel=1e-12)


def test_bfloat16_products_are_noticed():
    precision = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        assert RoundedSets(normal(0, 5, 64)).dtype == torch.float64
    finally:
        torch.set_float32_matmul_precision(precision)
    assert RoundedSets(normal(0, 5, 64)).dtype == torch.float32


def test_lower_and_upper_bounds_hold_for_every_pair():
    for scale, offset in [(1.0, 0.0), (1e-3, 10.0), (1e15, 0.0), (1e-25, 0.0)]:
        x, y = normal(0, 50, 300) * scale + offset, normal(1, 40, 300) * scale + offset
        pairs = Comparison(RoundedSets(x, y), 0, 1)
        exact = (all_distances(x, y) * pairs.scale) ** 2
        for rows, columns, tile in pairs.tiles():
            assert (tile.double() + pairs.floor(rows).unsqueeze(1) <= exact).all()
            assert (tile.double() + pairs.ceiling(rows, columns).unsqueeze(1) >= exact).all()


@pytest.mark.parametrize("d", [3, 64])
def test_identical_sets(d):
    x = normal(0, 40, d)
    x[:12] = x[0]
    # Radii of 0, too: closed balls hold their centre, open ones nothing.
    assert prdc(x, x, 3, inclusive=True)[:4] == (1, 1, pytest.approx(scores_by_hand(x, x, 3, True)[2]), 1)
    assert prdc(x, x, 3, inclusive=False).coverage == pytest.approx(28 / 40)
    apart = x[12:]
    assert prdc(apart, apart, 3, inclusive=True)[:4] == (1, 1, pytest.approx(1 + 1 / 3), 1)
    assert prdc(apart, apart, 3, inclusive=False)[:4] == (1, 1, 1, 1)


@pytest.mark.parametrize("d", [3, 64])
def test_collapsed_sets(d):
    point = torch.rand(1, d, generator=torch.Generator().manual_seed(0)).expand(300, d)
    # float32 keeps them apart by nothing, and the mean of equal numbers need not be that number.
    assert prdc(point, point.clone(), 5, inclusive=True)[:4] == (1, 1, 60, 1)
    assert prdc(point, point.clone(), 5, inclusive=False)[:4] == (0, 0, 0, 0)
    real = normal(0, 300, d)
    collapsed = real[:1].expand(300, d)
    inside = prdc(real, collapsed, 5, inclusive=True)
    assert (inside.precision, inside.recall) == (1, 1 / 300)
    assert prdc(real, collapsed, 5, inclusive=False).recall == 0
    assert prdc(real, collapsed + 1000, 5)[:4] == (0, 0, 0, 0)


def test_beside_many_copies_the_nearest_are_found():
    # 100 copies, equally far from each of the others: more than are kept.
    x = normal(0, 200, 48)
    x[:100] = 0
    for k in (1, 5, 120):
        torch.testing.assert_close(knn_radii(x, k), radii_by_hand(x, k), rtol=1e-13, atol=0)


def test_many_undecided_pairs_are_decided_by_their_kinds(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randint(2, (50, 40), generator=generator).float() for _ in range(2))
    real[10:], fake[10:] = real[:1], fake[:1]
    expected = prdc(real, fake, 4, inclusive=True)
    monkeypatch.setattr(distances, "_MANY_PAIRS", 20)
    assert prdc(real, fake, 4, inclusive=True) == expected
    assert expected[:4] == pytest.approx(scores_by_hand(real, fake, 4, True))


def test_errors_are_the_spread_over_the_samples_that_a_score_is_a_mean_of():
    real, fake = normal(0, 300, 8), normal(1, 300, 8) * 0.9
    told = prdc(real, fake, 5)
    drawn = np.array(
        [
            (prdc(real, normal(2 + i, 300, 8) * 0.9, 5)[:3:2], prdc(normal(500 + i, 300, 8), fake, 5)[1])
            for i in range(60)
        ],
        dtype=object,
    )
    precision, density = np.array([list(pair) for pair in drawn[:, 0]]).T
    recall = drawn[:, 1].astype(float)
    # The spread of 60 values is uncertain by 9 %, and the shares' errors by the shares' own.
    assert told.precision_error == pytest.approx(precision.std(), rel=0.35)
    assert told.density_error == pytest.approx(density.std(), rel=0.35)
    assert told.recall_error == pytest.approx(recall.std(), rel=0.35)


GOOD = torch.arange(12.0).view(4, 3)


@pytest.mark.parametrize(
    ("real", "fake", "k", "words"),
    [
        (GOOD, GOOD[:2], 3, "among 2 generated samples needs 1 ≤ k < 2, got 3"),
        (GOOD, torch.zeros(9, 3), 4, "among 4 real samples needs 1 ≤ k < 4, got 4"),
        (GOOD, GOOD, 0, "got 0"),
        (GOOD, GOOD[:, :2], 1, "same dimension, got 3 and 2"),
        (GOOD, GOOD * math.nan, 1, "generated features must be finite"),
        (GOOD / 0, GOOD, 1, "real features must be finite"),
        (GOOD[:0], GOOD, 1, "real features must be at least 1 samples, got 0"),
        (GOOD.int(), GOOD, 1, "must be floats"),
    ],
)
def test_bad_features_are_refused(real, fake, k, words):
    with pytest.raises(MetricError, match=words):
        prdc(real, fake, k)


@pytest.mark.parametrize(
    ("radii", "words"),
    [
        (torch.ones(4), r"real radii must be float64 of shape \(4,\), .* got float32"),
        (torch.ones(3).double(), r"got float64 of shape \(3,\)"),
        (torch.full((4,), math.nan).double(), "negative ones or NaN"),
        (torch.full((4,), -1.0).double(), "negative ones or NaN"),
    ],
)
def test_bad_radii_are_refused(radii, words):
    with pytest.raises(MetricError, match=words):
        prdc(GOOD, GOOD, 1, real_radii=radii)
