import copy
import math

import pytest
import torch
from replay import ANOTHER_ALGORITHM, ROUNDING, difference, replayed
from tiny import images, tiny, trainer

import gans
from gans.networks import DCGAN
from gans.penalties import GradientPenalty, NoPenalty

STEPS = 20


def test_of_a_linear_critic_it_is_known():
    # D(x) = w·x has the gradient w everywhere: 10 (‖w‖ − 1)² with ‖w‖ = 5.
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    real, fake = torch.zeros(6, 2), torch.ones(6, 2)
    term = GradientPenalty().term(lambda x: x @ weight, real, fake, torch.rand(6))
    assert term.item() == 10 * 16
    (gradient,) = torch.autograd.grad(term, weight)  # 10 · 2 (‖w‖ − 1) w/‖w‖
    torch.testing.assert_close(gradient, 80 * weight.detach() / 5)


def test_it_is_taken_between_the_two():
    seen = []

    def critic(x):
        seen.append(x.detach().clone())
        return x.sum((1, 2, 3))

    real, fake = torch.zeros(3, 1, 2, 2), torch.ones(3, 1, 2, 2)
    GradientPenalty().term(critic, real, fake, torch.tensor([0.0, 0.25, 1.0]))
    # ε x + (1 − ε) G(z), one ε a sample.
    assert seen[0].flatten(1).tolist() == [[1.0] * 4, [0.75] * 4, [0.0] * 4]


def test_a_vanishing_gradient_gives_no_nan():
    weight = torch.zeros(2, requires_grad=True)
    term = GradientPenalty().term(lambda x: x @ weight, torch.ones(4, 2), torch.ones(4, 2), torch.rand(4))
    (gradient,) = torch.autograd.grad(term, weight)
    assert term.item() == 10
    assert gradient.isfinite().all()


def wgan_gp_loop(generator, discriminator, calls, *, weight=10.0):
    """Algorithm 1 of arXiv 1704.00028."""
    netg, netd = copy.deepcopy(generator), copy.deepcopy(discriminator)
    optimizer_d = torch.optim.Adam(netd.parameters(), lr=1e-4, betas=(0.5, 0.9))
    optimizer_g = torch.optim.Adam(netg.parameters(), lr=1e-4, betas=(0.5, 0.9))
    for batch, random, train_generator in calls:
        x = batch.samples / 127.5 - 1
        tilde = netg(random.latents.z).detach()
        epsilon = random.mix.reshape(-1, 1, 1, 1)
        hat = (epsilon * x + (1 - epsilon) * tilde).requires_grad_()
        gradient = torch.autograd.grad(netd(hat).sum(), hat, create_graph=True)[0]
        penalty = ((gradient.square().sum((1, 2, 3)).sqrt() - 1) ** 2).mean()
        optimizer_d.zero_grad()
        (netd(tilde).mean() - netd(x).mean() + weight * penalty).backward()
        optimizer_d.step()
        if train_generator:
            optimizer_g.zero_grad()
            (-netd(netg(random.latents_generator.z)).mean()).backward()
            optimizer_g.step()
    return netg, netd


def test_wgan_gp_is_algorithm_1(float64):
    ours = trainer("wgan_gp", STEPS)
    generator, discriminator, calls = replayed(ours)
    netg, netd = wgan_gp_loop(generator, discriminator, calls)
    assert difference(ours.generator, netg, generator) < ROUNDING
    assert difference(ours.discriminator, netd, discriminator) < ROUNDING
    _, netd = wgan_gp_loop(generator, discriminator, calls, weight=0.0)
    assert difference(ours.discriminator, netd, discriminator) > ANOTHER_ALGORITHM


@pytest.mark.parametrize("name", ["acgan", "cgan", "vanilla"])
def test_a_penalty_goes_on_any_variant(name):
    plain = gans.set_field(tiny(name), "weight", "2") if name == "acgan" else tiny(name)
    penalised = gans.set_field(plain, "penalty", "gradient")
    assert isinstance(plain.penalty, NoPenalty)
    network = gans.set_field(penalised, "norm_d", "none").network if name != "vanilla" else plain.network
    records = {}
    for key, penalty in (("plain", plain.penalty), ("penalised", penalised.penalty)):
        (records[key],) = trainer(name, 3, penalty=penalty, network=network).train()
    assert math.isnan(records["plain"]["penalty"])
    assert records["penalised"]["penalty"] > 0
    assert records["penalised"]["loss_d"] > records["plain"]["loss_d"]


def test_without_batch_norm_convolutions_have_biases_and_samples_nothing_in_common():
    generator, discriminator = DCGAN(ngf=4, ndf=4, norm_g="none", norm_d="none").build((1, 16, 16), nz=3)
    for module in (generator, discriminator):
        assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in module.modules())
    assert all(not layer.bias.any() for layer in discriminator.layers[:-1:2])
    x = images(4) / 127.5 - 1
    alone = torch.cat([discriminator(one[None]) for one in x])
    torch.testing.assert_close(discriminator(x), alone)
