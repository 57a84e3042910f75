"""What is noted of the machine, and what is said about it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bench.machine_state
from bench.machine_state import Watch

LINUX = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="Linux says it, others may not")
SPIN = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass"


class Sensors:
    """A GPU's, as NVML would give them."""

    clock_mhz, max_clock_mhz, temperature_c, throttle_bits, processes = 1980, 1980, 50, 0x1, 1


@pytest.fixture
def sensors(monkeypatch):
    found = Sensors()
    monkeypatch.setattr(bench.machine_state.NvmlDevice, "of", lambda _: found)
    return found


@pytest.fixture
def busy(monkeypatch):
    """/proc/stat and our own clock, as a test sets them: seconds that the cores and we have used."""
    said = {"cores": 0.0, "own": 0.0, "clock": 0.0}
    monkeypatch.setattr(bench.machine_state, "_busy_sec", lambda: said["cores"])
    monkeypatch.setattr(bench.machine_state, "_own_cpu_sec", lambda: said["own"])
    monkeypatch.setattr(bench.machine_state, "_cores", lambda: {0, 1})
    monkeypatch.setattr(time, "perf_counter", lambda: said["clock"])
    return said


def test_what_others_used_is_a_share_of_the_cores(busy):
    with Watch("cpu") as watch:
        busy.update(cores=14.0, own=5.0, clock=10.0)
    assert watch.conditions()["other_cpu_share"] == 0.45
    assert watch.warnings() == ("Other processes used 45 % of the cores meanwhile.",)


@pytest.mark.parametrize(
    ("cores", "own", "clock", "share"),
    [(5.5, 5.0, 10.0, 0.025), (4.9, 5.0, 10.0, 0.0), (0.1, 0.0, 0.1, None)],
    ids=["little", "rounding", "too short"],
)
def test_little_is_not_worth_a_warning(busy, cores, own, clock, share):
    with Watch("cpu") as watch:
        busy.update(cores=cores, own=own, clock=clock)
    assert watch.conditions()["other_cpu_share"] == share
    assert watch.warnings() == ()


@LINUX
def test_own_work_and_that_of_children_is_not_others(monkeypatch):
    # Counted on the real clocks: ours and our children's is at least what they were told to use, and the
    # machine's is not less than ours.
    before = bench.machine_state._busy_sec(), bench.machine_state._own_cpu_sec()
    child = subprocess.Popen(
        [sys.executable, "-c", SPIN + "\nprint(flush=True)\ninput()"], stdin=-1, stdout=-1
    )
    child.stdout.readline()  # it has done its work and lives
    living = bench.machine_state._own_cpu_sec() - before[1]
    child.communicate(b"\n")
    waited_for = bench.machine_state._own_cpu_sec() - before[1]
    assert living >= 0.35  # of .4, counted in ticks of .01
    assert waited_for >= 0.35
    assert bench.machine_state._busy_sec() - before[0] >= waited_for - 0.1


def test_conditions_are_json_and_have_every_key_on_any_machine(monkeypatch):
    with Watch("cpu") as watch:
        pass
    known = watch.conditions()
    assert json.loads(json.dumps(known)) == known
    assert known["gpu_clock_mhz"] is None

    def silent(*_: object) -> None:
        raise OSError

    for owner, name in ((Path, "read_text"), (os, "getloadavg")):
        monkeypatch.setattr(owner, name, silent)
    with Watch("cpu") as watch:
        pass
    assert watch.conditions().keys() == known.keys()
    assert {value for key, value in watch.conditions().items() if key != "seconds"} == {None}
    assert watch.warnings() == ()


def test_a_gpu_at_rest_is_no_warning(sensors):
    with Watch("cuda") as watch:
        pass
    assert watch.conditions()["gpu_throttle_reasons"] == []
    assert watch.warnings() == ()


def test_a_gpus_clock_is_the_median_its_temperature_the_highest_its_throttling_any(sensors):
    with Watch("cuda") as watch:
        sensors.clock_mhz, sensors.temperature_c, sensors.throttle_bits = 1200, 80, 0x4 | 0x40
        watch.sample()
        sensors.temperature_c, sensors.throttle_bits, sensors.processes = 70, 0, 3
    found = watch.conditions()
    assert (found["gpu_clock_mhz"], found["gpu_max_clock_mhz"], found["gpu_temperature_c"]) == (
        1200,
        1980,
        80,
    )
    assert watch.warnings() == (
        "The GPU was throttled (power cap, hardware thermal slowdown).",
        "The GPU's clock was 1200 MHz, of at most 1980.",
        "2 other processes held the GPU.",
    )


def test_sensors_that_are_not_offered_are_none(sensors):
    for name in ("clock_mhz", "max_clock_mhz", "temperature_c", "throttle_bits", "processes"):
        setattr(sensors, name, None)
    with Watch("cuda") as watch:
        pass
    assert watch.conditions()["gpu_clock_mhz"] is None
    assert watch.warnings() == ()
