"""Host synchronisations in a step: none, and where one is it is named."""

import dataclasses

import pytest
import torch
from torch import nn
from zoo import assert_unchanged, everything, trainer_of

import gans
from bench.host_reads import host_reads, reading_operations


@pytest.mark.parametrize("name", gans.names())
def test_no_variant_reads_on_the_host_and_the_trainer_stays_as_it_was(name):
    trainer = trainer_of(name)
    trainer.step()
    before = everything(trainer)
    assert reading_operations(trainer) == ()
    assert host_reads(trainer) == 0
    assert_unchanged(trainer, before)


class Reading(nn.Module):
    """D with an operation in its forward that makes the host wait."""

    def __init__(self, inner: nn.Module, read) -> None:
        super().__init__()
        self.inner, self.read = inner, read

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.read(x)
        return self.inner(x)


@pytest.mark.parametrize(
    ("operation", "read"),
    [
        ("item", lambda x: x.detach().mean().item()),
        ("float", lambda x: float(x.detach().mean())),
        ("bool", lambda x: bool(x.mean() > 0)),
        ("cpu", lambda x: x.mean().cpu()),
        ("tolist", lambda x: x.detach().tolist()),
        ("numpy", lambda x: x.detach().numpy()),
        ("nonzero", lambda x: x.nonzero()),
        ("index", lambda x: x[x > 0]),
        ("equal", lambda x: torch.equal(x, x)),
    ],
)
def test_a_read_is_counted_once_a_forward_and_told_with_its_place(operation, read):
    plain = trainer_of("dcgan")
    variant = dataclasses.replace(gans.get("dcgan"), network=plain.variant.network)
    players = plain.generator, Reading(plain.discriminator, read)
    data = plain.batches.samples
    trainer = gans.Trainer(variant, data, plain.settings, players=players)
    found = reading_operations(trainer)
    assert len(found) == host_reads(trainer) == 3  # D sees real, fake and G's batch
    assert {text.partition(" at ")[0] for text in found} == {operation}
    assert all("bench/test_host_reads.py:" in text for text in found)


@pytest.mark.parametrize(
    "quiet", [lambda x: x[torch.zeros(1, dtype=torch.int64)], lambda x: x.to(x.device), lambda x: x.shape]
)
def test_what_does_not_wait_is_not_counted(quiet):
    plain = trainer_of("dcgan")
    players = plain.generator, Reading(plain.discriminator, quiet)
    trainer = gans.Trainer(plain.variant, plain.batches.samples, plain.settings, players=players)
    assert reading_operations(trainer) == ()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_on_a_gpu_torchs_own_check_agrees():
    trainer = trainer_of("dcgan", device="cuda")
    before = everything(trainer)
    assert host_reads(trainer) == 0
    assert_unchanged(trainer, before)
    players = trainer.generator, Reading(trainer.discriminator, lambda x: x.mean().item())
    reading = gans.Trainer(trainer.variant, trainer.batches.samples, trainer.settings, players=players)
    assert host_reads(reading) == 3
