"""Energy: what the GPU's own counter says."""

import torch

from bench.nvml import NvmlDevice


class EnergyMeter:
    """Energy that the device has used since the meter was made.

    Of an NVIDIA GPU of the Volta generation or newer, as its driver counts it (NVML): the whole board, idle
    power and other processes' work included. Its counter moves about every 100 ms, so that only seconds
    of work are measured well. Of CPUs and other GPUs nothing is known.
    """

    def __init__(self, device: str | torch.device) -> None:
        self.device = torch.device(device)
        self._sensors = NvmlDevice.of(device)
        self._before = self._now()

    def joules(self) -> float | None:
        """Joules so far, the device's queued work included; None where nothing offers it."""
        now = self._now()
        return None if now is None or self._before is None else now - self._before

    def _now(self) -> float | None:
        if self._sensors is None:
            return None
        torch.cuda.synchronize(self.device)
        return self._sensors.energy_joules
