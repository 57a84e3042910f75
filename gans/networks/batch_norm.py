"""Synchronised batch norm: its statistics are those of the whole batch that several processes share.

`torch.nn.SyncBatchNorm` is for GPUs alone, and has no second derivatives, which gradient penalties need.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gans.errors import Unsupported
from gans.processes import Processes

PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class SynchronisedBatchNorm(_BatchNorm):
    """Batch norm over the samples of all processes, whose numbers may differ.

    In evaluation mode, or without `processes`, it computes what `torch.nn.BatchNorm…d` does.
    """

    processes: Processes | None = None

    @classmethod
    def of(cls, norm: _BatchNorm) -> "SynchronisedBatchNorm":
        """The same layer: the very parameters and buffers of `norm`."""
        made = cls(
            norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats, device="meta"
        )
        made._parameters, made._buffers = norm._parameters, norm._buffers
        return made.train(norm.training)

    def _check_input_dim(self, input: Tensor) -> None:  # the layer that it stands for takes one kind
        if input.dim() < 2:
            raise ValueError(f"batch norm needs samples and features, not {input.dim()} dimensions")

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `(n, features, …)`, in x's precision."""
        if self.processes is None or not self.training:
            return super().forward(x)
        dims = [0, *range(2, x.dim())]
        wide = x.float()
        # Sums of squares lose what float32 has where the mean is large; in float64 nothing is lost.
        variance, mean = (moment.double() for moment in torch.var_mean(wide, dims, correction=0))
        n = x.numel() // x.shape[1]
        own = torch.cat((torch.full_like(mean[:1], 1.0), mean, variance + mean.square())) * n
        count, sums, squares = torch.split(self.processes.sum(own), [1, len(mean), len(mean)])
        mean = sums / count
        variance = squares / count - mean.square()
        self._update_running(mean.detach(), variance.detach() * count / (count - 1))
        shape = [1, -1, *[1] * (x.dim() - 2)]
        scale = (variance + self.eps).rsqrt().to(wide.dtype)
        if self.affine:
            scale = scale * self.weight
        out = (wide - mean.to(wide.dtype).view(shape)) * scale.view(shape)
        return (out + self.bias.view(shape) if self.affine else out).to(x.dtype)

    @torch.no_grad()
    def _update_running(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics as torch does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum: float | Tensor = self.momentum or 0.0
        if self.momentum is None:
            momentum = 1 / self.num_batches_tracked
        for running, now in ((self.running_mean, mean), (self.running_var, variance)):
            running.add_((now.to(running.dtype) - running) * momentum)


def synchronise_batch_norm(module: nn.Module, processes: Processes | None) -> None:
    """Make the batch norms of a network, in place, those of all processes; with None, of this process alone.

    Raises
    ------
    Unsupported
        If one of them is not torch's plain batch norm.
    """
    for name, child in list(module.named_children()):
        if type(child) in PLAIN and processes is not None:
            child = SynchronisedBatchNorm.of(child)  # type: ignore[arg-type]
            setattr(module, name, child)
        if isinstance(child, SynchronisedBatchNorm):
            child.processes = processes
        elif isinstance(child, _BatchNorm) and processes is not None:
            raise Unsupported(
                f"Several processes cannot share a batch with a {type(child).__name__}: its statistics would "
                "be of a part of it. Train with one process."
            )
        synchronise_batch_norm(child, processes)
