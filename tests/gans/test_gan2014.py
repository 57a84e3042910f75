"""GAN 2014's recipe against plain PyTorch written from the paper and its `mnist.yaml`."""

import math

import pytest
import torch
from replay import replayed
from tiny import images, settings, trainer
from torch.nn.functional import binary_cross_entropy, linear

import gans
from gans.networks.maxout import gaussian

STEPS, BATCH = 10, 50


def generator_2014(weights, z):
    h0 = linear(z, weights[0], weights[1]).clamp(min=0)
    h1 = linear(h0, weights[2], weights[3]).clamp(min=0)
    return torch.sigmoid(linear(h1, weights[4], weights[5]))


def discriminator_2014(weights, x, masks):
    """Dropout on each layer's input: .8 of the pixels are kept, scaled by 1.25, and .5 elsewhere, by 2."""
    h0 = linear(x * masks[0] * 1.25, weights[0], weights[1]).reshape(len(x), 5, 240).max(1).values
    h1 = linear(h0 * masks[1] * 2, weights[2], weights[3]).reshape(len(x), 5, 240).max(1).values
    return torch.sigmoid(linear(h1 * masks[2] * 2, weights[4], weights[5]))[:, 0]


def plain_loop(generator, discriminator, calls, n, *, alternating=False):
    """Mini-batch gradient descent of GAN 2014; returns the players' weights."""
    theta_g = [p.detach().clone().requires_grad_() for p in generator.parameters()]
    theta_d = [p.detach().clone().requires_grad_() for p in discriminator.parameters()]
    velocity_g, velocity_d = ([torch.zeros_like(p) for p in theta] for theta in (theta_g, theta_d))

    def descend(theta, velocity, gradients, rate, momentum):
        for p, v, g in zip(theta, velocity, gradients, strict=True):
            v.mul_(momentum).sub_(rate * g)
            p.data.add_(v)

    for step, (batch, random, _) in enumerate(calls):
        masks_real, masks_fake = (
            [(draw >= rate).double() for draw, rate in zip(draws, (0.2, 0.5, 0.5), strict=True)]
            for draws in (random.draws_real, random.draws_fake)
        )
        x = batch.samples.flatten(1) / 255
        fake = generator_2014(theta_g, random.latents.z)
        on_real = discriminator_2014(theta_d, x, masks_real)
        on_fake = discriminator_2014(theta_d, fake, masks_fake)
        ones, zeros = torch.ones(len(x)), torch.zeros(len(x))
        loss_d = 0.5 * (binary_cross_entropy(on_real, ones) + binary_cross_entropy(on_fake, zeros))
        gradient_d = torch.autograd.grad(loss_d, theta_d, retain_graph=True)
        rate = max(0.1 / 1.000004**step, 1e-6)
        epoch = 1 + step * len(x) // n
        momentum = 0.5 + 0.2 * min(1, (epoch - 1) / 249)
        if alternating:
            descend(theta_d, velocity_d, gradient_d, rate, momentum)
            on_fake = discriminator_2014(theta_d, generator_2014(theta_g, random.latents.z), masks_fake)
        gradient_g = torch.autograd.grad(binary_cross_entropy(on_fake, ones), theta_g)
        if not alternating:
            descend(theta_d, velocity_d, gradient_d, rate, momentum)
        descend(theta_g, velocity_g, gradient_g, rate, momentum)
    return theta_g, theta_d


def test_the_papers_recipe_step_by_step(float64):
    data = images(125, size=28)  # four epochs of two and a half batches: the momentum changes on the way
    ours = gans.Trainer(gans.get("gan2014"), data, settings(STEPS, batch_size=BATCH))
    generator, discriminator, calls = replayed(ours)
    theta_g, theta_d = plain_loop(generator, discriminator, calls, len(data))
    for mine, theirs in (
        *zip(ours.generator.parameters(), theta_g, strict=True),
        *zip(ours.discriminator.parameters(), theta_d, strict=True),
    ):
        # float64 through 10 steps: asked for was 1e-6, seen 1e-15.
        assert (mine - theirs).abs().max() < 1e-12
        assert not torch.equal(theirs, torch.zeros_like(theirs))
    # What the bound would catch, seen after three steps already: the gradients taken one after the other.
    few = [plain_loop(generator, discriminator, calls[:3], len(data), alternating=a) for a in (False, True)]
    for same, other in zip(few[0][0], few[1][0], strict=True):
        assert (same - other).abs().max() > 1e-12


def test_initialisation_is_that_of_the_yaml():
    data = images(300, size=28)
    data[:, :, 0, 0] = 0  # a pixel that is always black: its logit is clipped
    trained = gans.Trainer(gans.get("gan2014"), data, settings(1))
    for module, bound in ((trained.generator, 0.05), (trained.discriminator, 0.005)):
        for layer in module.linears:
            assert layer.weight.abs().max() <= bound
            # The largest of n ≥ 240 uniform numbers is below .9 of the bound with probability .9²⁴⁰ = 1e-11.
            assert layer.weight.abs().max() > 0.9 * bound
    biases = [layer.bias for layer in (*trained.generator.linears, *trained.discriminator.linears)]
    output = biases.pop(2)
    assert not any(bias.any() for bias in biases)
    share = (data.double() / 255).mean(0).flatten().clamp(1e-7, 1 - 1e-7)
    # A logit of −16 at float32's precision.
    torch.testing.assert_close(output.double(), torch.log(share / (1 - share)), rtol=1e-6, atol=1e-6)
    assert output[0].item() == pytest.approx(math.log(1e-7), rel=1e-6)


def test_noise_is_uniform_with_unit_variance():
    z = gans.get("gan2014").noise.draw(10_000, torch.Generator().manual_seed(0))
    assert z.abs().max() <= math.sqrt(3)
    assert z.var().item() == pytest.approx(1, abs=0.005)  # of 10⁶ numbers: standard error 9e-4


@pytest.mark.parametrize("field", ["noise_g", "dropout_g"])
def test_randomness_in_gs_middle_layers_is_an_option_that_is_off(field):
    variant = gans.get("gan2014")
    assert getattr(variant.network, field) == 0
    calm = trainer("gan2014", 2)
    z = torch.ones(4, 8)
    assert calm.sampler().decode(z).unique(dim=0).shape[0] == 1
    lively = gans.set_field(calm.variant, field, "0.5")
    trained = gans.Trainer(lively, images(), settings(2))
    list(trained.train())
    samples = trained.sampler().decode(z)
    assert samples.unique(dim=0).shape[0] == 4  # one z, four samples
    assert torch.equal(samples, trained.sampler().decode(z))


def test_gaussian_numbers_from_uniform_ones():
    uniform = torch.rand(1_000_000, generator=torch.Generator().manual_seed(0))
    uniform[:2] = torch.tensor([0.0, 1 - 2**-24])  # the least and the greatest that are drawn
    numbers = gaussian(uniform).double()
    assert numbers.isfinite().all()
    # Standard errors of mean, variance and fourth moment: .001, .0014, .0098; five of each.
    assert numbers.mean().item() == pytest.approx(0, abs=0.005)
    assert numbers.var().item() == pytest.approx(1, abs=0.007)
    assert numbers.pow(4).mean().item() == pytest.approx(3, abs=0.05)


def test_points_are_refused():
    with pytest.raises(gans.VariantError, match="The maxout network makes images in"):
        gans.get("gan2014").build((2,))
