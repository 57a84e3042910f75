"""Energy from NVIDIA's library, called as its header says; without it nothing is known."""

import ctypes
from types import SimpleNamespace

import pytest
import torch

import bench.energy
import bench.nvml
from bench.energy import EnergyMeter
from bench.nvml import NvmlDevice


class Library:
    """As nvml.h declares it: every function returns a code and writes through a pointer."""

    def __init__(self) -> None:
        self.millijoules, self.lacking = 5_000, False

    def nvmlDeviceGetHandleByUUID(self, name, handle):
        if name != b"GPU-0a1b":
            return 2
        handle._obj.value = 77
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle, value):
        assert handle.value == 77
        assert isinstance(value._obj, ctypes.c_ulonglong)
        value._obj.value = self.millijoules
        return 3 if self.lacking else 0  # 3: not supported

    def nvmlDeviceGetClockInfo(self, handle, kind, value):
        assert kind.value == bench.nvml.CLOCK_SM
        value._obj.value = 1410
        return 0

    def nvmlDeviceGetComputeRunningProcesses_v3(self, handle, count, processes):
        assert processes is None
        count._obj.value = 2
        return 7


@pytest.fixture
def library(monkeypatch):
    made = Library()
    monkeypatch.setattr(bench.nvml, "_library", lambda: made)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="0a1b"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: None)
    return made


def test_energy_is_what_the_counter_moved(library):
    meter = EnergyMeter("cuda")
    library.millijoules = 7_500
    assert meter.joules() == 2.5


def test_a_gpu_without_the_counter_has_none(library):
    library.lacking = True
    assert EnergyMeter("cuda").joules() is None


def test_sensors_are_read_or_none(library):
    sensors = NvmlDevice.of("cuda")
    assert (sensors.clock_mhz, sensors.processes) == (1410, 2)
    assert sensors.temperature_c is None  # this library is too old to have it


def test_of_a_cpu_and_without_the_library_nothing_is_known(library, monkeypatch):
    assert EnergyMeter("cpu").joules() is None
    monkeypatch.setattr(bench.nvml, "_library", lambda: None)
    assert EnergyMeter("cuda").joules() is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_real_gpu_uses_energy():
    meter = EnergyMeter("cuda")
    a = torch.randn(4096, 4096, device="cuda")
    for _ in range(300):  # the counter moves every 100 ms
        torch.mm(a, a)
    joules = meter.joules()
    assert joules is None or 0 < joules < 10_000
    sensors = NvmlDevice.of("cuda")
    assert sensors is not None
    assert 0 < sensors.clock_mhz <= sensors.max_clock_mhz
    assert sensors.processes >= 1
