"""Scores of samples whose class was asked for: is it that class, and does it look like it?"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metrics.errors import MetricError
from metrics.features import Extractor, Features
from metrics.frechet import bootstrap_frechet, covariance_root, frechet_to_root
from metrics.moments import Moments


@dataclass(frozen=True, kw_only=True)
class RealClass:
    """What the Fréchet distances of one class need to know of its real images."""

    name: str
    label: int
    n: int
    """Number of real images."""
    mean: Tensor
    """Of their features, float64 (d,)."""
    root: Tensor
    """`covariance_root` of their features, float64 (d, d)."""
    mean_image_distance: float
    """Fréchet distance of their mean image, repeated, in squared feature units."""


def check_labels(labels: Tensor, n: int, n_classes: int, what: str) -> None:
    """Raise MetricError unless `labels` is int64 (n,) in 0 .. n_classes − 1."""
    if labels.dtype != torch.int64 or labels.shape != (n,):
        raise MetricError(
            f"{what} must be int64 of shape ({n},), got {labels.dtype} of shape {tuple(labels.shape)}"
        )
    if n and not (int(labels.min()) >= 0 and int(labels.max()) < n_classes):
        raise MetricError(
            f"{what} must lie in 0 .. {n_classes - 1}, got {int(labels.min())} .. {int(labels.max())}"
        )


def class_agreement(logits: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """Share of samples whose most likely class is the one that was asked for.

    Odena et al. (ACGAN, arXiv 1610.09585) measure so whether the classes of a generator can be told.

    Parameters
    ----------
    logits
        Of a classifier on the samples, (n, k), n ≥ 1, finite.
    labels
        What was asked for, int64 (n,), in 0 .. k − 1.

    Returns
    -------
    tuple
        The share, and the share in each class, float64 (k,): NaN for one that was not asked for.

    Raises
    ------
    MetricError
        If a logit is not finite, or the labels do not fit.
    """
    if not torch.isfinite(logits).all():
        raise MetricError("the classifier gave logits that are not finite")
    check_labels(labels, logits.shape[0], logits.shape[1], "the labels that were asked for")
    right = logits.argmax(dim=1).cpu() == labels.cpu()
    asked = torch.bincount(labels.cpu(), minlength=logits.shape[1]).to(torch.float64)
    agreeing = torch.bincount(labels.cpu()[right], minlength=logits.shape[1]).to(torch.float64)
    return float(right.to(torch.float64).mean()), agreeing / asked


def real_classes(
    images: Tensor, features: Features, labels: Tensor, names: Sequence[str], extractor: Extractor
) -> tuple[RealClass, ...]:
    """Statistics of each class that has at least 2 real images, a covariance needing so many.

    A mean image is that of the very images that it is compared with, rounded to whole grey levels:
    the mean of the training images would be a little further away, and easier to beat. Repeated, it has a
    covariance of zero, so its distance is ‖f − μ‖² + tr Σ.

    Parameters
    ----------
    images
        uint8 (n, C, H, W).
    features
        What `extractor` made of them.
    labels
        int64 (n,), in 0 .. len(names) − 1.
    names
        Of the classes.
    extractor
        Sees the mean images, too.
    """
    where = [labels.cpu().eq(label).nonzero().squeeze(1) for label in range(len(names))]
    known = [label for label, rows in enumerate(where) if rows.shape[0] >= 2]
    if not known:
        return ()
    means = [images[where[label].to(images.device)].to(torch.float64).mean(dim=0) for label in known]
    of_means = extractor.extract(torch.stack(means).round().to(torch.uint8)).features.to(torch.float64)
    classes = []
    for label, mean_image in zip(known, of_means, strict=True):
        moments = Moments.of(features.features[where[label]])
        root = covariance_root(moments.covariance)
        # tr Σ = ‖Σ^½‖²
        distance = (mean_image - moments.mean).square().sum() + root.square().sum()
        classes.append(
            RealClass(
                name=names[label],
                label=label,
                n=moments.n,
                mean=moments.mean,
                root=root,
                mean_image_distance=float(distance),
            )
        )
    return tuple(classes)


def class_frechet(features: Tensor, labels: Tensor, classes: Sequence[RealClass]) -> Tensor:
    """Fréchet distance of the samples of each class from its real images.

    The intra FID of Miyato & Koyama (arXiv 1802.05637): `frechet_distance` within each class. An FID
    of all classes together does not notice classes that are swapped.

    Parameters
    ----------
    features
        Of the generated samples, any float dtype, (n, d).
    labels
        What was asked for, int64 (n,).
    classes
        The real ones.

    Returns
    -------
    Tensor
        float64, one a class of `classes`, squared feature units; NaN for fewer than 2 samples.
    """
    distances = torch.full((len(classes),), torch.nan, dtype=torch.float64)
    for i, real in enumerate(classes):
        rows = features[labels.to(features.device) == real.label]
        if rows.shape[0] >= 2:
            generated = Moments.of(rows)
            distances[i] = frechet_to_root(real.mean, real.root, generated.mean, generated.covariance)
    return distances


def bootstrap_class_frechet(
    features: Tensor,
    labels: Tensor,
    classes: Sequence[RealClass],
    *,
    resamples: int,
    generator: torch.Generator,
) -> float:
    """Standard deviation of the mean of `class_frechet` over classes, by resampling within each.

    The classes are resampled one independently of the other, so the variance of their mean is the sum
    of their variances over the square of their number. Each has 1 + ⌈resamples / classes⌉ resamples (at
    least 2): together at least `resamples` degrees of freedom, however many classes there are.

    Parameters
    ----------
    features, labels, classes
        As of `class_frechet`, at least 2 samples a class.
    resamples
        In all classes together.
    generator
        Draws the rows.
    """
    each = 1 + max(1, -(-resamples // len(classes)))
    variance = 0.0
    for real in classes:
        rows = features[labels.to(features.device) == real.label]
        drawn = bootstrap_frechet(rows, real.mean, real.root, resamples=each, generator=generator)
        variance += float(drawn.var())
    return variance**0.5 / len(classes)
