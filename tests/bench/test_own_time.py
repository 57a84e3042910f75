"""The clock that stands still while others have the processor."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bench.own_time
from bench.own_time import own_time, waited_sec


def test_it_never_goes_back():
    times = [own_time() for _ in range(2000)]
    assert times == sorted(times)


def test_sleeping_counts():
    start = own_time()
    time.sleep(0.02)
    assert own_time() - start > 0.019


@pytest.mark.skipif(waited_sec() is None, reason="no record of waiting for a core on this system")
def test_waiting_for_a_core_does_not_count():
    """Beside a busy process on the same core this one waits; its time at work is the witness."""
    cores = os.sched_getaffinity(0)
    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        for process in (0, neighbour.pid):
            os.sched_setaffinity(process, {min(cores)})
        wall, own, worked = time.perf_counter(), own_time(), time.thread_time()
        while time.thread_time() - worked < 0.1:
            pass
        own, wall = own_time() - own, time.perf_counter() - wall
    finally:
        os.sched_setaffinity(0, cores)
        neighbour.kill()
        neighbour.wait()
    # Half of the core was the neighbour's: the wall clock saw it, this one did not.
    assert own == pytest.approx(0.1, rel=0.2)
    assert wall > 1.3 * own


@pytest.mark.parametrize("record", [None, "0 0 0\n"])
def test_without_a_record_it_is_the_wall_clock(monkeypatch, tmp_path, record):
    path = Path(tmp_path / "schedstat")
    if record is not None:
        path.write_text(record)
    monkeypatch.setattr(bench.own_time, "_SCHEDULING", str(path))
    assert waited_sec() is None
    assert own_time() <= time.perf_counter() < own_time() + 1


def test_a_reading_that_was_interrupted_is_taken_again(monkeypatch):
    waits = iter([1.0, 1.5, 1.5])
    nows = iter([10.0, 20.0])
    monkeypatch.setattr(bench.own_time, "waited_sec", lambda: next(waits))
    monkeypatch.setattr(bench.own_time, "perf_counter", lambda: next(nows))
    assert own_time() == 18.5
