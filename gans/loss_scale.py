"""Dynamic loss scaling for float16, without a host read.

float16 loses gradients below 6e-8 to zero. So a loss is multiplied before its backward pass and the gradients
divided after it (Micikevicius et al., arXiv 1710.03740, §3.2). Where the scale was too large and a gradient
overflowed, the update is undone and the scale halved; after 2,000 updates without that it is doubled.
`torch.amp.GradScaler` does the same with the optimisers of `torch.optim` and reads the verdict on the host;
here all of it is tensors, so that a step stays one graph.
"""

import torch
from torch import Tensor

from gans.optimisers import Gradients, OptimiserState

INITIAL, GROWTH, BACKOFF, INTERVAL = 2.0**16, 2.0, 0.5, 2000  # torch.amp.GradScaler's defaults
LARGEST = 2.0**127  # the largest power of two in float32


class LossScale:
    """The scale of both players' losses, and how many steps in a row it has held."""

    def __init__(self, device: torch.device) -> None:
        self.scale = torch.tensor(INITIAL, device=device)
        self.held = torch.zeros((), dtype=torch.int64, device=device)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Everything a checkpoint needs, live."""
        return {"scale": self.scale, "held": self.held}

    def gradients(self, loss: Tensor, params: list[Tensor], *, retain_graph: bool) -> Gradients:
        """∂loss/∂params by way of the scaled loss; infinite or NaN where that overflowed."""
        scaled = torch.autograd.grad(loss * self.scale, params, retain_graph=retain_graph)
        return torch._foreach_div(scaled, self.scale)

    @torch.no_grad()
    def update(self, optimiser: OptimiserState, gradients: Gradients) -> Tensor:
        """Let the optimiser take its step, and undo it if a gradient is not finite; whether all were."""
        finite = torch.stack([gradient.isfinite().all() for gradient in gradients]).all()
        touched = [*optimiser.params, *optimiser.tensors.values()]
        before = [tensor.clone() for tensor in touched]
        optimiser.update(gradients)
        for tensor, old in zip(touched, before, strict=True):
            tensor.copy_(torch.where(finite, tensor, old))
        return finite

    @torch.no_grad()
    def adjust(self, finite: Tensor) -> None:
        """Once a step, after its updates: halve the scale, or double it where it has held for long."""
        held = torch.where(finite, self.held + 1, 0)
        grown = held == INTERVAL
        factor = torch.where(finite, torch.where(grown, GROWTH, 1.0), BACKOFF)
        # Not to infinity, where gradients of 0 would take it, and from where halving leads nowhere.
        self.scale.copy_((self.scale * factor).clamp_(max=LARGEST))
        self.held.copy_(torch.where(grown, 0, held))
