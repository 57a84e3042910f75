"""Operations of a step: those of the networks' shapes, to the last one."""

import functools

import pytest
import torch
from torch import nn
from zoo import assert_unchanged, everything, trainer_of

import gans
from bench.flops import StepFlops, step_flops
from bench.host_reads import host_reads

BATCH = 64
# Multiply-adds a sample of DCGAN's 64 × 64 × 3 networks, layer by layer: inputs × outputs × kernel × places.
G = [100 * 512 * 16, *(16 * 512 // 2**i * 256 // 2**i * 16 * 4**i for i in range(3)), 64 * 3 * 16 * 1024]
D = [3 * 64 * 16 * 1024, *(64 * 2**i * 128 * 2**i * 16 * 256 // 4**i for i in range(3)), 512 * 16]
# A player's backward, of its weights and of its inputs; its own first input needs none.
WEIGHTS_D, INPUTS_D, WEIGHTS_G, INPUTS_G = sum(D), sum(D[1:]), sum(G), sum(G[1:])


@functools.cache
def of_64_pixels(name: str) -> StepFlops:
    images = torch.zeros(BATCH, 3, 64, 64, dtype=torch.uint8)
    labels = torch.arange(BATCH) % 10
    return step_flops(gans.Trainer(gans.get(name), images, gans.Settings(batch_size=BATCH), labels=labels))


def test_dcgan_is_the_sum_over_its_layers_and_a_twelfth_less_than_the_tutorials_loop():
    d_step = sum(G) + 2 * sum(D) + 2 * (WEIGHTS_D + INPUTS_D)
    g_step = sum(D) + sum(D) + WEIGHTS_G + INPUTS_G  # D's forward, through D to its input, G's backward
    counted = of_64_pixels("dcgan")
    assert counted.d_step == 2 * BATCH * d_step
    assert counted.g_step == 2 * BATCH * g_step
    assert counted.iteration == 2 * BATCH * (d_step + g_step)
    tutorial = 2 * BATCH * (d_step + g_step + WEIGHTS_D)  # which computes D's weight gradients in G's step
    assert tutorial == pytest.approx(158.9e9, rel=5e-4)  # what was measured of it (one loop, in 2025)
    assert 1 - counted.iteration / tutorial == pytest.approx(0.084, abs=5e-4)


def test_fresh_noise_for_g_costs_another_forward_of_g():
    shared, fresh = of_64_pixels("dcgan"), of_64_pixels("wgan")
    assert fresh.d_step == shared.d_step
    assert fresh.g_step - shared.g_step == 2 * BATCH * sum(G)
    assert fresh.critic_steps == 5
    assert fresh.iteration == 5 * fresh.d_step + fresh.g_step


def test_the_penalty_counts_its_double_backward():
    counted = of_64_pixels("wgan_gp")
    first = D[0]
    forward = sum(D)
    gradient = sum(D)  # to the input x̂ through every layer
    # Each layer's weights once more, and the way back up to its output; the last layer's needs no gradient,
    # and of a matrix product, unlike of a convolution, none is computed.
    double = sum(D) + sum(D[:-1])
    # LeakyReLU hands its derivative's derivative on, zeros that autograd carries down through the layers
    # below the last activation all the same: weights and inputs, not the first layer's input.
    zeros = 2 * sum(D[:-1]) - first
    z = 128 - 100  # wgan_gp's noise is longer
    without = sum(G) + z * 512 * 16 + 2 * sum(D) + 2 * (WEIGHTS_D + INPUTS_D)
    assert counted.d_step - 2 * BATCH * without == 2 * BATCH * (forward + gradient + double + zeros)


def test_perceptrons_are_the_sum_over_their_layers():
    data = torch.zeros(BATCH, 2)
    g, d = (nn.Sequential(nn.Linear(n, 8), nn.ReLU(), nn.Linear(8, out)) for n, out in ((100, 2), (2, 1)))
    variant = gans.get("vanilla")
    counted = step_flops(gans.Trainer(variant, data, gans.Settings(), players=(g, d)))
    first_g, all_g, first_d, all_d = 100 * 8, 100 * 8 + 8 * 2, 2 * 8, 2 * 8 + 8
    assert counted.d_step == 2 * BATCH * (all_g + 2 * (3 * all_d - first_d))
    assert counted.g_step == 2 * BATCH * (all_g + 2 * all_d + 2 * all_g - first_g)


@pytest.mark.parametrize("name", gans.names())
def test_every_variant_is_counted_and_left_as_it_was(name):
    trainer = trainer_of(name)
    trainer.step()
    before = everything(trainer)
    counted = step_flops(trainer)
    assert_unchanged(trainer, before)
    assert counted.d_step > 0
    assert counted.g_step > 0
    assert all(type(p) is nn.Parameter for p in trainer.generator.parameters())
    list(trainer.train())  # and it trains on


class Streamed:
    """Pictures that are decoded when they are needed: here never."""

    shape, dtype, workers = (40, 1, 16, 16), torch.uint8, 1

    def __len__(self) -> int:
        return 40

    def fetch(self, indices: torch.Tensor) -> torch.Tensor:
        raise AssertionError("an instrument decodes nothing")


def test_a_trainer_whose_pictures_are_streamed_is_counted_without_reading_any():
    plain = trainer_of("dcgan")
    streaming = gans.Trainer(plain.variant, Streamed(), plain.settings)
    assert step_flops(streaming) == step_flops(plain)
    assert host_reads(streaming) == 0
