"""Scores of samples whose class was asked for: is it that class, and does it look like it?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metrics.errors import MetricError
from metrics.features import Extractor
from metrics.frechet import covariance_root, frechet_to_root
from metrics.frechet_sampling import frechet_standard_error
from metrics.inception_score import inception_score
from metrics.moments import Moments
from metrics.piles import Pile


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
    images: Pile, features: Tensor, labels: Tensor, names: Sequence[str], extractor: Extractor
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
        What `extractor` made of them, float32 (n, d).
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
    means = [images.fetch(where[label]).to(torch.float64).mean(dim=0) for label in known]
    of_means = extractor.extract(torch.stack(means).round().to(torch.uint8)).features.to(torch.float64)
    classes = []
    for label, mean_image in zip(known, of_means, strict=True):
        moments = Moments.of(features[where[label]])
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


def class_frechet_error(features: Tensor, labels: Tensor, classes: Sequence[RealClass]) -> float:
    """Standard error of the mean of `class_frechet` over classes, the real images held fixed.

    The samples of the classes are independent, so the variance of their mean is the sum of the squares
    of `frechet_standard_error` over the square of their number.

    Parameters
    ----------
    features, labels, classes
        As of `class_frechet`, at least one class.

    Raises
    ------
    MetricError
        If a class has no more samples than dimensions in which its real images vary.
    """
    errors = [
        frechet_standard_error(real.mean, real.root, features[labels.to(features.device) == real.label])
        for real in classes
    ]
    return math.hypot(*errors) / len(errors)


def class_inception(probabilities: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Inception score of the samples of each asked class, as one whole set.

    From 1 (all samples of the class look like one and the same to the classifier) up: a measure of variety
    within a class, so it wants a classifier that tells more than the classes that were asked for.

    Parameters
    ----------
    probabilities
        As of `inception_score`, (n, k).
    labels
        What was asked for, int64 (n,), in 0 .. n_classes − 1.
    n_classes
        Number of classes that could be asked for, not k.

    Returns
    -------
    Tensor
        float64 (n_classes,); NaN for a class that was not asked for.

    Raises
    ------
    MetricError
        If the rows are not probabilities, or the labels do not fit.
    """
    check_labels(labels, probabilities.shape[0], n_classes, "the labels that were asked for")
    scores = torch.full((n_classes,), torch.nan, dtype=torch.float64)
    for label in range(n_classes):
        rows = probabilities[labels.to(probabilities.device) == label]
        if rows.shape[0]:
            scores[label] = inception_score(rows, 1)[0]
    return scores
