"""Memory: the peak of one cell, and what is free."""

import os
import re
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")


class PeakMemory:
    """The highest memory use since it was made.

    On CUDA: bytes that PyTorch's allocator had handed out on the device at once, and those that it held
    (`reserved_bytes`), which is what other programs could not have. On a CPU: the
    process's peak resident set, interpreter and libraries included, which Linux can reset; elsewhere it
    is unknown (None).
    """

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            return
        try:
            Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew: proc(5)
            self.resettable = True
        except OSError:
            self.resettable = False

    def bytes(self) -> int | None:
        """Peak so far, in bytes."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        if not self.resettable:
            return None
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
        return int(found[1]) * 1024 if found else None

    def reserved_bytes(self) -> int | None:
        """Peak so far of what PyTorch's allocator held of the device, in bytes; None on a CPU."""
        return torch.cuda.max_memory_reserved(self.device) if self.device.type == "cuda" else None


def available_bytes() -> int | None:
    """Bytes that a new allocation could have without swapping; None where the system does not say."""
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        if found:
            return min([int(found[1]) * 1024, *_container_bytes()])
    except OSError:
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _container_bytes() -> list[int]:
    """What is left of a container's own limit (cgroup version 2), if it has one."""
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return [max(0, int(limit) - int(used))]
    except (OSError, ValueError):  # no such group, or "max"
        return []
