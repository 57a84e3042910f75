import math

import pytest
import torch

from gans.errors import VariantError
from gans.noise import Normal, Uniform, linear_walk, spherical_walk

WALKS = (linear_walk, spherical_walk)


def pair(noise, n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return noise.draw(n, generator), noise.draw(n, generator)


@pytest.mark.parametrize(
    ("noise", "deviation", "largest"),
    [(Normal(nz=50), 1.0, 7), (Uniform(nz=50), 3**-0.5, 1), (Uniform(nz=50, bound=3**0.5), 1.0, 3**0.5)],
)
def test_distribution(noise, deviation, largest):
    z = noise.draw(2000, torch.Generator().manual_seed(0))
    assert (z.shape, z.dtype) == ((2000, 50), torch.float32)
    # 100,000 draws: 5 standard errors of the mean are .016 deviations, of the deviation 1.1 %.
    assert abs(z.mean().item()) < 0.016 * deviation
    assert z.std().item() == pytest.approx(deviation, rel=0.011)
    assert z.abs().max() <= largest * (1 + 1e-6)


def test_draws_come_from_the_generator_alone():
    before = torch.get_rng_state()
    draws = [Normal(nz=3).draw(4, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("noise", [Normal(nz=100), Uniform(nz=100), Normal(nz=1), Normal(nz=2)])
def test_walks_begin_and_end_where_they_should(walk, noise):
    start, end = pair(noise, 20)
    z = walk(start, end, 5)
    assert (z.shape, z.dtype) == ((20, 5, noise.nz), torch.float32)
    assert torch.equal(z[:, 0], start)
    assert torch.equal(z[:, -1], end)
    assert torch.equal(walk(start, end, 2), torch.stack((start, end), 1))


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_back_is_the_walk_reversed(walk):
    start, end = pair(Normal(nz=10), 20)
    # Both are float64 rounded to float32 once, so at most a unit in the last place apart.
    torch.testing.assert_close(walk(end, start, 7), walk(start, end, 7).flip(1), rtol=2e-7, atol=1e-7)


def test_a_linear_walk_has_equal_steps():
    start, end = pair(Normal(nz=10), 20)
    steps = linear_walk(start, end, 6).diff(dim=1)
    # Differences of float32 values of size 4.
    torch.testing.assert_close(steps, ((end - start) / 5)[:, None].expand_as(steps), rtol=0, atol=2e-6)


@pytest.mark.parametrize("angle", [1e-3, 0.5, math.pi / 2, 3.0, math.pi - 1e-3])
def test_a_spherical_walk_turns_by_equal_angles(angle):
    # In the plane of two orthonormal vectors that is a rotation of the first towards the second.
    q, _ = torch.linalg.qr(torch.randn(8, 2, generator=torch.Generator().manual_seed(0)).double())
    u, v = q.T
    start, end = 3 * u, 3 * (math.cos(angle) * u + math.sin(angle) * v)
    z = spherical_walk(start.float()[None], end.float()[None], 9)[0]
    turns = torch.arange(9, dtype=torch.float64)[:, None] * angle / 8
    # Near π the arc's plane is known to float32's 6e-8 / 1e-3 of the radius only.
    torch.testing.assert_close(z.double(), 3 * (turns.cos() * u + turns.sin() * v), rtol=0, atol=5e-4)
    torch.testing.assert_close(z.norm(dim=1), torch.full((9,), 3.0), rtol=1e-5, atol=0)


def test_a_spherical_walk_between_unequal_lengths_is_the_formula():
    start, end = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    half = spherical_walk(start, end, 3)[0, 1]
    # sin(π/4) / sin(π/2) of each.
    torch.testing.assert_close(half, torch.tensor([2.0, 4.0]) * math.sqrt(0.5), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]),
        ([1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]),
        ([1.0, 2.0, 3.0], [-2.0, -4.0, -6.0]),
        ([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]),
        ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        ([1e-30, 0.0, 0.0], [0.0, 0.0, 0.0]),
        ([0.7], [-0.3]),
    ],
)
def test_where_there_is_no_one_arc_the_walk_is_straight(start, end):
    ends = torch.tensor([start]), torch.tensor([end])
    assert torch.equal(spherical_walk(*ends, 5), linear_walk(*ends, 5))


def test_one_walk_does_not_hang_on_the_others():
    start, end = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[-1.0, 0.0], [0.0, 1.0]])
    both = spherical_walk(start, end, 5)
    for i in range(2):
        assert torch.equal(both[i : i + 1], spherical_walk(start[i : i + 1], end[i : i + 1], 5))
    assert torch.equal(both[0], linear_walk(start, end, 5)[0])
    assert not torch.equal(both[1], linear_walk(start, end, 5)[1])


@pytest.mark.parametrize("cosine", [1 - 1e-7, -1 + 1e-7])
def test_nearly_parallel_and_nearly_opposite_latents_stay_finite_and_on_the_sphere(cosine):
    end = torch.tensor([[cosine, math.sqrt(1 - cosine**2)]])
    z = spherical_walk(torch.tensor([[1.0, 0.0]]), end, 9)
    # An angle of 4e-4, and float32's own 6e-8 beside it.
    torch.testing.assert_close(z.norm(dim=2), torch.ones(1, 9), rtol=1e-3, atol=0)


def test_the_tent_pole():
    start, end = pair(Normal(nz=400), 300)
    lengths = {walk: walk(start, end, 3)[:, 1].norm(dim=1).mean().item() for walk in WALKS}
    # Means of 300 lengths of deviation .7: 5 standard errors are .2 of 20.
    assert lengths[spherical_walk] == pytest.approx(20, abs=0.2)
    assert lengths[linear_walk] == pytest.approx(20 / math.sqrt(2), abs=0.2)


def test_uniform_noise_stays_in_its_cube_on_a_line_and_leaves_it_on_an_arc():
    noise = Uniform(nz=1000, bound=math.sqrt(3))
    start, end = pair(noise, 100)
    assert linear_walk(start, end, 9).abs().max() <= noise.bound
    middle = spherical_walk(start, end, 3)[:, 1]
    # P(|u + v| > √2 · bound) = (2 − √2)² / 4 at a right angle; 5 standard errors of 100,000 are .0044.
    outside = (middle.abs() > noise.bound).float().mean().item()
    assert outside == pytest.approx((2 - math.sqrt(2)) ** 2 / 4, abs=0.005)
    # Angles differ from a right one by a few times 1/√1000, the arc's half-way length by half of that.
    assert middle.abs().max() <= math.sqrt(2) * noise.bound * 1.1


@pytest.mark.parametrize("walk", WALKS)
def test_walks_that_cannot_be_are_refused(walk):
    z = torch.zeros(3, 4)
    with pytest.raises(VariantError, match="at least 2 steps, its start and its end, not 1"):
        walk(z, z, 1)
    with pytest.raises(VariantError, match=r"of one shape \(n, nz\), not \(3, 4\) and \(2, 4\)"):
        walk(z, z[:2], 3)
    with pytest.raises(VariantError, match="of one shape"):
        walk(z[0], z[0], 3)
