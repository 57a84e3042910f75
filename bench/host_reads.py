"""Where a training step makes the host wait for the device."""

import sys
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import gans
from bench.throw_away import throw_away

# On a CPU these read memory without any operation; on a GPU each waits for it.
READING_METHODS = frozenset(
    {"item", "tolist", "cpu", "numpy", "__array__", "__bool__", "__int__", "__float__", "__index__"}
)
# Reads are the same in every batch, and two samples are the fewest that batch norm takes.
BATCH = 2


def host_reads(trainer: gans.Trainer) -> int:
    """Host synchronisations in one `trainer.step()`, its D steps included; 0 is what a GPU wants.

    On a CPU every operation that would wait for a GPU is counted. On CUDA the trainer's own step, compiled
    or captured as it is, is watched by torch's synchronisation check as well, and the higher count is
    given. The trainer is as it was afterwards. One that several processes share cannot step in one of them:
    the copy's reads are given.
    """
    reads = len(reading_operations(trainer))
    if trainer.device.type == "cuda" and trainer.processes is None:
        reads = max(reads, _synchronisations(trainer))
    return reads


def reading_operations(trainer: gans.Trainer) -> tuple[str, ...]:
    """Every read of an eager step on a throw-away copy, in order, as "item at gans/step.py:120"."""
    copy = throw_away(trainer, batch_size=BATCH, critic_steps=trainer.variant.critic.n_critic)
    copy.step()  # tables that are made once are no part of a step
    found: list[str] = []
    with _Operations(found), _Methods(found):
        copy.step()
    return tuple(found)


def _synchronisations(trainer: gans.Trainer) -> int:
    """What torch's own check says of the trainer's second step, of which nothing remains."""
    state = {name: tensor.clone() for name, tensor in trainer.state_dict().items()}
    before = torch.cuda.get_sync_debug_mode()
    try:
        trainer.step()
        torch.cuda.synchronize(trainer.device)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            trainer.step()
    finally:
        torch.cuda.set_sync_debug_mode(before)
        trainer.load_state_dict(state)
    return sum("synchronizing CUDA operation" in str(warning.message) for warning in caught)


class _Methods(TorchFunctionMode):
    """Notes the methods that read, which on a CPU are no operations. (Modes cannot be entered twice.)"""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        n_before = len(self.found)
        out = func(*args, **(kwargs or {}))
        if name == "one_hot":
            # It checks its labels' range, but not on CUDA (ATen/native/Onehot.cpp).
            del self.found[n_before:]
        if name in READING_METHODS and args and isinstance(args[0], Tensor):
            # The operation beneath it, if there is one, is the same read.
            self.found[n_before:] = [f"{name.strip('_')} at {_place()}"]
        return out


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes operations whose result, or whose result's shape, the host must know, and copies to the host."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found = found

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if _reads(func, args, out):
            self.found.append(f"{func.overloadpacket.__name__} at {_place()}")
        return out


def _reads(func: Any, args: tuple[Any, ...], out: Any) -> bool:
    aten = torch.ops.aten
    if func.overloadpacket in (aten.index, aten.index_put, aten.index_put_):
        masks = (torch.bool, torch.uint8)
        return any(isinstance(index, Tensor) and index.dtype in masks for index in args[1])
    if func.overloadpacket in (aten._to_copy, aten.copy_):
        source = args[1] if func.overloadpacket is aten.copy_ else args[0]
        return out.device.type == "cpu" and source.device.type != "cpu"
    return bool({torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags))


def _place() -> str:
    """File and line of the innermost caller that is neither torch nor this file."""
    torch_folder = str(Path(torch.__file__).parent)
    for frame, line in traceback.walk_stack(sys._getframe()):
        file = frame.f_code.co_filename
        if not file.startswith(torch_folder) and file != __file__:
            return f"{'/'.join(Path(file).parts[-2:])}:{line}"
    return "torch"
