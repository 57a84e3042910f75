"""Penalties on the discriminator: terms added to its loss, computed from its own gradients."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gans.pieces import Piece, require_positive


@dataclass(frozen=True, kw_only=True)
class Penalty(Piece):
    """The slot of penalties."""

    def term(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
        """The weighted term, a scalar to be minimised.

        Parameters
        ----------
        critic
            Samples to D's raw outputs `(n,)`; its D forward has draws of its own.
        real, fake
            Float samples `(n, …)`, without history.
        mix
            Uniform [0, 1) numbers `(n,)`.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class NoPenalty(Penalty, kind="none"):
    """Nothing is added; `term` is never called."""


@dataclass(frozen=True, kw_only=True)
class GradientPenalty(Penalty, kind="gradient"):
    """`weight` · E (‖∇D(x̂)‖₂ − 1)², x̂ = ε x + (1 − ε) G(z), ε ~ U(0, 1) (arXiv 1704.00028, eq. 3).

    With batch norm in D a sample's gradient depends on the others of its batch: use `norm_d=none` (§4).
    """

    weight: float = 10.0

    def __post_init__(self) -> None:
        require_positive(self, weight=self.weight)

    def term(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
        """The two-sided penalty; its gradient in D's weights needs D's double backward."""
        mix = mix.view(-1, *[1] * (real.dim() - 1))
        between = (mix * real + (1 - mix) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        # vector_norm has a subgradient (0) where the gradient vanishes; √ of a sum of squares has none.
        norms = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
        return self.weight * (norms - 1).square().mean()
