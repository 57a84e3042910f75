"""Adversarial losses: pairs of pure functions on D's raw outputs (logits or critic values).

Every function takes float tensors `(n,)` and returns a scalar to be *minimised*. `output` says what
D's raw output means, which decides what the monitors can report:

- `"probability"`: a logit of D(x) = σ(output). V(D, G) = E log D(x) + E log(1 − D(G(z))) and, from it,
  the estimate (V + log 4)/2 of the Jensen-Shannon divergence exist (GAN 2014, eq. 1 and theorem 1).
- `"score"`: an unbounded value. The monitors report its means and their difference.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn.functional import relu, softplus


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One adversarial loss."""

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (real outputs, fake outputs) → scalar
    generator: Callable[[Tensor], Tensor]  # (fake outputs) → scalar
    output: Literal["probability", "score"]


def cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """−V(D, G) = −E log D(x) − E log(1 − D(G(z))) (GAN 2014, eq. 1), on logits.

    softplus(−l) = −log σ(l) and softplus(l) = −log(1 − σ(l)), without the overflow of writing them out.
    """
    return softplus(-real).mean() + softplus(fake).mean()


LOSSES: dict[str, Loss] = {
    # GAN 2014, §3: maximise log D(G(z)) instead, for gradients early in training.
    "non-saturating": Loss(
        discriminator=cross_entropy,
        generator=lambda fake: softplus(-fake).mean(),
        output="probability",
    ),
    # GAN 2014, eq. 1: G minimises E log(1 − D(G(z))).
    "minimax": Loss(
        discriminator=cross_entropy,
        generator=lambda fake: -softplus(fake).mean(),
        output="probability",
    ),
    # GAN 2014's own code: D minimises half the sum. It matters to SGD, which keeps a gradient's scale.
    "non-saturating-half": Loss(
        discriminator=lambda real, fake: 0.5 * cross_entropy(real, fake),
        generator=lambda fake: softplus(-fake).mean(),
        output="probability",
    ),
    # LSGAN, eq. 9: a = 0, b = c = 1.
    "least-squares": Loss(
        discriminator=lambda real, fake: 0.5 * ((real - 1).square().mean() + fake.square().mean()),
        generator=lambda fake: 0.5 * (fake - 1).square().mean(),
        output="score",
    ),
    # Geometric GAN and SNGAN, eq. 16–17.
    "hinge": Loss(
        discriminator=lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(),
        generator=lambda fake: -fake.mean(),
        output="score",
    ),
    # WGAN, eq. 2–3: the critic maximises E f(x) − E f(G(z)).
    "wasserstein": Loss(
        discriminator=lambda real, fake: fake.mean() - real.mean(),
        generator=lambda fake: -fake.mean(),
        output="score",
    ),
}
