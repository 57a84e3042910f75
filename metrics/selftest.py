"""Each metric's response to known damage: what it can see, what it cannot, and what it rewards.

A perfect generator is imitated by real images that nobody has trained on. Each damage does one thing to
such images, in three strengths or so, and every metric scores the outcome. What a metric makes of undamaged
images, drawn several times, is its floor: no generator can be told from a perfect one below it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from metrics.catalogue import METRICS, plain_name
from metrics.collected import Progress
from metrics.errors import MetricError
from metrics.features import Extractor
from metrics.measured import Score
from metrics.reference import Reference
from metrics.scoring import score

UNDAMAGED = "undamaged"
"""Name of the piles that nothing is wrong with."""

FLOOR_DRAWS = 8
"""Piles of undamaged images whose scores are the floor: their spread is known to a quarter."""

NOISE_LEVELS = (4.0, 16.0, 64.0)
"""Standard deviations in grey levels."""
BLUR_SIGMAS = (0.5, 1.0, 2.0)
"""Of a Gaussian, in pixels."""
DROPPED_SHARES = (0.1, 0.3, 0.5)
"""Of the classes; at least one."""
IMBALANCES = (2.0, 4.0, 16.0)
"""How many times as often as the second half of the classes the first half is drawn."""
COPIED_SHARES = (0.05, 0.2, 1.0)
"""Of the samples, replaced by training images."""
FEWER = (0.5, 0.2, 0.05)
"""Shares of the samples that are left."""


@dataclass(frozen=True, kw_only=True)
class Damage:
    """A pile with one thing wrong with it."""

    name: str
    """What was done, such as ``"noise"``."""
    strength: str
    """How much, in words such as ``"σ = 16"``."""
    images: Tensor
    """uint8 (m, C, H, W)."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """What one metric makes of one damage."""

    damage: str
    strength: str
    metric: str
    """Qualified name."""
    value: float
    floor: float
    """Mean of the undamaged piles."""
    floor_spread: float
    """Standard deviation between undamaged piles, as if they had not been drawn from the same few images."""
    n: int
    """Samples that were scored."""

    @property
    def deviations(self) -> float:
        """How many of the floor's standard deviations worse than undamaged; below 0: it is rewarded."""
        sign = 1 if METRICS[plain_name(self.metric)].better == "lower" else -1
        worse = sign * (self.value - self.floor)
        if worse == 0:
            return 0.0
        return worse / self.floor_spread if self.floor_spread > 0 else math.copysign(math.inf, worse)


def damages(
    fresh: Tensor,
    labels: Tensor | None,
    training: Tensor,
    *,
    n: int,
    generator: torch.Generator,
) -> Iterator[Damage]:
    """Piles of n images (fewer where that is the damage), each with one thing wrong with it.

    Parameters
    ----------
    fresh
        Real images that nobody has trained on, uint8 (m, C, H, W), m ≥ n.
    labels
        Their classes, int64 (m,); None: no damage to classes.
    training
        The images that a generator would have learned from, uint8 (k, C, H, W).
    n
        Images a pile.
    generator
        Draws them, on the CPU.
    """
    drawn = torch.randperm(len(fresh), generator=generator)[:n]
    pile = fresh[drawn]
    for level in NOISE_LEVELS:
        noise = torch.randn(pile.shape, generator=generator) * level
        noisy = (pile.float() + noise).round().clamp(0, 255).to(torch.uint8)
        yield Damage(name="noise", strength=f"σ = {level:g}", images=noisy)
    for sigma in BLUR_SIGMAS:
        yield Damage(name="blur", strength=f"σ = {sigma:g} px", images=blurred(pile, sigma))
    if labels is not None:
        yield from _damages_to_classes(fresh, labels, n, generator)
    for share in COPIED_SHARES:
        copied = pile.clone()
        k = max(1, round(share * n))
        copied[:k] = training[torch.randint(len(training), (k,), generator=generator)]
        yield Damage(name="copies of training images", strength=f"{share:.0%}", images=copied)
    yield Damage(name="one image, repeated", strength=f"{n} times", images=pile[:1].expand_as(pile).clone())
    for share in FEWER:
        m = max(2, round(share * n))
        yield Damage(name="fewer samples", strength=f"{m}", images=pile[:m])


def _damages_to_classes(
    fresh: Tensor, labels: Tensor, n: int, generator: torch.Generator
) -> Iterator[Damage]:
    n_classes = int(labels.max()) + 1
    for share in DROPPED_SHARES:
        dropped = max(1, round(share * n_classes))
        if dropped < n_classes:
            weights = (labels >= dropped).double()
            yield Damage(
                name="classes dropped",
                strength=f"{dropped} of {n_classes}",
                images=fresh[_drawn(weights, n, generator)],
            )
    for ratio in IMBALANCES:
        weights = torch.where(labels < n_classes // 2, ratio, 1.0).double()
        yield Damage(
            name="classes out of balance",
            strength=f"{ratio:g} : 1",
            images=fresh[_drawn(weights, n, generator)],
        )


def _drawn(weights: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """N indices with these probabilities, none twice where there are enough."""
    enough = int((weights > 0).sum()) >= n
    return torch.multinomial(weights, n, replacement=not enough, generator=generator)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images, uint8 (n, C, H, W), convolved with a Gaussian of `sigma` pixels, their edge repeated."""
    reach = max(1, math.ceil(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = (-offsets.square() / (2 * sigma**2)).exp()
    kernel = kernel / kernel.sum()
    n, channels, height, width = images.shape
    x = images.float().reshape(n * channels, 1, height, width)
    x = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    x = F.conv2d(F.conv2d(x, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
    return x.reshape(images.shape).round().clamp(0, 255).to(torch.uint8)


def self_test(
    real: Reference,
    fresh: Tensor,
    fresh_labels: Tensor | None,
    names: Sequence[str],
    *,
    extractor: Extractor | None,
    n: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Response]:
    """Score undamaged and damaged piles of real images against a reference.

    Parameters
    ----------
    real
        The reference, with its training samples: those that copies are made of, and with none of `fresh`.
    fresh, fresh_labels
        Images that play a perfect generator's, uint8 (m, C, H, W), and their classes, int64 (m,), or None.
    names
        Which of `METRICS`.
    extractor
        For the metrics that need one.
    n
        Images a pile, fewer than m: half as many, or less, for draws that tell how much chance does.
    seed
        Of everything that is drawn.
    progress
        Told how many piles of how many are scored.

    Returns
    -------
    list of Response
        Of each damage, the real test images themselves first, each metric's; a metric that a pile is too
        small for has none.

    Raises
    ------
    MetricError
        If there are no more than n fresh images, or no training images.
    """
    if real.train is None or real.test is None:
        raise MetricError(f"a self-test needs training and test images, and '{real.name}' lacks one of them")
    if n >= len(fresh):
        raise MetricError(f"a self-test of {n} images needs more fresh ones than that, got {len(fresh)}")
    generator = torch.Generator().manual_seed(seed)
    training = real.train.fetch(torch.arange(len(real.train)))
    same = real.test.fetch(torch.randperm(real.n, generator=generator)[: min(n, real.n)])
    piles = [
        Damage(
            name=UNDAMAGED,
            strength=f"draw {i + 1}",
            images=fresh[torch.randperm(len(fresh), generator=generator)[:n]],
        )
        for i in range(FLOOR_DRAWS)
    ]
    piles.append(Damage(name="the test images themselves", strength=f"{len(same)}", images=same))
    piles.extend(damages(fresh, fresh_labels, training, n=n, generator=generator))
    scored = []
    for i, pile in enumerate(piles):
        scored.append(_scores(pile.images, real, names, extractor))
        if progress is not None:
            progress(i + 1, len(piles))
    # Draws without replacement from m images resemble one another: their variance is 1 − n / m of that
    # between independent piles.
    shared = math.sqrt(1 - n / len(fresh))
    responses = []
    for name in names:
        floors = torch.tensor([scores[name].value for scores in scored[:FLOOR_DRAWS]], dtype=torch.float64)
        responses += [
            Response(
                damage=pile.name,
                strength=pile.strength,
                metric=scores[name].metric,
                value=scores[name].value,
                floor=float(floors.mean()),
                floor_spread=float(floors.std()) / shared,
                n=len(pile.images),
            )
            for pile, scores in zip(piles, scored, strict=True)
            if name in scores
        ]
    return responses


def _scores(
    images: Tensor, real: Reference, names: Sequence[str], extractor: Extractor | None
) -> dict[str, Score]:
    """All scores, or those that so few samples allow."""
    try:
        return score(images, real, names, extractor=extractor)
    except MetricError:
        found: dict[str, Score] = {}
        for name in names:
            try:
                found.update(score(images, real, [name], extractor=extractor))
            except MetricError:
                continue
        return found
