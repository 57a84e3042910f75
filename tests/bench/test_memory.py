"""What is free of the memory."""

import os
from pathlib import Path

import pytest
import torch

import bench.memory
from bench.memory import PeakMemory, available_bytes


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="Linux says it, others may not")
def test_available_memory_is_some_of_what_there_is_and_what_a_container_leaves(monkeypatch):
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    free = available_bytes()
    assert 2**20 < free < whole
    monkeypatch.setattr(bench.memory, "_container_bytes", lambda: [12345])
    assert available_bytes() == 12345


def test_where_the_system_says_nothing_nothing_is_known(monkeypatch):
    def silent(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "read_text", silent)
    monkeypatch.setattr(os, "sysconf", silent)
    assert available_bytes() is None


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux says it, others may not")
def test_the_peak_is_that_since_it_was_made_and_a_cpu_reserves_nothing():
    before = PeakMemory("cpu")
    block = bytearray(200 * 2**20)
    block[::4096] = bytes(len(block[::4096])).replace(b"\0", b"x")  # touched, or it takes no memory
    high = before.bytes()
    del block
    after = PeakMemory("cpu")
    assert high - after.bytes() > 100 * 2**20
    assert after.reserved_bytes() is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_holds_at_least_what_it_gave_out():
    peak = PeakMemory("cuda")
    block = torch.zeros(2**26, device="cuda")
    del block
    assert 2**28 <= peak.bytes() <= peak.reserved_bytes()
