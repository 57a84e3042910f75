"""How many floating-point operations a training step is.

Counted are matrix products and convolutions, a multiply-add as two operations, as their shapes say:
products with the zeros of a padding are in, as everyone counts them. What goes by the element
(activations, norms, optimisers) is not: it is under a hundredth of the arithmetic of these networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

import gans
from bench.throw_away import throw_away


@dataclass(frozen=True, kw_only=True)
class StepFlops:
    """Floating-point operations of one variant's step at its batch size."""

    d_step: int
    """One D step that no G step follows; the generated batch, its forward, is in it."""
    g_step: int
    """What a G step adds to the D step before it. Where both share a generated batch, its forward counts
    in the D step."""
    critic_steps: int
    """D steps before each G step, boosts left out."""

    @property
    def iteration(self) -> int:
        """One G step with the `critic_steps` D steps before it."""
        return self.of(g_steps=1, d_steps=self.critic_steps)

    def of(self, *, g_steps: int, d_steps: int) -> int:
        """So many G steps and D steps."""
        return g_steps * self.g_step + d_steps * self.d_step


def step_flops(trainer: gans.Trainer) -> StepFlops:
    """Count the operations of a step of `trainer`'s algorithm, run eagerly; the trainer stays as it was.

    The double backward of penalties is counted, and whatever else autograd runs. Nothing is calculated:
    a throw-away copy steps on tensors that have shapes and no numbers, so it takes no longer on large
    networks.
    """
    once, twice = (_iteration_flops(trainer, critic_steps) for critic_steps in (1, 2))
    d_step = twice - once
    return StepFlops(d_step=d_step, g_step=once - d_step, critic_steps=trainer.variant.critic.n_critic)


def _iteration_flops(trainer: gans.Trainer, critic_steps: int) -> int:
    copy = throw_away(trainer, batch_size=trainer.settings.batch_size, critic_steps=critic_steps)
    with FakeTensorMode(allow_non_fake_inputs=True), _Products() as products:
        copy.step()
    return products.flops


class _Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the operations of every product, by torch's own formulas.

    `torch.utils.flop_counter.FlopCounterMode` has them, too, but hooks itself into every module.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=out)
        return out
