"""What machine, what versions, what commit: the columns that say where a value comes from."""

import functools
import platform
import shlex
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch


def provenance(command: list[str], device: str) -> dict[str, object]:
    """The provenance columns of `results.schema` for a run that starts now on `device`."""
    return {
        "gan_bench_version": _version("gan-bench"),
        "git_commit": _git_commit(),
        "python_version": platform.python_version(),
        "torch_version": torch.__version__,
        "torchvision_version": _version("torchvision"),
        "numpy_version": np.__version__,
        "platform": platform.platform(),
        "device_name": device_name(device),
        "cpu_threads": torch.get_num_threads(),
        "command": shlex.join(["python", "-m", *command]),
        "started_utc": datetime.now(UTC),
    }


@functools.cache
def device_name(device: str) -> str:
    """The processor's or the GPU's own name."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


@functools.cache
def _git_commit() -> str:
    """The commit that the source lies at, `-dirty` appended if it has been changed; "" if unknown."""
    folder = Path(__file__).parent
    try:
        # Installed below someone else's repository, this file is not one of its own.
        _git(folder, "ls-files", "--error-unmatch", Path(__file__).name)
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit + ("-dirty" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
