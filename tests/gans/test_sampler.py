import pytest
import torch
from tiny import VARIANTS, points, trainer

import gans
from gans import sampler as sampler_module
from gans.checkpoint import read_checkpoint


@pytest.fixture(params=VARIANTS)
def trained(request):
    trained = trainer(request.param, 2)
    list(trained.train())
    return trained


def test_three_lines(trained, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    gans.save_checkpoint(path, trained.state_dict(), trained.variant, trained.shape, trained.classes)

    sampler = gans.load(path)
    samples = sampler.sample(100)

    assert (samples.shape, samples.dtype) == ((100, 1, 16, 16), torch.uint8)
    assert torch.equal(samples, gans.load(str(path)).sample(100))
    assert torch.equal(samples, trained.sampler().sample(100))
    assert sampler.variant == trained.variant
    assert sampler.shape == (1, 16, 16)


def test_equal_generators_equal_samples(trained):
    sampler = trained.sampler()
    seeded = [sampler.sample(4, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(seeded[0], seeded[1])
    assert not torch.equal(seeded[0], seeded[2])
    assert torch.equal(sampler.sample(4), sampler.sample(4))
    going_on = torch.Generator().manual_seed(1)
    assert not torch.equal(*(sampler.sample(4, generator=going_on) for _ in range(2)))


def test_samples_do_not_depend_on_chunks(trained, monkeypatch):
    whole = trained.sampler().sample(50)
    monkeypatch.setattr(sampler_module, "CHUNK", 7)
    chunked = trained.sampler().sample(50)
    # Another batch size may sum in another order, which can tip a value over to the next level.
    assert (whole.int() - chunked.int()).abs().max() <= 1
    assert (whole != chunked).float().mean() < 0.01


def test_sampler_is_a_picture_of_its_moment(trained):
    sampler = trained.sampler()
    before = sampler.sample(4)
    assert all(p.requires_grad for p in trained.generator.parameters())
    assert trained.generator.training
    for _ in range(20):
        trained.step()
    assert torch.equal(sampler.sample(4), before)
    assert not torch.equal(trained.sampler().sample(4), before)


@pytest.mark.parametrize("n", [0, -1])
def test_fewer_than_one_is_refused(trained, n):
    with pytest.raises(gans.VariantError, match=f"The number of samples must be at least 1, not {n}."):
        trained.sampler().sample(n)


def test_samples_are_of_the_average_where_there_is_one(tmp_path):
    trained = trainer("vanilla", 3, points(), ema_kimg=0.1)
    list(trained.train())
    z = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "checkpoint.safetensors"
    gans.save_checkpoint(path, trained.state_dict(), trained.variant, trained.shape, trained.classes)
    assert "average.linears.0.weight" in read_checkpoint(path)[0]
    with torch.no_grad():
        average, current = trained.average(z), trained.generator(z)
    assert torch.equal(trained.sampler().decode(z), average)
    assert torch.equal(gans.load(path).decode(z), average)
    assert not torch.equal(average, current)


def test_images_are_sampled_with_the_running_statistics():
    trained = trainer("dcgan", 3)
    list(trained.train())
    z = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    together = trained.sampler().decode(z)
    alone = torch.cat([trained.sampler().decode(one[None]) for one in z])
    assert (together.int() - alone.int()).abs().max() <= 1  # with batch statistics it could not be
