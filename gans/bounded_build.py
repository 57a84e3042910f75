"""Networks that a file describes, built only as large as its weights are: a description may be forged."""

import math
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gans.errors import VariantError

_MAKERS = (
    torch.empty,
    torch.zeros,
    torch.ones,
    torch.full,
    torch.rand,
    torch.randn,
)  # what layers start from


class BoundedBuild(TorchFunctionMode):
    """Inside it, tensors of at most so many numbers in all can be made.

    Raises
    ------
    VariantError
        Before the tensor is made that would be too much.
    """

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self._left = numbers

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count what is made; everything else goes its way."""
        kwargs = kwargs or {}
        if func in _MAKERS:
            size = kwargs.get("size", args[0] if args and not isinstance(args[0], int) else args)
            self._left -= math.prod(size)
            if self._left < 0:
                raise VariantError("The networks that the checkpoint describes are larger than its weights.")
        return func(*args, **kwargs)
