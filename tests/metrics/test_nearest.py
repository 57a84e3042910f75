import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import MetricError, nearest, nearest_neighbours


def brute_force(samples, real, k):
    """Python's whole numbers and a sort of (distance, place): exact for uint8, first of equals first."""
    distances, indices = [], []
    flat = [row.flatten().tolist() for row in real]
    for sample in samples:
        x = sample.flatten().tolist()
        found = sorted((sum((a - b) ** 2 for a, b in zip(x, y, strict=True)), i) for i, y in enumerate(flat))
        distances.append([math.sqrt(squared) for squared, _ in found[:k]])
        indices.append([i for _, i in found[:k]])
    return distances, indices


def images(seed, n, *shape, levels=256):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(levels, (n, *shape), generator=generator, dtype=torch.uint8)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 6),
    m=st.integers(1, 40),
    side=st.integers(1, 4),
    # Two shades on few pixels: nearly every distance is tied.
    levels=st.sampled_from([2, 256]),
    data=st.data(),
)
def test_equals_the_definition_ties_included(seed, n, m, side, levels, data):
    samples, real = (images(seed + i, rows, 1, side, side, levels=levels) for i, rows in enumerate((n, m)))
    k = data.draw(st.integers(1, m))
    size = data.draw(st.integers(1, m))
    for pile in (real, iter(torch.split(real, size))):
        found = nearest_neighbours(samples, pile, k)
        distances, indices = brute_force(samples, real, k)
        assert found.indices.tolist() == indices
        # Squared distances are exact; torch's root of one (MKL's) may be a unit in the last place off.
        np.testing.assert_allclose(found.distances.numpy(), distances, rtol=3e-16)


def test_tiles_change_nothing(monkeypatch):
    samples, real = images(0, 30, 3, 2, 2, levels=3), images(1, 200, 3, 2, 2, levels=3)
    whole = nearest_neighbours(samples, real, 7)
    monkeypatch.setattr(nearest, "_SAMPLE_ROWS", 4)
    monkeypatch.setattr(nearest, "_REAL_ROWS", 9)
    tiled = nearest_neighbours(samples, real, 7)
    assert torch.equal(tiled.distances, whole.distances)
    assert torch.equal(tiled.indices, whole.indices)
    assert whole.indices.tolist() == brute_force(samples, real, 7)[1]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_copy_is_at_distance_0_exactly(dtype):
    real = images(2, 300, 3, 32, 32).to(dtype)
    if dtype == torch.float32:
        real = real * math.pi + 1e4  # far from the origin, where the matrix product loses digits
    found = nearest_neighbours(real[[250, 7]], real, 2)
    assert found.indices[:, 0].tolist() == [250, 7]
    assert found.distances[:, 0].tolist() == [0.0, 0.0]
    assert (found.distances[:, 1] > 0).all()


def test_of_identical_real_samples_the_first_comes_first(monkeypatch):
    monkeypatch.setattr(nearest, "_REAL_ROWS", 3)
    real = images(3, 1, 1, 4, 4).expand(8, 1, 4, 4)
    found = nearest_neighbours(real[:2], real, 5)
    assert found.indices.tolist() == [[0, 1, 2, 3, 4]] * 2
    assert not found.distances.any()


def test_a_difference_of_one_grey_level_in_large_images_counts():
    # ‖x‖² is 5e10 here: float32 sees no difference between the two.
    white = torch.full((1, 3, 512, 512), 255, dtype=torch.uint8)
    other = white.clone()
    other[0, 1, 100, 100] = 254
    found = nearest_neighbours(white, torch.cat((other, white)), 2)
    assert (found.indices.tolist(), found.distances.tolist()) == ([[1, 0]], [[0.0, 1.0]])


def test_points():
    generator = torch.Generator().manual_seed(4)
    samples, real = (torch.randn(n, 2, generator=generator) for n in (20, 500))
    found = nearest_neighbours(samples, real, 3)
    differences = samples.double().numpy()[:, None] - real.double().numpy()[None]
    distances = np.sqrt((differences**2).sum(-1))
    assert np.array_equal(found.indices.numpy(), np.argsort(distances, axis=1, kind="stable")[:, :3])
    # Two roots of float64 sums of two squares: a few units in the last place.
    np.testing.assert_allclose(found.distances.numpy(), np.sort(distances, axis=1)[:, :3], rtol=1e-15)


@pytest.mark.parametrize(
    ("samples", "real", "k", "sentence"),
    [
        (images(0, 2, 4), images(0, 2, 4), 0, "must be at least 1, got 0"),
        (images(0, 2, 4), images(0, 2, 4), 3, "there are 2 real samples: fewer than the 3 nearest"),
        (images(0, 2, 4), iter([]), 1, "there are 0 real samples"),
        (images(0, 2, 4), images(0, 2, 5), 1, r"real samples must be uint8 of shape \(n, 4\)"),
        (images(0, 2, 4), images(0, 2, 4).float(), 1, "real samples must be uint8 .* got float32"),
        (torch.rand(2, 4), images(0, 2, 4), 1, "real samples must be floats .* got uint8"),
        (images(0, 0, 4), images(0, 2, 4), 1, "the samples must be uint8 or floats .* n ≥ 1"),
        (torch.ones(2, 4, dtype=torch.int64), images(0, 2, 4), 1, "the samples must be uint8 or floats"),
        (torch.full((2, 4), math.nan), torch.rand(2, 4), 1, "the samples must be finite"),
        (torch.rand(2, 4), torch.full((2, 4), math.inf), 1, "the real samples must be finite"),
    ],
)
def test_what_does_not_fit_is_refused(samples, real, k, sentence):
    with pytest.raises(MetricError, match=sentence):
        nearest_neighbours(samples, real, k)
