"""Which machines' ratios may be compared: what the committed baselines of `bench.gate` are kept by."""

import platform
import re
from pathlib import Path

import torch

from bench.own_time import waited_sec
from bench.provenance import device_name


def machine_class() -> dict[str, str]:
    """What moves the ratio of two pieces of our code although neither has changed.

    - The processor, with the family and model numbers, because a virtual one's name may say little; and the
      instruction set that torch chose: caches and vector width favour one side of a ratio.
    - The minor versions of torch (its kernels) and of Python (half of many a path is the interpreter's).
    - The clock: where `bench.own_time` has no record, sessions scatter more, and need other margins.

    The number of cores is not in it, as everything is timed on one thread; nor are the versions of numpy and
    pandas, which stand on both sides of the ratios that need them.
    """
    return {
        "processor": f"{device_name('cpu')}{_numbers()}",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "torch": ".".join(torch.__version__.split(".")[:2]),
        "clock": "wall" if waited_sec() is None else "own",
    }


def in_words(machine: dict[str, str]) -> str:
    """One line for people."""
    clock = {"own": "clock without other processes' time", "wall": "wall clock"}[machine["clock"]]
    return (
        f"{machine['processor']}, {machine['instructions']}, Python {machine['python']}, "
        f"torch {machine['torch']}, {clock}"
    )


def file_name(machine: dict[str, str]) -> str:
    """The name of this class's file of baselines."""
    text = "-".join(
        f"{key}-{value}" if key in ("python", "torch") else value for key, value in machine.items()
    )
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") + ".json"


def _numbers() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    found = [re.search(rf"^{name}\s*:\s*(\d+)$", text, re.MULTILINE) for name in ("cpu family", "model")]
    return "".join(
        f" {name} {match[1]}" for name, match in zip(("family", "model"), found, strict=True) if match
    )
