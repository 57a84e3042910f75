"""How a step is run, by name: as it is, as one compiled graph, or as one captured CUDA graph.

| mode | a step is |
|---|---|
| `off` | run eagerly |
| `default` | one graph of `torch.compile`: forward, backward, penalty and optimisers |
| `max-autotune` | the same with kernels chosen by timing them; on CUDA captured, too |
| `cudagraphs` | `default` captured into a CUDA graph and replayed: one launch a step (CUDA only) |
"""

import copy
import shutil
from collections.abc import Callable
from types import FunctionType
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from gans.batches import Batch
from gans.capture import captured
from gans.errors import Unsupported
from gans.randomness import Randomness
from gans.step import Step

CompileMode = Literal["off", "default", "max-autotune", "cudagraphs"]
COMPILE_MODES: tuple[str, ...] = get_args(CompileMode)

Run = Callable[[Batch, Randomness], Tensor]

AUTOTUNE = {"max_autotune": True, "coordinate_descent_tuning": True}  # torch's own mode of that name


def require_compilation(mode: str, device: torch.device) -> None:
    """Raise `Unsupported` if this machine cannot run steps in that mode."""
    if mode == "off":
        return
    if mode == "cudagraphs" and device.type != "cuda":
        raise Unsupported("CUDA graphs exist on CUDA devices only.")
    if not hasattr(torch._dynamo.config, "trace_autograd_ops"):
        raise Unsupported("Compiling a whole step needs torch 2.11 or newer.")
    if device.type == "cpu" and not (shutil.which("g++") or shutil.which("clang++")):
        raise Unsupported("torch.compile on a CPU needs a C++ compiler (g++).")


class StepRunner:
    """A step in one of the modes. D's step alone and D's with G's are two functions, so two graphs."""

    def __init__(self, step: Step, mode: str) -> None:
        self.step, self.mode = step, mode
        self.runs: dict[bool, Run] = {}
        for train_generator in (False, True):
            run = one_step(step, train_generator)
            if mode != "off":
                run = compiled(run, AUTOTUNE if mode == "max-autotune" else {})
            if mode == "cudagraphs" or (mode == "max-autotune" and step.device_type == "cuda"):
                run = captured(run, step.changed)
            self.runs[train_generator] = run

    def __call__(self, batch: Batch, random: Randomness, train_generator: bool) -> Tensor:
        """`gans.step.Step.__call__`.

        Raises
        ------
        Unsupported
            At the first call, if `torch.compile` cannot make one graph of the step.
        """
        return self.runs[train_generator](batch, random)

    def __deepcopy__(self, memo: dict[int, object]) -> "StepRunner":
        # `copy` hands functions on as they are, and these would go on training the original's players.
        return StepRunner(copy.deepcopy(self.step, memo), self.mode)


def one_step(step: Step, train_generator: bool) -> Run:
    """The step with or without G's part, as a function with a code object of its own.

    Dynamo keeps what it compiled by code object, and tells what belongs to whom by guards; those are left
    out here.
    """

    def run(batch: Batch, random: Randomness) -> Tensor:
        return step(batch, random, train_generator)

    return FunctionType(run.__code__.replace(), run.__globals__, "run", None, run.__closure__)


def compiled(run: Run, options: dict[str, Any]) -> Run:
    """One graph, compiled at the first call.

    Guards, which look through every module and parameter at each call, are left out: shapes, modules and
    modes never change in a training, and looking took a fifth of a small variant's step.
    """
    torch._dynamo.config.trace_autograd_ops = True
    graph = torch.compile(
        run,
        fullgraph=True,
        dynamic=False,
        options=options | {"guard_filter_fn": torch.compiler.skip_all_guards_unsafe},
    )

    def call(batch: Batch, random: Randomness) -> Tensor:
        try:
            return graph(batch, random)
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise Unsupported(
                f"torch.compile cannot make one graph of this step ({reason}); --compile off runs it."
            ) from error

    return call
