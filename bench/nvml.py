"""NVIDIA's management library, as far as the driver has it: no package is needed."""

import ctypes
import functools
from typing import Any

import torch

LIBRARIES = ("libnvidia-ml.so.1", "nvml.dll")
CLOCK_SM, TEMPERATURE_GPU = 1, 0  # nvml.h: NVML_CLOCK_SM, NVML_TEMPERATURE_GPU


class NvmlDevice:
    """One GPU's sensors; each is None where the driver, or this kind of GPU, does not offer it."""

    def __init__(self, library: Any, handle: ctypes.c_void_p) -> None:
        self._library, self._handle = library, handle

    @classmethod
    def of(cls, device: str | torch.device) -> "NvmlDevice | None":
        """The sensors of a CUDA device; None for others, and where there is no such library."""
        if torch.device(device).type != "cuda" or (library := _library()) is None:
            return None
        # By its own name: CUDA_VISIBLE_DEVICES changes torch's numbers and not NVML's.
        uuid = str(torch.cuda.get_device_properties(device).uuid)
        handle = ctypes.c_void_p()
        for name in (uuid, f"GPU-{uuid}", f"MIG-{uuid}"):
            if library.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(handle)) == 0:
                return cls(library, handle)
        return None

    @property
    def energy_joules(self) -> float | None:
        """What the board has used since the driver was loaded."""
        millijoules = self._read("nvmlDeviceGetTotalEnergyConsumption", ctypes.c_ulonglong)
        return None if millijoules is None else millijoules / 1000

    @property
    def clock_mhz(self) -> int | None:
        """Clock of the multiprocessors now."""
        return self._read("nvmlDeviceGetClockInfo", ctypes.c_uint, ctypes.c_uint(CLOCK_SM))

    @property
    def max_clock_mhz(self) -> int | None:
        """The highest that clock can be."""
        return self._read("nvmlDeviceGetMaxClockInfo", ctypes.c_uint, ctypes.c_uint(CLOCK_SM))

    @property
    def temperature_c(self) -> int | None:
        """Temperature of the chip."""
        return self._read("nvmlDeviceGetTemperature", ctypes.c_uint, ctypes.c_uint(TEMPERATURE_GPU))

    @property
    def throttle_bits(self) -> int | None:
        """Why the clock is not higher: nvml.h's nvmlClocksThrottleReason bits."""
        return self._read("nvmlDeviceGetCurrentClocksThrottleReasons", ctypes.c_ulonglong)

    @property
    def processes(self) -> int | None:
        """Processes that compute on the GPU, this one among them."""
        count = ctypes.c_uint(0)
        code = self._call("nvmlDeviceGetComputeRunningProcesses_v3", ctypes.byref(count), None)
        # Without room for the list, NVML says that there is too little of it (7), and how many there are.
        return count.value if code in (0, 7) else None

    def _read(self, name: str, kind: Any, *arguments: Any) -> int | None:
        value = kind()
        return value.value if self._call(name, *arguments, ctypes.byref(value)) == 0 else None

    def _call(self, name: str, *arguments: Any) -> int | None:
        try:
            function = getattr(self._library, name)
        except AttributeError:  # an older driver
            return None
        return function(self._handle, *arguments)


@functools.cache
def _library() -> Any:
    for name in LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        return library if library.nvmlInit_v2() == 0 else None
    return None
