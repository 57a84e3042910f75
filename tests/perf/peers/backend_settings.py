"""The process-wide settings that change speed: each contestant keeps its own between its turns."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class BackendSettings:
    """As torch has them at one moment."""

    cudnn_benchmark: bool
    cudnn_deterministic: bool
    tf32_convolutions: bool
    tf32_products: bool

    @classmethod
    def current(cls) -> "BackendSettings":
        """What holds now."""
        return cls(
            cudnn_benchmark=torch.backends.cudnn.benchmark,
            cudnn_deterministic=torch.backends.cudnn.deterministic,
            tf32_convolutions=torch.backends.cudnn.allow_tf32,
            tf32_products=torch.backends.cuda.matmul.allow_tf32,
        )

    def apply(self) -> None:
        """Make it so."""
        torch.backends.cudnn.benchmark = self.cudnn_benchmark
        torch.backends.cudnn.deterministic = self.cudnn_deterministic
        torch.backends.cudnn.allow_tf32 = self.tf32_convolutions
        torch.backends.cuda.matmul.allow_tf32 = self.tf32_products

    def words(self) -> str:
        """For the table."""
        on = {True: "on", False: "off"}
        return (
            f"TF32 in convolutions {on[self.tf32_convolutions]}, in products {on[self.tf32_products]}; "
            f"cudnn.benchmark {on[self.cudnn_benchmark]}, deterministic {on[self.cudnn_deterministic]}"
        )
