"""How a variant is trained: what is not the recipe's own business."""

import math
from dataclasses import dataclass

import torch

from gans.compilation import COMPILE_MODES, CompileMode, require_compilation
from gans.errors import Unsupported, VariantError
from gans.precision import PRECISIONS, Precision


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One training run's budget and arithmetic; together with variant, data and seed it fixes the result.

    `kimg` counts generator steps × batch / 1000. `gans.precision` and `gans.compilation` explain the modes.
    """

    batch_size: int = 64
    kimg: float = 128.0
    seed: int = 0
    device: str = "cpu"  # "cpu", "cuda" or "cuda:N"
    precision: Precision = "fp32"
    compile: CompileMode = "off"

    def __post_init__(self) -> None:
        for name in ("batch_size", "kimg"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise VariantError(f"{name} must be a finite number above 0, not {value}.")
        if self.seed < 0:
            raise VariantError(f"seed must be at least 0, not {self.seed}.")
        if self.precision not in PRECISIONS:
            raise VariantError(
                f"There is no precision {self.precision!r}; there are {', '.join(PRECISIONS)}."
            )
        if self.compile not in COMPILE_MODES:
            raise VariantError(
                f"There is no compile mode {self.compile!r}; there are {', '.join(COMPILE_MODES)}."
            )

    @property
    def total_steps(self) -> int:
        """Generator steps in the budget, rounded up, at least one."""
        return max(1, self.steps_at(self.kimg))

    def steps_at(self, kimg: float) -> int:
        """Generator steps after which `kimg` thousand images have been reached."""
        # The tolerance keeps 0.1 + 0.2 kimg from costing a step more than 0.3 kimg.
        return math.ceil(kimg * 1000 / self.batch_size - 1e-9)

    def require_support(self) -> None:
        """Raise `Unsupported` if this machine cannot do what these settings ask."""
        device = torch.device(self.device)
        if device.type == "cuda" and not torch.cuda.is_available():
            raise Unsupported("There is no CUDA device on this machine.")
        if self.precision == "tf32" and device.type != "cuda":
            raise Unsupported("TF32 exists on CUDA devices only.")
        require_compilation(self.compile, device)
