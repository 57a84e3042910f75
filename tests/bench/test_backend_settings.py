"""Switches that change speed or results are recorded as they are in force, not as someone meant them."""

import json

import pytest
import torch
from zoo import trainer_of

import gans
from bench.provenance import backend_settings


@pytest.fixture
def tf32_everywhere():
    """A user's own choice, which training undoes."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    yield
    torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.parametrize(("precision", "autocast"), [("fp32", "off"), ("amp-bf16", "bfloat16")])
def test_what_is_in_force_is_asked_of_torch(precision, autocast, tf32_everywhere):
    found = backend_settings(gans.Settings(precision=precision), (1, 16, 16))
    assert json.loads(json.dumps(found)) == found
    assert (found["matmul_tf32"], found["cudnn_tf32"]) == (False, False)
    assert found["autocast"] == autocast
    assert found["threads"] == torch.get_num_threads()
    assert torch.backends.cuda.matmul.allow_tf32


def test_tf32_is_seen():
    found = backend_settings(gans.Settings(precision="tf32", device="cuda"), (1, 16, 16))
    assert (found["matmul_tf32"], found["cudnn_tf32"]) == (True, True)


def test_the_memory_format_is_the_trainers():
    trainer = trainer_of("dcgan", channels=3)
    weight = next(p for p in trainer.discriminator.parameters() if p.dim() == 4)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    assert backend_settings(trainer.settings, trainer.shape)["memory_format"] == "channels_last"
    assert backend_settings(trainer.settings, (2,))["memory_format"] == "contiguous"
