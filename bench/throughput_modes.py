"""One mode made ready to be timed: first step, agreement with eager fp32, memory, host reads."""

import contextlib
import ctypes
import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

import gans
from bench.datasets import Dataset
from bench.host_reads import host_reads
from bench.memory import PeakMemory
from bench.throughput_plan import BASELINE, SpeedCell
from bench.timing import synchronize
from gans.agreement import Agreement, agreement

AGREEMENT_STEPS = 6  # generator steps, of which 3 start from the reference's state


@dataclass(frozen=True, kw_only=True)
class Mode:
    """A trainer that has been checked and warmed, and what was measured on the way."""

    cell: SpeedCell
    trainer: gans.Trainer
    first_step_sec: float
    agreement: Agreement | None  # of eager fp32, which the others are compared with, None
    allocated_bytes: int | None
    reserved_bytes: int | None
    host_reads: int


class Wrong(Exception):
    """The mode does not agree with eager fp32."""

    def __init__(self, found: Agreement) -> None:
        super().__init__(found.words())
        self.found = found


def on_device(dataset: Dataset, device: str) -> Dataset:
    """The data set with its training samples where the trainers want them, once for all of them."""
    samples = dataset.train.samples
    if not isinstance(samples, Tensor):
        return dataset
    layout = torch.channels_last if samples.dim() == 4 else torch.contiguous_format
    there = samples.to(device).contiguous(memory_format=layout)
    return dataclasses.replace(dataset, train=dataset.train._replace(samples=there))


def trainer_for(cell: SpeedCell, data: Dataset) -> gans.Trainer:
    """A fresh trainer of the cell's variant, its critic steps steady."""
    return gans.Trainer(
        cell.steady,
        data.train.samples,
        cell.settings,
        labels=data.train.labels,
        class_names=data.class_names,
    )


def prepare(cell: SpeedCell, baseline: SpeedCell, data: Dataset) -> Mode:
    """Make a mode ready.

    Parameters
    ----------
    cell
        The mode.
    baseline
        Eager fp32 of the same group, which it must agree with.
    data
        The group's data, on the device.

    Raises
    ------
    gans.Unsupported
        This machine cannot do it, or `torch.compile` cannot make one graph of it.
    Wrong
        It does not learn what eager fp32 learns.
    Exception
        Whatever else a step may end with, lack of memory among it.
    """
    device = cell.settings.device
    held_before = _held_bytes(device)
    with cold_caches(cell.settings.compile):
        memory = PeakMemory(device)
        trainer = trainer_for(cell, data)
        start = {name: tensor.to("cpu", copy=True) for name, tensor in trainer.state_dict().items()}
        synchronize(device)
        began = perf_counter()
        trainer.step()
        synchronize(device)
        first_step_sec = perf_counter() - began
        trainer.discriminator_step()  # by itself another graph than in a step, if the step has one of both
        allocated, reserved = _peak_bytes(trainer, memory, held_before)
        trainer.load_state_dict(start)
        found = None
        if cell.mode != BASELINE:
            found = agreement(trainer, trainer_for(baseline, data), steps=AGREEMENT_STEPS)
            if not found.ok:
                raise Wrong(found)
    return Mode(
        cell=cell,
        trainer=trainer,
        first_step_sec=first_step_sec,
        agreement=found,
        allocated_bytes=allocated,
        reserved_bytes=reserved,
        host_reads=host_reads(trainer),
    )


@contextlib.contextmanager
def cold_caches(compile_mode: str) -> Iterator[None]:
    """Empty compile caches: what an earlier run left in them would hide what compiling takes."""
    if compile_mode == "off":
        yield
        return
    from torch._inductor.utils import fresh_cache  # imports a compiler: seconds that eager modes do without

    with fresh_cache():
        yield


def _held_bytes(device: str) -> int:
    """What is allocated on a CUDA device by what was there before: data, and other modes."""
    return torch.cuda.memory_allocated(device) if torch.device(device).type == "cuda" else 0


def _peak_bytes(trainer: gans.Trainer, memory: PeakMemory, held_before: int) -> tuple[int | None, int | None]:
    """What the mode takes at its peak: weights, optimiser state, activations; neither data nor other modes.

    On CUDA the allocator's own counts since before the trainer was made (`reserved` is the whole process's).
    On a CPU the state's size and how far the resident set grows in a step, once freed memory has gone back to
    the system: the allocator may keep some of it, so that it is a lower bound.
    """
    if trainer.device.type == "cuda":
        peak = memory.bytes()
        return (None if peak is None else peak - held_before), memory.reserved_bytes()
    _give_back_freed_memory()
    before = PeakMemory("cpu").bytes()
    fresh = PeakMemory("cpu")
    trainer.step()
    after = fresh.bytes()
    if before is None or after is None:
        return None, None
    state = sum(tensor.nbytes for tensor in trainer.state_dict().values())
    return state + max(0, after - before), None


def _give_back_freed_memory() -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library than GNU's
            ctypes.CDLL("libc.so.6").malloc_trim(0)
