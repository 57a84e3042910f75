"""All that training steps draw, each kind from a stream of its own."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gans.classes import Classes
from gans.networks.network import draw, draw_shapes
from gans.penalties import NoPenalty
from gans.seeding import generator_for
from gans.variant import Variant

Draws = tuple[Tensor, ...]

STREAMS = ("data", "noise", "dropout", "labels", "generator-dropout", "penalty")


class Latents(NamedTuple):
    """What one generated batch is made from: noise `(n, nz)`, labels `(n,)` or None, G's own draws."""

    z: Tensor
    labels: Tensor | None
    draws: Draws


class Randomness(NamedTuple):
    """All that one step draws; `draws_…` are D's, for each of its forwards."""

    latents: Latents
    latents_generator: Latents  # of G's own step; `latents` itself when the generated batch is shared
    draws_real: Draws
    draws_fake: Draws
    draws_generator: Draws
    draws_penalty: Draws
    mix: Tensor | None  # uniform [0, 1) `(n,)`, for the penalty; None without one


class RandomStreams:
    """Generators on the training device, one a use, and what a step draws from them."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.generators = {stream: generator_for(seed, stream, device) for stream in STREAMS}

    def draw(
        self,
        variant: Variant,
        players: tuple[nn.Module, nn.Module],
        classes: Classes | None,
        n: int,
        *,
        train_generator: bool,
    ) -> Randomness:
        """Draw for a step of `n` samples on (G, D); `train_generator` says whether G's step follows D's."""
        dropout, penalty = self.generators["dropout"], self.generators["penalty"]
        shapes = draw_shapes(players[1])
        latents = self._latents(variant, players[0], classes, n)
        shared = variant.fake_batch == "shared"
        fresh = train_generator and not shared
        draws_real, draws_fake = draw(shapes, n, dropout), draw(shapes, n, dropout)
        draws_generator: Draws = ()
        if train_generator:
            joint = shared and variant.update == "simultaneous"  # one forward of D: one set of masks
            draws_generator = draws_fake if joint else draw(shapes, n, dropout)
        penalised = not isinstance(variant.penalty, NoPenalty)
        return Randomness(
            latents=latents,
            latents_generator=self._latents(variant, players[0], classes, n) if fresh else latents,
            draws_real=draws_real,
            draws_fake=draws_fake,
            draws_generator=draws_generator,
            draws_penalty=draw(shapes, n, penalty) if penalised else (),
            mix=torch.rand(n, generator=penalty, device=penalty.device) if penalised else None,
        )

    def _latents(self, variant: Variant, generator: nn.Module, classes: Classes | None, n: int) -> Latents:
        return Latents(
            z=variant.noise.draw(n, self.generators["noise"]),
            labels=None if classes is None else classes.draw(n, self.generators["labels"]),
            draws=draw(draw_shapes(generator), n, self.generators["generator-dropout"]),
        )
