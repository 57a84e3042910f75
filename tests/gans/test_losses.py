import math

import pytest
import torch

from gans.losses import LOSSES

EPS = torch.finfo(torch.float32).eps


def logits(seed):
    return torch.randn(50, generator=torch.Generator().manual_seed(seed)) * 3


@pytest.mark.parametrize(
    ("name", "share"), [("non-saturating", 1), ("minimax", 1), ("non-saturating-half", 0.5)]
)
def test_discriminator_minimises_minus_v(name, share):
    real, fake = logits(0), logits(1)
    # GAN 2014, eq. 1, written out in float64.
    d_real, d_fake = real.double().sigmoid(), fake.double().sigmoid()
    v = d_real.log().mean() + (1 - d_fake).log().mean()
    # float32 means of 50 terms below 10.
    assert LOSSES[name].discriminator(real, fake).item() == pytest.approx(-share * v.item(), abs=50 * EPS)


def test_generator_losses_are_those_of_the_papers():
    fake = logits(1)
    d_fake = fake.double().sigmoid()
    expected = {
        "non-saturating": -d_fake.log().mean(),
        "minimax": (1 - d_fake).log().mean(),
        "non-saturating-half": -d_fake.log().mean(),
        "least-squares": ((fake.double() - 1) ** 2).mean() / 2,
        "hinge": -fake.double().mean(),
        "wasserstein": -fake.double().mean(),
    }
    for name, value in expected.items():
        # float32 means of 50 terms below 10, or below 100 where they are squared.
        bound = 500 * EPS if name == "least-squares" else 50 * EPS
        assert LOSSES[name].generator(fake).item() == pytest.approx(value.item(), abs=bound)
    assert set(LOSSES) == set(expected)


def test_least_squares_and_hinge_by_hand():
    real, fake = torch.tensor([3.0, 0.5]), torch.tensor([-2.0, 0.25])
    # ½ E (D(x) − 1)² + ½ E D(G(z))² = ½ (4 + .25)/2 + ½ (4 + .0625)/2
    assert LOSSES["least-squares"].discriminator(real, fake).item() == 2.078125
    # E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))) = (0 + .5)/2 + (0 + 1.25)/2
    assert LOSSES["hinge"].discriminator(real, fake).item() == 0.875


def test_critic_minimises_minus_the_difference():
    loss = LOSSES["wasserstein"].discriminator(torch.tensor([3.0, 5.0]), torch.tensor([1.0, 2.0]))
    assert loss.item() == -(4.0 - 1.5)


@pytest.mark.parametrize("name", ["non-saturating", "minimax"])
def test_sure_discriminator_overflows_nothing(name):
    # σ(±200) is 0 or 1 in float32, whose logarithm would be infinite.
    sure, wrong = torch.full((4,), 200.0, requires_grad=True), torch.full((4,), -200.0)
    loss = LOSSES[name]
    for value in (loss.discriminator(sure, wrong), loss.discriminator(wrong, sure), loss.generator(sure)):
        assert math.isfinite(value.item())
        (gradient,) = torch.autograd.grad(value, sure)
        assert gradient.isfinite().all()


def test_minimax_saturates_where_the_other_does_not():
    # Early in training D is sure that samples are fake: GAN 2014, §3.
    gradients = {}
    for name in ("minimax", "non-saturating"):
        fake = torch.full((1,), -10.0, requires_grad=True)
        (gradients[name],) = torch.autograd.grad(LOSSES[name].generator(fake), fake)
    assert gradients["minimax"].abs() < 1e-4  # σ(−10) = 4.5e-5
    assert gradients["non-saturating"].abs() > 0.99  # 1 − σ(−10)
    assert all(gradient < 0 for gradient in gradients.values())  # both raise D(G(z))
