"""Arithmetic of training, by name.

| name | matrix products and convolutions |
|---|---|
| `fp32` | float32 throughout: TF32 off, also in cuDNN, whose own default is on |
| `tf32` | float32 storage, TF32 products (CUDA) |
| `amp-bf16` | autocast to bfloat16 in the networks' forward; losses and optimisers in float32 |
| `amp-fp16` | autocast to float16, with a dynamic loss scale (gans/loss_scale.py) |
"""

import contextlib
from collections.abc import Iterator
from typing import Literal, get_args

import torch

Precision = Literal["fp32", "tf32", "amp-bf16", "amp-fp16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)


@contextlib.contextmanager
def backend_flags(precision: str) -> Iterator[None]:
    """Set the process-wide switches that change speed or results silently, and put them back afterwards.

    TF32 as the precision says; cuDNN measures its algorithms for each shape and takes the fastest
    (`benchmark`), which need not be deterministic: shapes do not change in a training, and on a CPU, where
    runs are promised to be bit for bit the same, cuDNN does not come in.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic
    matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
    cudnn.benchmark, cudnn.deterministic = True, False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = before


def autocast(precision: str, device_type: str) -> torch.autocast:
    """The autocast context of a network's forward."""
    dtype = torch.float16 if precision == "amp-fp16" else torch.bfloat16
    return torch.autocast(device_type, dtype, enabled=precision.startswith("amp"))


def penalty_precision(precision: str) -> str:
    """What a penalty is computed in: float32 under `amp-fp16`, in which its own gradient would overflow.

    The loss scale guards the gradients of the losses, not those that are part of one.
    """
    return "fp32" if precision == "amp-fp16" else precision
