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
from gans.loss_scale import LossScale
from gans.losses import LOSSES, cross_entropy
from gans.networks.network import forward, is_samplewise
from gans.optimisers import Gradients, OptimiserState
from gans.precision import autocast, penalty_precision
from gans.processes import Processes
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
        processes: Processes | None = None,
        weight: float = 1.0,
    ) -> None:
        self.variant, self.loss = variant, LOSSES[variant.loss]
        self.conditioning, self.penalty = variant.conditioning, variant.penalty
        self.generator, self.discriminator = generator, discriminator
        self.optimiser_g, self.optimiser_d = optimiser_g, optimiser_d
        self.precision, self.device_type = precision, device_type
        self.samplewise = is_samplewise(discriminator)
        self.processes, self.weight = processes, weight  # of its samples among those of all processes
        self.loss_scale = LossScale(optimiser_g.lr.device) if precision == "amp-fp16" else None

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
            real, fake if joint else fake.detach(), batch.labels, latents.labels, random, joint=joint
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
                lambda x: (
                    self.discriminate(
                        x, batch.labels, random.draws_penalty, precision=penalty_precision(self.precision)
                    ).source
                ),
                real,
                fake.detach(),
                random.mix,
            )
            loss_d = loss_d + penalty
        gradients_d = self.gradients(loss_d, self.optimiser_d, retain_graph=joint)
        finite: list[Tensor] = []  # with a loss scale: a flag an update
        if not simultaneous:
            finite += self.update(self.optimiser_d, gradients_d)

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
            gradients_g = self.gradients(loss_g, self.optimiser_g)
            if simultaneous:  # both gradients at the same point, as in GAN 2014's own code
                finite += self.update(self.optimiser_d, gradients_d)
            finite += self.update(self.optimiser_g, gradients_g)
            before, norm_g = self.mean_output(out.source), norm(gradients_g)

        if self.loss_scale is not None:
            self.loss_scale.adjust(torch.stack(finite).all())

        real_mean, fake_mean = self.mean_output(real_out.source), self.mean_output(fake_out.source)
        value = real_mean - fake_mean
        if self.loss.output == "probability":
            value = -cross_entropy(real_out.source, fake_out.source)
        values = (
            *(loss_d, loss_g, real_mean, fake_mean, before, value),
            *(norm(gradients_d), norm_g, penalty, class_loss),
        )
        return self.mean_of_all(torch.stack([v.detach() for v in values]))

    def changed(self) -> list[Tensor]:
        """Every tensor that a step changes in place, live."""
        return [
            *self.generator.state_dict().values(),
            *self.discriminator.state_dict().values(),
            *self.optimiser_g.tensors.values(),
            *self.optimiser_d.tensors.values(),
            *(() if self.loss_scale is None else self.loss_scale.tensors.values()),
        ]

    def gradients(self, loss: Tensor, optimiser: OptimiserState, *, retain_graph: bool = False) -> Gradients:
        """∂loss/∂ the parameters of one player alone, of the whole batch."""
        if self.processes is not None:
            loss = loss * self.weight  # before, not after: batch norm's gradients go through all processes
        gradients: Gradients
        if self.loss_scale is None:
            gradients = torch.autograd.grad(loss, optimiser.params, retain_graph=retain_graph)
        else:
            gradients = self.loss_scale.gradients(loss, optimiser.params, retain_graph=retain_graph)
        return gradients if self.processes is None else self.processes.sum_gradients(gradients)

    def mean_of_all(self, mean: Tensor) -> Tensor:
        """The mean over the whole batch, from one over this process's samples."""
        return mean if self.processes is None else self.processes.sum(mean * self.weight)

    def update(self, optimiser: OptimiserState, gradients: Gradients) -> list[Tensor]:
        """One optimiser's step; with a loss scale, none if a gradient has overflowed, and the flag of it."""
        if self.loss_scale is None:
            optimiser.update(gradients)
            return []
        return [self.loss_scale.update(optimiser, gradients)]

    def generate(self, latents: Latents) -> Tensor:
        """G's float samples."""
        with autocast(self.precision, self.device_type):
            return forward(self.generator, latents.z, latents.draws, latents.labels).float()

    def discriminate(
        self, samples: Tensor, labels: Tensor | None, draws: Draws, *, precision: str | None = None
    ) -> Output:
        """D's raw outputs, in another precision if asked: losses are never computed in half precision."""
        if not self.conditioning.labels_to_discriminator:
            labels = None
        with autocast(precision or self.precision, self.device_type):
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
        *,
        joint: bool,
    ) -> tuple[Output, Output]:
        """D's raw outputs on real and fake, in two batches or one.

        One is faster where D treats samples by themselves, unless G's gradients go through the same forward:
        they would be taken through the real half, too.
        """
        if not (self.variant.discriminator_batch == "combined" or (self.samplewise and not joint)):
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


def norm(gradients: Gradients) -> Tensor:
    """Euclidean norm over all of a player's gradients."""
    if torch.compiler.is_compiling():  # sums that are gathered while the optimiser reads the gradients
        return torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    return torch.stack(torch._foreach_norm(gradients)).norm()
