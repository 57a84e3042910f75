import pytest
import torch

from gans.seeding import derive_seed, generator_for, seeded


def test_streams_of_a_seed_differ_and_are_the_same_everywhere():
    seeds = {derive_seed(seed, stream) for seed in range(50) for stream in ("data", "noise", "dropout")}
    assert len(seeds) == 150
    # Published scores hang on this number: SHA-256 of "0:data", its first 63 bits.
    assert derive_seed(0, "data") == 0x7AC9468ACD18AD27
    assert torch.equal(
        torch.rand(3, generator=generator_for(7, "noise")), torch.rand(3, generator=generator_for(7, "noise"))
    )


def test_seeded_draws_alike_and_leaves_the_global_generator(monkeypatch):
    # What torch.manual_seed would do to every CUDA device, and fork_rng(devices=[]) not undo.
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("CUDA was seeded"))
    before = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with seeded(3, "initialisation"):
            draws.append(torch.rand(5))
    assert torch.equal(*draws)
    with pytest.raises(TypeError), seeded(3, "initialisation"):
        torch.rand("five")
    assert torch.equal(torch.get_rng_state(), before)
