"""The trainer's D step and G step, and sampling, beside plain loops over networks of the same make."""

import dataclasses

import pytest
import torch
from torch import nn

import gans
from gans.networks import DCGAN

pytestmark = pytest.mark.perf

BATCH = 32
SHAPE = (1, 16, 16)
IMAGES = torch.randint(0, 256, (512, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def dcgan(ngf, ndf):
    return dataclasses.replace(gans.get("dcgan"), network=DCGAN(ngf=ngf, ndf=ndf))


def trainer_of(variant, players=None):
    return gans.Trainer(variant, IMAGES, gans.Settings(batch_size=BATCH, kimg=1000), players=players)


def wide_generator_and_linear_discriminator():
    generator, _ = dcgan(16, 4).build(SHAPE)
    return generator, nn.Sequential(nn.Flatten(), nn.Linear(16 * 16, 1), nn.Flatten(0))


class PlainLoop:
    """The steps as tutorials write them."""

    def __init__(self, players):
        self.generator, self.discriminator = players
        self.optimiser_g, self.optimiser_d = (
            torch.optim.Adam(player.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for player in (self.generator, self.discriminator)
        )
        self.loss = nn.BCEWithLogitsLoss()
        self.ones, self.zeros = torch.ones(BATCH), torch.zeros(BATCH)

    def train_discriminator(self):
        real = IMAGES[torch.randint(len(IMAGES), (BATCH,))].float() / 127.5 - 1
        self.optimiser_d.zero_grad()
        self.loss(self.discriminator(real), self.ones).backward()
        fake = self.generator(torch.randn(BATCH, 100))
        self.loss(self.discriminator(fake.detach()), self.zeros).backward()
        self.optimiser_d.step()
        return fake

    def iterate(self):
        fake = self.train_discriminator()
        self.optimiser_g.zero_grad()
        self.loss(self.discriminator(fake), self.ones).backward()
        self.optimiser_g.step()


def test_d_step(compare):
    """Batch, noise and the step on them; G only generates."""
    variant = dcgan(8, 16)
    trainer, plain = trainer_of(variant), PlainLoop(variant.build(SHAPE))
    compare(trainer.discriminator_step, plain.train_discriminator)


def test_g_step(compare):
    """A whole iteration of G against a D of one linear layer, so that four fifths of it are G's."""
    trainer = trainer_of(gans.get("dcgan"), wide_generator_and_linear_discriminator())
    compare(trainer.step, PlainLoop(wide_generator_and_linear_discriminator()).iterate)


def test_sampling(compare):
    variant = dcgan(16, 4)
    sampler, plain = trainer_of(variant).sampler(), PlainLoop(variant.build(SHAPE)).generator.eval()

    @torch.no_grad()
    def sample():
        return ((plain(torch.randn(64, 100)) + 1) * 127.5).round().to(torch.uint8)

    compare(lambda: sampler.sample(64), sample)
