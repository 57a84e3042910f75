"""The shared trainer's step beside the plain loop that tutorials teach, in one run."""

import statistics
import time

import pytest
import torch
from torch import nn

import gans

pytestmark = pytest.mark.perf

BATCH, ROUNDS = 64, 25


def plain_dcgan_loop(images, generator, discriminator):
    """One iteration as in the well-known DCGAN code; returns the function that does it."""
    optimiser_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimiser_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    criterion = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(BATCH), torch.zeros(BATCH)

    def iterate():
        real = images[torch.randint(len(images), (BATCH,))].float() / 127.5 - 1
        optimiser_d.zero_grad()
        loss_real = criterion(discriminator(real), ones)
        loss_real.backward()
        fake = generator(torch.randn(BATCH, 100))
        loss_fake = criterion(discriminator(fake.detach()), zeros)
        loss_fake.backward()
        optimiser_d.step()
        optimiser_g.zero_grad()
        loss_g = criterion(discriminator(fake), ones)
        loss_g.backward()
        optimiser_g.step()
        return loss_real.item() + loss_fake.item() + loss_g.item()

    return iterate


def test_trainer_is_not_slower_than_a_plain_loop(benchmark):
    """Alternating rounds, so that a noisy machine slows both; the trainer also gathers its monitors."""
    images = torch.randint(0, 256, (1000, 1, 32, 32), dtype=torch.uint8)
    variant = gans.get("dcgan")
    trainer = gans.Trainer(variant, images, gans.Settings(batch_size=BATCH))
    plain = plain_dcgan_loop(images, *variant.build((1, 32, 32)))
    reference_sec, ratios = [], []

    def time_plain():
        start = time.perf_counter()
        plain()
        reference_sec.append(time.perf_counter() - start)
        return (), {}

    benchmark.pedantic(trainer.step, setup=time_plain, rounds=ROUNDS, warmup_rounds=3)
    ours_sec = benchmark.stats.stats.data
    ratios = [ours / theirs for ours, theirs in zip(ours_sec, reference_sec[-ROUNDS:], strict=True)]
    ratio = statistics.median(ratios)
    benchmark.extra_info["ratio_to_plain_loop"] = ratio
    # Measured .88 on two quiet cores (D's weight gradients are not computed in G's step); 1.1 leaves
    # room for noise in the median of 25 paired rounds.
    assert ratio < 1.1
