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

import gans
from gans.precision import autocast, backend_flags


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
        **start_of(command),
    }


def start_of(command: list[str]) -> dict[str, object]:
    """Those of them that say by which command and when."""
    return {"command": shlex.join(["python", "-m", *command]), "started_utc": datetime.now(UTC)}


def backend_settings(settings: gans.Settings, shape: tuple[int, ...]) -> dict[str, object]:
    """What changes speed or results without a word, as torch itself says it is in force while training.

    Parameters
    ----------
    settings
        Of the training; asked of torch within its arithmetic's own switches.
    shape
        Of one sample: images `(C, H, W)` lie in memory channels-last, points as they are.

    Returns
    -------
    dict
        JSON-ready: TF32 and reduced-precision sums of matrix products and cuDNN, cuDNN's and torch's
        choice of algorithms, threads, the type that networks are cast to, and the memory format.
    """
    kind = torch.device(settings.device).type
    with backend_flags(settings.precision), autocast(settings.precision, kind):
        cast = torch.is_autocast_enabled(kind)
        cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        return {
            "matmul_tf32": cuda.allow_tf32,
            "cudnn_tf32": cudnn.allow_tf32,
            "matmul_fp16_reduced_sums": cuda.allow_fp16_reduced_precision_reduction,
            "matmul_bf16_reduced_sums": cuda.allow_bf16_reduced_precision_reduction,
            "cudnn_enabled": cudnn.enabled,
            "cudnn_benchmark": cudnn.benchmark,
            "cudnn_deterministic": cudnn.deterministic,
            "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
            "mkldnn_enabled": torch.backends.mkldnn.enabled,
            "threads": torch.get_num_threads(),
            "interop_threads": torch.get_num_interop_threads(),
            "autocast": str(torch.get_autocast_dtype(kind)).removeprefix("torch.") if cast else "off",
            "memory_format": "channels_last" if len(shape) == 3 else "contiguous",
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
