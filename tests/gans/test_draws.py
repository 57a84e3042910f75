"""The uniform numbers of networks, 16 random bits each on a CPU."""

import pytest
import torch

from gans.networks.network import draw, dropped

PARTS = 2**16


def drawn(shapes, n):
    return draw(shapes, n, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 5), (4, 4, 4)])
def test_every_declared_shape_is_drawn(shape):
    one, two = drawn((shape, shape), 7)
    assert one.shape == two.shape == (7, *shape)
    assert one.dtype == torch.float32
    assert not torch.equal(one, two)


def test_all_values_come_equally_often():
    (numbers,) = drawn(((1000,),), 4000)
    places = numbers.double().flatten() * PARTS - 0.5
    assert torch.equal(places, places.round())  # the middles of equal parts, to the bit
    counts = torch.bincount(places.long(), minlength=PARTS).double()
    assert len(counts) == PARTS
    # 4e6 numbers over 65,536 values: χ² with 65,535 degrees of freedom, within five of its deviations.
    chi_squared = ((counts - counts.mean()).square() / counts.mean()).sum().item()
    assert abs(chi_squared - (PARTS - 1)) < 5 * (2 * (PARTS - 1)) ** 0.5
    # Neither in the same word nor in the next do two numbers know of one another: 5/√(4e6).
    x = numbers.double().flatten() - 0.5
    for lag in (1, 2, 3, 4):
        assert abs((x[lag:] * x[:-lag]).mean().item() * 12) < 0.0025


@pytest.mark.parametrize("rate", [0.5, 0.25, 0.2, 0.1])
def test_dropout_keeps_the_mean(rate):
    every = (torch.arange(PARTS) + 0.5) / PARTS
    kept = dropped(torch.ones(PARTS), every, rate)
    assert (kept == 0).double().mean().item() == pytest.approx(rate, abs=1 / PARTS)
    assert kept.unique().tolist() == pytest.approx([0, 1 / (1 - rate)])
    assert kept.double().mean().item() == pytest.approx(1, abs=2 / PARTS)
