import pytest
import torch

from gans.noise import Normal, Uniform


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
