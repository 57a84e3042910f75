"""Optimisers whose state lives in tensors.

`torch.optim`'s `step()` keeps Python numbers and breaks a compiled or captured graph. These take a
list of gradients and touch nothing but tensors, so one D or G update, optimiser included, is one
graph, and a checkpoint of them is a list of tensors. Their results are those of `torch.optim`
(tests/gans/test_optimisers.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from gans.errors import VariantError
from gans.pieces import Piece, require_positive

Gradients = list[Tensor] | tuple[Tensor, ...]


class OptimiserState:
    """The tensors of one optimiser over one list of parameters.

    `tensors` holds everything a checkpoint needs. `lr` is a float64 scalar tensor so that a schedule
    can change it without a new graph; float64 because float32 loses the bias corrections' digits.
    """

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        self.params = list(params)
        self.lr = torch.tensor(lr, dtype=torch.float64, device=self.params[0].device)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Every state tensor by name, live (not copies)."""
        return {"lr": self.lr}

    def update(self, gradients: Gradients) -> None:
        """Change the parameters in place, given one gradient a parameter."""
        raise NotImplementedError

    def last_gradients(self, before: Self) -> list[Tensor]:
        """The gradients of the one update that led here from `before`, float64, one a parameter.

        They are read back from what the update left, so that a compiled or captured step need not give them
        out; off by some roundings of the state. `before` is a copy (`copy.deepcopy`) from just before it.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Optimiser(Piece):
    """The slot of optimisers; `build` binds one to a player's parameters."""

    lr: float

    def __post_init__(self) -> None:
        require_positive(self, lr=self.lr)

    def build(self, params: Iterable[Tensor]) -> OptimiserState:
        """State for these parameters, zeros, on their device."""
        raise NotImplementedError

    @property
    def scheduled(self) -> bool:
        """Whether the optimiser itself changes over training, so that `adjust` must be called each step."""
        return False

    def adjust(self, state: OptimiserState, *, factor: float, step: int, epoch: int) -> None:
        """Set what changes over training: the rate, by `factor` and by the optimiser's own schedule.

        `step` counts generator steps from 0, `epoch` passes over the data from 1.
        """
        state.lr.fill_(self.lr * factor)


class AdamState(OptimiserState):
    """Adam (Kingma and Ba 2015, algorithm 1)."""

    def __init__(self, params: Iterable[Tensor], options: "Adam") -> None:
        super().__init__(params, options.lr)
        self.beta1, self.beta2, self.eps = options.beta1, options.beta2, options.eps
        self.step = torch.zeros_like(self.lr)
        # What the next update divides by. It stands ready in tensors because a compiled update would work the
        # powers out again for every vector of weights: on a CPU they took longer than all the rest.
        self.bias1, self.bias2_root = torch.empty_like(self.lr), torch.empty_like(self.lr)
        self._prepare()
        self.mean = [torch.zeros_like(p) for p in self.params]
        self.square = [torch.zeros_like(p) for p in self.params]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Learning rate, step count, bias corrections of the next step, and both moments."""
        named = {"lr": self.lr, "step": self.step, "bias1": self.bias1, "bias2_root": self.bias2_root}
        for i, (mean, square) in enumerate(zip(self.mean, self.square, strict=True)):
            named[f"mean.{i}"], named[f"square.{i}"] = mean, square
        return named

    @torch.no_grad()
    def update(self, gradients: Gradients) -> None:
        """P ← p − lr · m̂ / (√v̂ + ε), m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ)."""
        torch._foreach_lerp_(self.mean, gradients, 1 - self.beta1)
        torch._foreach_mul_(self.square, self.beta2)
        torch._foreach_addcmul_(self.square, gradients, gradients, 1 - self.beta2)
        denominator = torch._foreach_sqrt(self.square)
        # addcdiv takes only Python numbers as its factor, so the step size goes into the denominator.
        scale = self.bias1 / self.lr
        torch._foreach_mul_(denominator, scale / self.bias2_root)
        torch._foreach_add_(denominator, self.eps * scale, alpha=1)  # without alpha it would read the scale
        torch._foreach_addcdiv_(self.params, self.mean, denominator, -1.0)
        self.step.add_(1)
        self._prepare()

    def _prepare(self) -> None:
        following = self.step + 1
        self.bias1.copy_(1 - self.beta1**following)
        self.bias2_root.copy_((1 - self.beta2**following).sqrt())

    @torch.no_grad()
    def last_gradients(self, before: Self) -> list[Tensor]:
        """Solve the mean's m ← β₁ m + (1 − β₁) g for g."""
        return [
            (new.double() - self.beta1 * old.double()) / (1 - self.beta1)
            for new, old in zip(self.mean, before.mean, strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class Adam(Optimiser, kind="adam"):
    """Adam; the defaults are DCGAN's (arXiv 1511.06434, §4)."""

    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, beta in (("beta1", self.beta1), ("beta2", self.beta2)):
            if not 0 <= beta < 1:
                raise VariantError(f"{name} of Adam must lie in [0, 1), not {beta}.")

    def build(self, params: Iterable[Tensor]) -> AdamState:
        """Adam's state, zeros."""
        return AdamState(params, self)


class RMSPropState(OptimiserState):
    """RMSProp as torch writes it: ε outside the square root, no momentum, not centred."""

    def __init__(self, params: Iterable[Tensor], options: "RMSProp") -> None:
        super().__init__(params, options.lr)
        self.alpha, self.eps = options.alpha, options.eps
        self.square = [torch.zeros_like(p) for p in self.params]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Learning rate and running squares."""
        return {"lr": self.lr} | {f"square.{i}": square for i, square in enumerate(self.square)}

    @torch.no_grad()
    def update(self, gradients: Gradients) -> None:
        """P ← p − lr · g / (√v + ε), v the running mean of g²."""
        torch._foreach_mul_(self.square, self.alpha)
        torch._foreach_addcmul_(self.square, gradients, gradients, 1 - self.alpha)
        denominator = torch._foreach_sqrt(self.square)
        torch._foreach_add_(denominator, self.eps)
        torch._foreach_div_(denominator, self.lr)
        torch._foreach_addcdiv_(self.params, gradients, denominator, -1.0)

    @torch.no_grad()
    def last_gradients(self, before: Self) -> list[Tensor]:
        """Solve v ← α v + (1 − α) g² for |g|; the weights went the other way."""
        gradients = []
        for i, (new, old) in enumerate(zip(self.square, before.square, strict=True)):
            squared = (new.double() - self.alpha * old.double()) / (1 - self.alpha)
            went = before.params[i].double() - self.params[i].double()
            gradients.append(squared.clamp(min=0).sqrt() * went.sign())
        return gradients


@dataclass(frozen=True, kw_only=True)
class RMSProp(Optimiser, kind="rmsprop"):
    """RMSProp; the default rate is WGAN's (arXiv 1701.07875, algorithm 1)."""

    lr: float = 5e-5
    alpha: float = 0.99
    eps: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.alpha < 1:
            raise VariantError(f"alpha of RMSProp must lie in [0, 1), not {self.alpha}.")

    def build(self, params: Iterable[Tensor]) -> RMSPropState:
        """RMSProp's state, zeros."""
        return RMSPropState(params, self)


class SGDState(OptimiserState):
    """Gradient descent with classical momentum."""

    def __init__(self, params: Iterable[Tensor], options: "SGD") -> None:
        super().__init__(params, options.lr)
        self.momentum = torch.full_like(self.lr, options.momentum)
        self.velocity = [torch.zeros_like(p) for p in self.params]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Learning rate, momentum and velocities."""
        named = {f"velocity.{i}": velocity for i, velocity in enumerate(self.velocity)}
        return {"lr": self.lr, "momentum": self.momentum} | named

    @torch.no_grad()
    def update(self, gradients: Gradients) -> None:
        """Update v ← momentum · v − lr · g, p ← p + v: a step's rate stays in the velocity, as in pylearn2.

        `torch.optim.SGD` keeps it out (v ← momentum · v + g, p ← p − lr · v), which differs where the rate
        changes.
        """
        torch._foreach_mul_(self.velocity, self.momentum)
        torch._foreach_sub_(self.velocity, torch._foreach_mul(gradients, self.lr))
        torch._foreach_add_(self.params, self.velocity)

    @torch.no_grad()
    def last_gradients(self, before: Self) -> list[Tensor]:
        """Solve v ← momentum · v − lr · g for g."""
        return [
            (self.momentum * old.double() - new.double()) / self.lr
            for new, old in zip(self.velocity, before.velocity, strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class SGD(Optimiser, kind="sgd"):
    """Gradient descent with momentum; the defaults are GAN 2014's (the authors' `mnist.yaml`).

    The rate is divided by `lr_decay` each generator step down to `min_lr`; momentum goes linearly from
    `momentum` in epoch 1 to `final_momentum` in epoch `saturation_epoch`.
    """

    lr: float = 0.1
    lr_decay: float = 1.000004
    min_lr: float = 1e-6
    momentum: float = 0.5
    final_momentum: float = 0.7
    saturation_epoch: int = 250

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("momentum", "final_momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise VariantError(f"{name} of SGD must lie in [0, 1), not {getattr(self, name)}.")
        if not self.lr_decay >= 1:
            raise VariantError(f"lr_decay of SGD must be at least 1, not {self.lr_decay}.")
        if not 0 <= self.min_lr <= self.lr:
            raise VariantError(f"min_lr of SGD must lie in [0, lr], not {self.min_lr}.")
        if self.saturation_epoch < 2:
            raise VariantError(f"saturation_epoch of SGD must be at least 2, not {self.saturation_epoch}.")

    def build(self, params: Iterable[Tensor]) -> SGDState:
        """SGD's state, velocities zero."""
        return SGDState(params, self)

    @property
    def scheduled(self) -> bool:
        """Whether rate or momentum changes."""
        return self.lr_decay != 1 or self.momentum != self.final_momentum

    def adjust(self, state: OptimiserState, *, factor: float, step: int, epoch: int) -> None:
        """Rate and momentum of this step."""
        assert isinstance(state, SGDState)
        state.lr.fill_(max(self.lr / self.lr_decay**step, self.min_lr) * factor)
        way = min(1.0, (epoch - 1) / (self.saturation_epoch - 1))
        state.momentum.fill_(self.momentum * (1 - way) + self.final_momentum * way)
