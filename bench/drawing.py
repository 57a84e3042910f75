"""What is drawn from a sampler: samples or walks, of which classes, from which seed."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

import gans
from bench.class_option import asked_classes, spread
from bench.errors import InputError
from gans.noise import Uniform, linear_walk, spherical_walk

DEFAULT_SAMPLES, DEFAULT_WALKS, DEFAULT_STEPS = 100, 10, 10
WALKS = {"linear": linear_walk, "spherical": spherical_walk}
RUN_WALKS, RUN_WALK_STEPS = 8, 8  # of the picture that a training leaves


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """`n` samples, or walks of `steps` samples each, of `classes` in that order (None: drawn)."""

    n: int
    seed: int
    classes: list[int] | None
    walk: str | None
    steps: int

    @classmethod
    def of(
        cls,
        sampler: gans.Sampler,
        *,
        n: int | None,
        seed: int,
        classes: str | None,
        walk: str | None,
        steps: int | None,
    ) -> "Drawing":
        """What to draw, from what a user typed (None: not given), once it is known to make sense.

        Raises
        ------
        InputError
            For classes that there are not, or of an unconditional variant, fewer samples than classes, or a
            walk of fewer than 2 steps.
        """
        if walk is not None and steps is not None and steps < 2:
            raise InputError("--steps must be at least 2: a walk's start and its end.")
        n = n or (DEFAULT_SAMPLES if walk is None else DEFAULT_WALKS)
        asked = None
        if classes is not None:
            if sampler.class_names is None:
                raise InputError(
                    f"{sampler.variant.name} is not conditional: it cannot be asked for --class {classes}."
                )
            asked = asked_classes(classes, sampler.class_names)
            if n < len(asked):
                raise InputError(f"--n {n} is less than one for each of {len(asked)} classes.")
        return cls(n=n, seed=seed, classes=asked, walk=walk, steps=steps or DEFAULT_STEPS)


def draw(sampler: gans.Sampler, drawing: Drawing) -> tuple[Tensor, Tensor | None]:
    """Samples `(n, …)` or walks `(n, steps, …)`, and labels, int64 `(n,)`, of a conditional variant.

    Samples are those of `Sampler.sample` from the same seed, and walks begin at them.
    """
    generator = gans.generator_for(drawing.seed, "samples")
    noise = sampler.variant.noise
    start = noise.draw(drawing.n, generator)
    if drawing.classes is None:
        labels = sampler.draw_labels(drawing.n, generator)
    else:
        labels = spread(drawing.n, drawing.classes)
    if drawing.walk is None:
        return sampler.decode(start, labels), labels
    if drawing.walk == "spherical" and isinstance(noise, Uniform):
        warnings.warn(
            f"{sampler.variant.name} draws its noise from a cube, which spherical walks leave; linear ones "
            "stay inside.",
            stacklevel=2,
        )
    latents = WALKS[drawing.walk](start, noise.draw(drawing.n, generator), drawing.steps)
    # Step by step, because a generator with noise of its own repeats it for the same place among latents:
    # along a walk only z changes.
    steps = [sampler.decode(latents[:, step], labels) for step in range(drawing.steps)]
    return torch.stack(steps, 1), labels


def walks_of_run(sampler: gans.Sampler, seed: int) -> Tensor:
    """The walks that a training of that seed leaves a picture of, uint8 `(8, 8, C, H, W)`.

    They are what `bench.sample --n 8 --steps 8 --seed SEED` draws, chosen by nobody: on arcs, or on straight
    lines where the noise fills a cube. Of a conditional variant each is of a class, in the classes' order;
    the first classes have two where there are fewer than 8.
    """
    names = sampler.class_names
    drawing = Drawing(
        n=RUN_WALKS,
        seed=seed,
        classes=None if names is None else list(range(min(len(names), RUN_WALKS))),
        walk="linear" if isinstance(sampler.variant.noise, Uniform) else "spherical",
        steps=RUN_WALK_STEPS,
    )
    return draw(sampler, drawing)[0]
