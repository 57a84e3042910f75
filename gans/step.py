"""One training step, written once: what is run eagerly, compiled or captured.

A step takes everything that varies as tensors (data, noise, dropout draws), reads nothing on the
host, and changes only the players' parameters, buffers and optimiser state. Gradients are asked for
by `torch.autograd.grad` with respect to one player's parameters alone: in G's step D is frozen, and
its weight gradients are never computed.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gans.batches import Batch
from gans.images import to_network
from gans.losses import LOSSES, cross_entropy
from gans.networks.network import forward
from gans.optimisers import OptimiserState
from gans.precision import autocast
from gans.randomness import Draws, Latents, Randomness
from gans.variant import Variant

MONITORS = (
    "loss_d",  # D's loss, penalty and class loss included
    "loss_g",  # G's loss, in G's step, class loss included
    "d_real",  # D(x) in D's step: a mean probability, or a mean score (gans/losses.py: `output`)
    "d_fake",  # D(G(z)) in D's step, before D changes
    "d_fake_before_g",  # D(G(z)) in G's step, before G changes
    "value",  # V(D, G) in nats (probability), or E D(x) − E D(G(z)) (score)
    "grad_norm_d",  # Euclidean norm of the gradient over all of D's parameters
    "grad_norm_g",  # the same for G
    "penalty",  # the penalty's part of D's loss; NaN without one
    "class_loss",  # the class head's part of D's loss; NaN without one
)


class Output(NamedTuple):
    """D's raw outputs in float32: the source's `(n,)`, and class logits `(n, classes)` or None."""

    source: Tensor
    classes: Tensor | None


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
        self.conditioning, self.penalty = variant.conditioning, variant.penalty
        self.generator, self.discriminator = generator, discriminator
        self.optimiser_g, self.optimiser_d = optimiser_g, optimiser_d
        self.precision, self.device_type = precision, device_type

    def __call__(self, batch: Batch, random: Randomness, train_generator: bool) -> Tensor:
        """One D step and, if asked, the G step that follows it.

        Parameters
        ----------
        batch
            Real samples as they are at rest, `(n, …)`, with their labels for a conditional variant.
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
        simultaneous = train_generator and variant.update == "simultaneous"
        joint = share and simultaneous  # one forward of D on one generated batch serves both players
        latents, real = random.latents, to_network(batch.samples)
        with torch.set_grad_enabled(share):
            fake = self.generate(latents)
        real_out, fake_out = self.discriminate_both(
            real, fake if joint else fake.detach(), batch.labels, latents.labels, random
        )
        loss_d = self.loss.discriminator(real_out.source, fake_out.source)
        nothing = torch.full_like(loss_d, float("nan"))
        class_loss = penalty = nothing
        if real_out.classes is not None and fake_out.classes is not None:
            assert batch.labels is not None
            assert latents.labels is not None
            class_loss = self.conditioning.class_loss(real_out.classes, batch.labels)
            class_loss = class_loss + self.conditioning.class_loss(fake_out.classes, latents.labels)
            loss_d = loss_d + class_loss
        if random.mix is not None:
            # x̂ lies between samples of two labels; D is told the real one's.
            penalty = self.penalty.term(
                lambda x: self.discriminate(x, batch.labels, random.draws_penalty).source,
                real,
                fake.detach(),
                random.mix,
            )
            loss_d = loss_d + penalty
        gradients_d = torch.autograd.grad(loss_d, self.optimiser_d.params, retain_graph=joint)
        if not simultaneous:
            self.optimiser_d.update(gradients_d)

        loss_g = before = norm_g = nothing
        if train_generator:
            out = fake_out
            if not share:
                latents = random.latents_generator
                fake = self.generate(latents)
            if not joint:
                out = self.discriminate(fake, latents.labels, random.draws_generator)
            loss_g = self.loss.generator(out.source)
            if out.classes is not None and latents.labels is not None:
                loss_g = loss_g + self.conditioning.class_loss(out.classes, latents.labels)
            gradients_g = torch.autograd.grad(loss_g, self.optimiser_g.params)
            if simultaneous:  # both gradients at the same point, as in GAN 2014's own code
                self.optimiser_d.update(gradients_d)
            self.optimiser_g.update(gradients_g)
            before, norm_g = self.mean_output(out.source), norm(gradients_g)

        real_mean, fake_mean = self.mean_output(real_out.source), self.mean_output(fake_out.source)
        value = real_mean - fake_mean
        if self.loss.output == "probability":
            value = -cross_entropy(real_out.source, fake_out.source)
        values = (
            *(loss_d, loss_g, real_mean, fake_mean, before, value),
            *(norm(gradients_d), norm_g, penalty, class_loss),
        )
        return torch.stack([v.detach() for v in values])

    def generate(self, latents: Latents) -> Tensor:
        """G's float samples."""
        with autocast(self.precision, self.device_type):
            return forward(self.generator, latents.z, latents.draws, latents.labels).float()

    def discriminate(self, samples: Tensor, labels: Tensor | None, draws: Draws) -> Output:
        """D's raw outputs: losses are never computed in half precision."""
        if not self.conditioning.labels_to_discriminator:
            labels = None
        with autocast(self.precision, self.device_type):
            out = forward(self.discriminator, samples, draws, labels).float()
        if self.conditioning.class_head:
            return Output(out[:, 0], out[:, 1:])
        return Output(out.flatten(), None)  # other people's D may return (n, 1)

    def discriminate_both(
        self,
        real: Tensor,
        fake: Tensor,
        real_labels: Tensor | None,
        fake_labels: Tensor | None,
        random: Randomness,
    ) -> tuple[Output, Output]:
        """D's raw outputs on real and fake, in two batches or one."""
        if self.variant.discriminator_batch == "separate":
            real_out = self.discriminate(real, real_labels, random.draws_real)
            return real_out, self.discriminate(fake, fake_labels, random.draws_fake)
        draws = tuple(torch.cat(pair) for pair in zip(random.draws_real, random.draws_fake, strict=True))
        labels = None
        if real_labels is not None and fake_labels is not None:
            labels = torch.cat((real_labels, fake_labels))
        source, classes = self.discriminate(torch.cat((real, fake)), labels, draws)
        n = len(real)
        if classes is None:
            return Output(source[:n], None), Output(source[n:], None)
        return Output(source[:n], classes[:n]), Output(source[n:], classes[n:])

    def mean_output(self, out: Tensor) -> Tensor:
        """Mean of D(·) as the loss reads it: of σ(logit), or of the raw score."""
        return (out.sigmoid() if self.loss.output == "probability" else out).mean()


def norm(gradients: tuple[Tensor, ...]) -> Tensor:
    """Euclidean norm over all of a player's gradients."""
    return torch.stack(torch._foreach_norm(gradients)).norm()
