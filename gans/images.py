"""The one conversion each way between images at rest and images in a network."""

import torch
from torch import Tensor


def scaled(values: Tensor) -> Tensor:
    """Grey levels 0…255 as floats in [−1, 1]."""
    return values.div(127.5).sub(1)


def to_network(samples: Tensor) -> Tensor:
    """Images uint8 `(n, C, H, W)` to float32 in [−1, 1]; points, float32 already, pass unchanged."""
    return scaled(samples.float()) if samples.dtype == torch.uint8 else samples


def to_rest(samples: Tensor) -> Tensor:
    """Float images in [−1, 1] to uint8, rounded to nearest; points `(n, d)` to float32."""
    if samples.dim() != 4:
        return samples.float()
    # A NaN has no uint8: make it mid-grey rather than whatever the hardware does. The run that made
    # it is recorded as diverged by its losses.
    levels = samples.float().nan_to_num(0.0, 1.0, -1.0).add(1).mul(127.5)
    return levels.round().clamp(0, 255).to(torch.uint8)
