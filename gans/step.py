"""One training step, written once: what is run eagerly, compiled or captured.

A step takes everything that varies as tensors (data, noise, dropout draws), reads nothing on the
host, and changes only the players' parameters, buffers and optimiser state. Gradients are asked for
by `torch.autograd.grad` with respect to one player's parameters alone: in G's step D is frozen, and
its weight gradients are never computed.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gans.images import to_network
from gans.losses import LOSSES
from gans.networks.network import forward
from gans.optimisers import OptimiserState
from gans.precision import autocast
from gans.variant import Variant

MONITORS = (
    "loss_d",  # D's loss
    "loss_g",  # G's loss, in G's step
    "d_real",  # D(x) in D's step: a mean probability, or a mean score (gans/losses.py: `output`)
    "d_fake",  # D(G(z)) in D's step, before D changes
    "d_fake_before_g",  # D(G(z)) in G's step, before G changes
    "value",  # V(D, G) in nats (probability), or E D(x) − E D(G(z)) (score)
    "grad_norm_d",  # Euclidean norm of the gradient over all of D's parameters
    "grad_norm_g",  # the same for G
)

Draws = tuple[Tensor, ...]


class Randomness(NamedTuple):
    """All that one step draws: noise `(n, nz)`, and D's dropout draws for each of its forwards."""

    z: Tensor
    z_generator: Tensor  # the noise of G's own step; `z` itself when the generated batch is shared
    draws_real: Draws
    draws_fake: Draws
    draws_generator: Draws


class Step:
    """The step of one variant on one pair of players."""

    def __init__(
        self,
        variant: Variant,
        generator: nn.Module,
        discriminator: nn.Module,
        optimiser_g: OptimiserState,
        optimiser_d: OptimiserState,
        *,
        precision: str,
        device_type: str,
    ) -> None:
        self.variant, self.loss = variant, LOSSES[variant.loss]
        self.generator, self.discriminator = generator, discriminator
        self.optimiser_g, self.optimiser_d = optimiser_g, optimiser_d
        self.precision, self.device_type = precision, device_type

    def __call__(self, batch: Tensor, random: Randomness, train_generator: bool) -> Tensor:
        """One D step and, if asked, the G step that follows it.

        Parameters
        ----------
        batch
            Real samples as they are at rest, `(n, …)`.
        random
            Everything drawn for this step.
        train_generator
            A Python bool, so that a compiled step has two graphs at most.

        Returns
        -------
        Tensor
            float32 `(len(MONITORS),)` on the device; G's entries are NaN without its step.
        """
        variant = self.variant
        if variant.weight_clip is not None:
            # Before the step, as in WGAN's code: D may end a step slightly outside the bound.
            with torch.no_grad():
                torch._foreach_clamp_min_(self.optimiser_d.params, -variant.weight_clip)
                torch._foreach_clamp_max_(self.optimiser_d.params, variant.weight_clip)

        share = train_generator and variant.fake_batch == "shared"
        with torch.set_grad_enabled(share):
            fake = self.generate(random.z)
        real_out, fake_out = self.discriminate_both(to_network(batch), fake.detach(), random)
        loss_d = self.loss.discriminator(real_out, fake_out)
        gradients_d = torch.autograd.grad(loss_d, self.optimiser_d.params)
        simultaneous = train_generator and variant.update == "simultaneous"
        if not simultaneous:
            self.optimiser_d.update(gradients_d)

        nothing = torch.full_like(loss_d, float("nan"))
        loss_g = before = norm_g = nothing
        if train_generator:
            if not share:
                fake = self.generate(random.z_generator)
            out = self.discriminate(fake, random.draws_generator)
            loss_g = self.loss.generator(out)
            gradients_g = torch.autograd.grad(loss_g, self.optimiser_g.params)
            if simultaneous:  # both gradients at the same point, as in GAN 2014's own code
                self.optimiser_d.update(gradients_d)
            self.optimiser_g.update(gradients_g)
            before, norm_g = self.mean_output(out), norm(gradients_g)

        real_mean, fake_mean = self.mean_output(real_out), self.mean_output(fake_out)
        value = -loss_d if self.loss.output == "probability" else real_mean - fake_mean
        values = (loss_d, loss_g, real_mean, fake_mean, before, value, norm(gradients_d), norm_g)
        return torch.stack([v.detach() for v in values])

    def generate(self, z: Tensor) -> Tensor:
        """G's float samples for z."""
        with autocast(self.precision, self.device_type):
            return self.generator(z).float()

    def discriminate(self, samples: Tensor, draws: Draws) -> Tensor:
        """D's raw outputs `(n,)` in float32: losses are never computed in half precision."""
        with autocast(self.precision, self.device_type):
            return forward(self.discriminator, samples, draws).float()

    def discriminate_both(self, real: Tensor, fake: Tensor, random: Randomness) -> tuple[Tensor, Tensor]:
        """D's raw outputs on real and fake, in two batches or one."""
        if self.variant.discriminator_batch == "separate":
            real_out = self.discriminate(real, random.draws_real)
            return real_out, self.discriminate(fake, random.draws_fake)
        draws = tuple(torch.cat(pair) for pair in zip(random.draws_real, random.draws_fake, strict=True))
        both = self.discriminate(torch.cat((real, fake)), draws)
        return both[: len(real)], both[len(real) :]

    def mean_output(self, out: Tensor) -> Tensor:
        """Mean of D(·) as the loss reads it: of σ(logit), or of the raw score."""
        return (out.sigmoid() if self.loss.output == "probability" else out).mean()


def norm(gradients: tuple[Tensor, ...]) -> Tensor:
    """Euclidean norm over all of a player's gradients."""
    return torch.stack(torch._foreach_norm(gradients)).norm()
