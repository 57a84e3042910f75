"""Arithmetic of training, by name.

| name | matrix products and convolutions |
|---|---|
| `fp32` | float32 throughout: TF32 off, also in cuDNN, whose own default is on |
| `tf32` | float32 storage, TF32 products (CUDA) |
| `amp-bf16` | autocast to bfloat16 in the networks' forward; losses and optimisers in float32 |
"""

import contextlib
from collections.abc import Iterator
from typing import Literal, get_args

import torch

Precision = Literal["fp32", "tf32", "amp-bf16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)


@contextlib.contextmanager
def backend_flags(precision: str) -> Iterator[None]:
    """Set the process-wide TF32 switches for this precision, and put them back afterwards."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def autocast(precision: str, device_type: str) -> torch.autocast:
    """The autocast context of a network's forward."""
    return torch.autocast(device_type, torch.bfloat16, enabled=precision == "amp-bf16")
