"""What is free of the memory."""

import os
from pathlib import Path

import pytest

import bench.memory
from bench.memory import available_bytes


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
