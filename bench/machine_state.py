"""What the machine was doing while something was measured: who else used it, how fast its clocks were."""

import os
import re
import statistics
import time
from pathlib import Path
from typing import Self

import torch

from bench.nvml import NvmlDevice

# Clock ticks of 10 ms: in less than that, the count of the cores' busy ticks says too little.
SHORTEST_SEC = 0.25
# From these on a measurement may be off by as much as people compare: a few per cent.
BUSY_SHARE, SLOW_CLOCK = 0.1, 0.9

# nvml.h, nvmlClocksThrottleReason…; idle (bit 0) and a clock asked for by the user (bit 1) are no throttling.
THROTTLES = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}


class Watch:
    """Notes the machine's state from `with` to its end; it never fails, what it cannot read is None.

    Examples
    --------
    >>> with Watch("cpu") as watch:
    ...     work()
    >>> watch.conditions(), watch.warnings()
    """

    def __init__(self, device: str | torch.device) -> None:
        self.device = torch.device(device)
        self._gpu = NvmlDevice.of(device)
        self._clocks_mhz: list[int] = []
        self._temperatures_c: list[int] = []
        self._throttles = 0
        self._conditions: dict[str, object] = {}

    def __enter__(self) -> Self:
        self._load = _load_average()
        self._busy_before, self._own_before = _busy_sec(), _own_cpu_sec()
        self._start = time.perf_counter()
        self.sample()
        return self

    def __exit__(self, *_: object) -> None:
        self.sample()
        self._finish()

    def sample(self) -> None:
        """Note the GPU's clock, temperature and throttling as they are now; on a CPU nothing."""
        if self._gpu is None:
            return
        for values, value in (
            (self._clocks_mhz, self._gpu.clock_mhz),
            (self._temperatures_c, self._gpu.temperature_c),
        ):
            if value is not None:
                values.append(value)
        self._throttles |= self._gpu.throttle_bits or 0

    def conditions(self) -> dict[str, object]:
        """What was noted, JSON-ready; None where it could not be read.

        ``load_average_before`` (of 1 minute), ``other_cpu_share`` (processor time that others used, of
        all of this process's cores), ``cpu_mhz_median`` (over the cores, at the end), and of a GPU
        ``gpu_clock_mhz`` (median), ``gpu_max_clock_mhz``, ``gpu_temperature_c`` (highest),
        ``gpu_throttle_reasons`` and ``gpu_processes`` (this one among them).
        """
        return dict(self._conditions)

    def warnings(self) -> tuple[str, ...]:
        """Sentences on what speaks against the measurement."""
        found = self._conditions
        said = []
        share = found.get("other_cpu_share")
        if isinstance(share, float) and share >= BUSY_SHARE:
            said.append(f"Other processes used {100 * share:.0f} % of the cores meanwhile.")
        reasons = found.get("gpu_throttle_reasons")
        if isinstance(reasons, list) and reasons:
            said.append(f"The GPU was throttled ({', '.join(reasons)}).")
        clock, highest = found.get("gpu_clock_mhz"), found.get("gpu_max_clock_mhz")
        if isinstance(clock, int) and isinstance(highest, int) and clock < SLOW_CLOCK * highest:
            said.append(f"The GPU's clock was {clock} MHz, of at most {highest}.")
        processes = found.get("gpu_processes")
        if isinstance(processes, int) and processes > 1:
            said.append(f"{processes - 1} other processes held the GPU.")
        return tuple(said)

    def _finish(self) -> None:
        elapsed = time.perf_counter() - self._start
        gpu = self._gpu
        self._conditions = {
            "seconds": round(elapsed, 3),
            "load_average_before": self._load,
            "other_cpu_share": self._other_share(elapsed),
            "cpu_mhz_median": _cpu_mhz(),
            "gpu_clock_mhz": round(statistics.median(self._clocks_mhz)) if self._clocks_mhz else None,
            "gpu_max_clock_mhz": None if gpu is None else gpu.max_clock_mhz,
            "gpu_temperature_c": max(self._temperatures_c, default=None),
            "gpu_throttle_reasons": None
            if gpu is None
            else [name for bit, name in THROTTLES.items() if self._throttles & bit],
            "gpu_processes": None if gpu is None else gpu.processes,
        }

    def _other_share(self, elapsed: float) -> float | None:
        busy = _busy_sec()
        if busy is None or self._busy_before is None or elapsed < SHORTEST_SEC:
            return None
        others = (busy - self._busy_before) - (_own_cpu_sec() - self._own_before)
        # Both counts are rounded, so that a lone process may come out a little below zero.
        return round(min(max(others / (elapsed * len(_cores())), 0.0), 1.0), 3)


def _cores() -> set[int]:
    """The cores that this process may use."""
    try:
        return os.sched_getaffinity(0)
    except AttributeError:  # not on Linux
        return set(range(os.cpu_count() or 1))


def _load_average() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


def _busy_sec() -> float | None:
    """Seconds that those cores have been busy, or were taken away by the host, since it was started."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
        ticks_per_sec = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return None
    ticks = 0
    for line in lines:
        name, *fields = line.split()
        if re.fullmatch(r"cpu\d+", name) and int(name[3:]) in _cores():
            user, nice, system, _idle, _wait, irq, soft_irq, stolen = map(int, fields[:8])
            ticks += user + nice + system + irq + soft_irq + stolen
    return ticks / ticks_per_sec


def _own_cpu_sec() -> float:
    """Processor time of this process and of those it has started, the living ones too (compilers)."""
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system + _living_children_sec()


def _living_children_sec() -> float:
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the name, which may hold anything: state, parent, …, and as 12th to 15th the times.
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        pid = int(file.parent.name)
        parents[pid] = int(fields[1])
        seconds[pid] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    family, found = {os.getpid()}, 0.0
    while children := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= children
        found += sum(seconds[pid] for pid in children)
    return found


def _cpu_mhz() -> float | None:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return None
    clocks = [float(mhz) for mhz in re.findall(r"^cpu MHz\s*:\s*([\d.]+)", text, re.MULTILINE)]
    return round(statistics.median(clocks), 1) if clocks else None
