import pytest
import torch
from tiny import points, settings

import gans
from gans.networks import DCGAN, MLP

SIZES = sorted({b * 2**n for b in (4, 5, 6, 7) for n in range(1, 5)} & set(range(65)))


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_dcgan_makes_and_judges_every_possible_size(size, channels):
    generator, discriminator = DCGAN(ngf=2, ndf=2).build((channels, size, size), nz=3)
    with torch.no_grad():
        samples = generator(torch.randn(2, 3, generator=torch.Generator().manual_seed(0)))
        assert samples.shape == (2, channels, size, size)
        assert samples.abs().max() <= 1
        assert discriminator(samples).shape == (2,)


def test_dcgan_at_64_is_the_tutorials_network():
    generator, discriminator = DCGAN().build((3, 64, 64), nz=100)
    # The counts that the PyTorch tutorial's networks print.
    assert (parameters(generator), parameters(discriminator)) == (3_576_704, 2_765_568)
    assert widths(generator) == [100, 512, 256, 128, 64, 3]
    assert widths(discriminator) == [3, 64, 128, 256, 512, 1]


def test_dcgan_at_28_starts_from_a_7_by_7_map():
    generator, discriminator = DCGAN(ngf=32, ndf=16).build((1, 28, 28), nz=10)
    assert widths(generator) == [10, 64, 32, 1]
    assert widths(discriminator) == [1, 16, 32, 1]
    assert generator.layers[0].kernel_size == discriminator.layers[-1].kernel_size == (7, 7)


def widths(module):
    convolutions = [m for m in module.modules() if hasattr(m, "in_channels")]
    return [m.in_channels for m in convolutions] + [convolutions[-1].out_channels]


def test_dcgan_weights_start_as_the_paper_says():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        generator, _ = DCGAN().build((1, 16, 16), nz=100)
    weight, scale, shift = generator.layers[0].weight, generator.layers[1].weight, generator.layers[1].bias
    # Standard deviations from 204,800 and 128 draws: 5 standard errors are 1 % and 31 %.
    assert weight.std().item() == pytest.approx(0.02, rel=0.01)
    assert scale.mean().item() == pytest.approx(1, abs=0.01)
    assert scale.std().item() == pytest.approx(0.02, rel=0.31)
    assert not shift.any()


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((2,), "The dcgan network makes images, not points; choose vanilla for points, or --set network=m"),
        ((4, 32, 32), "The dcgan network makes 1 or 3 channels, not 4."),
        ((1, 30, 30), "cannot make 30 × 30 images: .*; the nearest sizes are 28 or 32."),
        ((1, 5, 5), "cannot make 5 × 5 images: .*; the nearest sizes are 8."),
        ((3, 28, 30), "cannot make 28 × 30 images: it makes squares .*; the nearest sizes are 28 or 32."),
    ],
)
def test_dcgan_refuses_what_it_cannot_make(shape, said):
    with pytest.raises(gans.VariantError, match=said):
        DCGAN().build(shape, nz=4)


@pytest.mark.parametrize("shape", [(2,), (1, 9, 5), (3, 8, 8)])
def test_mlp_makes_and_judges_any_shape(shape):
    generator, discriminator = MLP(hidden_g=(4,), hidden_d=()).build(shape, nz=3)
    z = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * 100
    with torch.no_grad():
        samples = generator(z)
        assert samples.shape == (500, *shape)
        assert discriminator(samples).shape == (500,)
    # Images end in tanh; points are unbounded, and so large a z takes them far beyond 1.
    assert (samples.abs().max() <= 1) == (len(shape) == 3)


def test_dropout_drops_its_share_and_keeps_the_mean():
    _, discriminator = MLP(hidden_d=(1000,), dropout=0.25).build((2,), nz=3)
    assert discriminator.draws == ((1000,),)
    linear, last = discriminator.linears
    torch.nn.init.zeros_(linear.weight)
    torch.nn.init.ones_(linear.bias)
    torch.nn.init.ones_(last.weight)
    torch.nn.init.zeros_(last.bias)
    draws = torch.arange(1000).div(1000)[None]
    with torch.no_grad():
        x = torch.zeros(1, 2)
        # 750 of 1000 units live, each 1/.75: sums of whole numbers and 4/3, rounded in float32.
        assert discriminator(x, (draws,)).item() == pytest.approx(1000, rel=1e-5)
        assert discriminator(x, (torch.full((1, 1000), 0.2499),)).item() == 0
        assert discriminator(x).item() == 1000


def test_vanilla_trains_on_points_and_samples_them():
    data = points(200)
    variant = gans.set_field(gans.set_field(gans.get("vanilla"), "hidden_g", "8"), "hidden_d", "8")
    trainer = gans.Trainer(variant, data, settings(3))
    before = [p.clone() for p in trainer.generator.parameters()]
    list(trainer.train())
    assert not any(map(torch.equal, before, trainer.generator.parameters()))
    samples = trainer.sampler().sample(7)
    assert (samples.shape, samples.dtype) == ((7, 2), torch.float32)
