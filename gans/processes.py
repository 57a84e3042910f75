"""Several processes that carry out one training together, each on its share of every batch.

All of them draw everything for the whole batch from the same generators, and take their own rows of it.
A loss is a mean over the batch; so each process weighs its own by its share of the samples, and the sum of
their gradients is the gradient of the whole batch. Weights, optimisers, averages and generators are then the
same in every process, and one of them can save for all.
"""

from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import _functional_collectives as functional
from torch.utils._pytree import tree_map

from gans.optimisers import Gradients

T = TypeVar("T")


class Processes:
    """The processes of one training: which rows of a batch are this one's, and what they compute together.

    `sum`, `sum_gradients` and `any` are collectives: they return when all processes have called them, each in
    the same order.

    Parameters
    ----------
    group
        Sums tensors on the training device.
    control
        Agrees on what the host must know; its tensors lie on the CPU.
    """

    def __init__(self, group: dist.ProcessGroup, control: dist.ProcessGroup) -> None:
        self.group, self.control = group, control
        self.rank, self.count = group.rank(), group.size()

    def __deepcopy__(self, memo: dict[int, object]) -> "Processes":
        return self  # a connection has no copy

    def share(self, n: int) -> slice:
        """Which of n rows are this process's."""
        return self.share_of(self.rank, n)

    def share_of(self, rank: int, n: int) -> slice:
        """Which of n rows are a process's: shares differ by one row at most, in the order of the ranks."""
        return slice(n * rank // self.count, n * (rank + 1) // self.count)

    def weight(self, n: int) -> float:
        """This process's fraction of n rows, in [0, 1]: what a mean over its rows weighs in that of all."""
        share = self.share(n)
        return (share.stop - share.start) / n

    def mine(self, drawn: T, n: int) -> T:
        """The same structure (a pytree) with this process's rows of its tensors, each `(n, …)`."""
        share = self.share(n)
        return cast(T, tree_map(lambda leaf: leaf[share] if isinstance(leaf, Tensor) else leaf, drawn))

    def sum(self, tensor: Tensor) -> Tensor:
        """The elementwise sum over all processes; differentiable any number of times."""
        return cast(Tensor, _Sum.apply(tensor, self.group))

    def sum_gradients(self, gradients: Gradients) -> list[Tensor]:
        """Each gradient's sum over all processes, in its own shape and memory layout; one buffer is sent."""
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        return [
            torch.empty_like(gradient).copy_(part.view(gradient.shape))
            for gradient, part in zip(gradients, parts, strict=True)
        ]

    def any(self, asked: bool) -> bool:
        """Whether any process has passed True."""
        flag = torch.tensor(asked, dtype=torch.int32)
        dist.all_reduce(flag, dist.ReduceOp.MAX, group=self.control)
        return bool(flag)


class _Sum(torch.autograd.Function):
    """A sum over processes. The loss is the sum of theirs, too, so the gradient is the sum of gradients."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, group: dist.ProcessGroup) -> Tensor:
        ctx.group = group
        total = functional.all_reduce(tensor.contiguous(), "sum", group)
        return cast(Tensor, functional.wait_tensor(total))  # type: ignore[no-untyped-call]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return cast(Tensor, _Sum.apply(gradient, ctx.group)), None
