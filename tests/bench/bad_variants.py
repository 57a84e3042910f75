"""Variants of another package whose code does to its process what a long night does.

Each is offered as an entry point: in this process by `offer`, to processes started later by `install`.
"""

import errno
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import gans
import gans.registry
from gans.networks import MLP

FIRST_CALLS = 4  # of G: two steps are trained before anything happens


def crash() -> None:
    """A segmentation fault, as a broken extension's."""
    os.kill(os.getpid(), signal.SIGSEGV)


def ask_for_too_much() -> None:
    """More than an address space holds: the allocator refuses, on every machine."""
    torch.empty(2**50, dtype=torch.uint8)


def fill_the_memory() -> None:
    """Touch memory until the kernel ends the process; for inside a control group with a limit."""
    pages = [torch.ones(2**24) for _ in range(1000)]  # 64 MiB each
    raise AssertionError(f"{len(pages)} × 64 MiB fit: there is no limit here")


def fail() -> None:
    raise RuntimeError("the widget is loose")


def fail_elsewhere() -> None:
    """In one of several processes of torchrun, as its own share of a batch may make it."""
    if os.environ.get("RANK") == "1":
        raise gans.VariantError("Five samples are too few.")


def find_no_space() -> None:
    """As a write to an open file finds it."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def leave() -> None:
    raise SystemExit(3)


def end_the_process() -> None:
    os._exit(7)


def interrupt() -> None:
    raise KeyboardInterrupt


def take_ages() -> None:
    time.sleep(30)


def hang() -> None:
    """As code does that never comes back to Python: no handler of a signal runs."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM, signal.SIGINT})
    time.sleep(3600)


def use_up_the_time() -> None:
    """The clock of `--timeout` rings, whatever the machine is busy with."""
    signal.raise_signal(signal.SIGALRM)


DEEDS: dict[str, Callable[[], None]] = {
    deed.__name__: deed
    for deed in (
        *(crash, ask_for_too_much, fill_the_memory, fail, fail_elsewhere, find_no_space, leave),
        *(end_the_process, interrupt, take_ages, hang, use_up_the_time),
    )
}


class Deed(nn.Module):
    """A generator that does it in its last calls."""

    def __init__(self, generator: nn.Module, deed: str) -> None:
        super().__init__()
        self.generator, self.deed, self.calls = generator, deed, 0

    def forward(self, z: Tensor) -> Tensor:
        self.calls += 1
        if self.calls > FIRST_CALLS:
            DEEDS[self.deed]()
        return self.generator(z)


@dataclass(frozen=True, kw_only=True)
class DoesIt(MLP, kind="does-it"):
    """An MLP whose generator does a deed."""

    deed: str

    def build(self, shape, nz):
        generator, discriminator = super().build(shape, nz)
        return Deed(generator, self.deed), discriminator


def recipe(deed: str) -> Callable[[], gans.Variant]:
    def variant() -> gans.Variant:
        network = DoesIt(deed=deed)
        return replace(gans.get("vanilla"), summary="does a deed", reference="nobody", network=network)

    return variant


for _deed in DEEDS:  # an entry point names a function
    globals()[f"recipe_{_deed}"] = recipe(_deed)


def offer(monkeypatch: pytest.MonkeyPatch, *deeds: str) -> None:
    """Make variants called like the deeds known in this process."""
    gans.names()  # whose discovery must not undo it
    monkeypatch.setattr(gans.registry, "_recipes", dict(gans.registry._recipes))
    for deed in deeds:
        gans.register(deed)(recipe(deed))


def install(folder: Path) -> None:
    """Lay out a package in a folder as pip does, for processes that have it in `PYTHONPATH`."""
    info = folder / "bad_variants-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-variants\nVersion: 1\n")
    points = "\n".join(f"{deed} = bad_variants:recipe_{deed}" for deed in DEEDS)
    (info / "entry_points.txt").write_text(f"[{gans.registry.ENTRY_POINT_GROUP}]\n{points}\n")
