"""Has a generator memorised? Do its samples lie closer to the training data than unseen real data do?"""

import hashlib
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from metrics.distances import Comparison, RoundedSets
from metrics.errors import MetricError
from metrics.feature_sets import check_features, check_same_dimension

CLOSE = 0.01
"""A generated sample is close to the training data if it is closer than all but this share of held-out
ones."""

# The threshold is a quantile of the held-out distances: below 99 of them even the smallest is too large for
# 1 %.
_LEAST_HELD_OUT = 99

# A standard error over generated samples.
_LEAST_GENERATED = 2


class Memorisation(NamedTuple):
    """How much closer generated samples lie to the training data than held-out real ones."""

    copied_share: float
    """The value: estimated share of generated samples that are copies or nearly; 0 if there are none, 1 if
    all are, and slightly negative by chance."""
    standard_error: float
    """Of `copied_share`."""
    p_value: float
    """Of `copied_share`, one-sided: how often samples as novel as held-out ones would show so many."""
    closer_probability: float
    """That a generated sample lies closer to its nearest training sample than a held-out one does to its own:
    ½ for samples as novel, 1 for copies, 0 for samples far from all data."""
    closer_standard_error: float
    """Of `closer_probability`."""
    closer_p_value: float
    """Of `closer_probability` against ½, one-sided."""
    threshold: float
    """The distance up to which a generated sample counts as close, in the features' units."""


class Copies(NamedTuple):
    """Shares of generated images that are training images."""

    identical: float
    """Byte for byte."""
    mirrored: float
    """Only after an exchange of left and right."""


def memorisation(generated: Tensor, training: Tensor, held_out: Tensor) -> Memorisation:
    """Nearest-training-neighbour test for copied training data.

    Let t be the distance of a sample to its nearest training sample. Held-out real samples show which t is to
    be expected of novel ones, whatever the dimension and however dense the training data are.

    `copied_share`, the value: let the threshold be the ⌊.01 (m + 1)⌋-th smallest t of the m held-out
    samples, r of which are at most as large (more than that only where distances are equal, as of held-out
    samples that are copies themselves), and c the share of generated samples with such a t. Novel samples
    have one with probability q = r / (m + 1), copies nearly always, hence (c − q) / (1 − q). A few copies
    among many novel samples, or among many bad ones, show in this tail and nowhere else. The number of
    close samples of a generator that draws from the data's distribution is beta-binomial, which gives the
    p-value, exactly where no distances are equal. The standard error is

        √(c (1 − c) / n + q (1 − q) / (m + 2)) / (1 − q),

    the second term being the threshold's own.

    `closer_probability` is the statistic of Meehan et al. 2020 ("A non-parametric test to detect
    data-copying in generative models", arXiv 2004.05675, section 3.1, there for samples that are farther):
    the Mann–Whitney probability P(t_generated < t_held-out) + ½ P(equal), with the standard error of DeLong
    et al. (1988), which holds whether or not the two are alike, and the p-value of the Mann–Whitney test
    with ties. It sees a whole generator that keeps slightly too close, but not a few copies; and bad
    samples hide it.

    In both, the training set counts as given. Distances are exact: a copy's is 0.

    Parameters
    ----------
    generated
        Features (or flattened pixels) of generated samples, any float dtype, (n, d), n ≥ 2.
    training
        Of the samples that the generator was trained on, (l, d).
    held_out
        Of real samples that it was not trained on, drawn like them, (m, d), m ≥ 99.

    Returns
    -------
    Memorisation
        The share, and details.

    Raises
    ------
    MetricError
        If features are too few, of different dimension or not finite.
    """
    check_features(generated, "generated features", least=_LEAST_GENERATED)
    check_features(training, "training features")
    check_features(held_out, "held-out features", least=_LEAST_HELD_OUT)
    for features, what in ((training, "training features"), (held_out, "held-out features")):
        check_same_dimension(generated, "generated features", features, what)
    rounded = RoundedSets(training, generated, held_out)
    ours = Comparison(rounded, 1, 0).kth_nearest(1).cpu()
    theirs = Comparison(rounded, 2, 0).kth_nearest(1).cpu()
    n, m = len(ours), len(theirs)
    threshold = float(theirs.kthvalue(math.floor(CLOSE * (m + 1))).values)
    r = int((theirs <= threshold).sum())
    q = r / (m + 1)
    close = int((ours <= threshold).sum())
    share = close / n
    probability, error, p_value = _mann_whitney(ours, theirs)
    return Memorisation(
        copied_share=(share - q) / (1 - q),
        standard_error=math.sqrt(share * (1 - share) / n + q * (1 - q) / (m + 2)) / (1 - q),
        p_value=float(stats.betabinom.sf(close - 1, n, r, m + 1 - r)),
        closer_probability=probability,
        closer_standard_error=error,
        closer_p_value=p_value,
        threshold=threshold,
    )


def _mann_whitney(ours: Tensor, theirs: Tensor) -> tuple[float, float, float]:
    """P(ours < theirs) + ½ P(equal), DeLong's standard error, and the one-sided p-value against ½."""
    n, m = len(ours), len(theirs)
    # For each sample, the share of the other kind on the far side of it, equal ones counted half.
    farther = 1 - _placement(ours, theirs)
    nearer = _placement(theirs, ours)
    probability = float(farther.mean())
    error = math.sqrt(float(farther.var()) / n + float(nearer.var()) / m)
    _, sizes = torch.unique(torch.cat((ours, theirs)), return_counts=True)
    total = n + m
    ties = float((sizes.double().pow(3) - sizes).sum()) / (total * (total - 1))
    null_error = math.sqrt(max(0.0, total + 1 - ties) / (12 * n * m))
    p_value = float(stats.norm.sf((probability - 0.5) / null_error)) if null_error > 0 else 1.0
    return probability, error, p_value


def _placement(values: Tensor, among: Tensor) -> Tensor:
    """Share of `among` below each value, equal ones counted half, float64."""
    order = among.sort().values
    below = torch.searchsorted(order, values, right=False)
    at_most = torch.searchsorted(order, values, right=True)
    return (below + at_most).double() / (2 * len(among))


def copied_images(generated: Tensor, training: Tensor | Iterable[Tensor]) -> Copies:
    """Share of generated images that are one of the training images, as they are or mirrored.

    Parameters
    ----------
    generated
        uint8 (n, C, H, W), n ≥ 1.
    training
        uint8 (l, C, H, W): one tensor, or tensors to be read one after another, for data that do not fit in
        memory.

    Returns
    -------
    Copies
        The two shares, of which no image counts in both.

    Raises
    ------
    MetricError
        If either is anything else.
    """
    known: set[bytes] = set()
    _check_images(generated, generated.shape, "generated images")
    for chunk in (training,) if isinstance(training, Tensor) else training:
        _check_images(chunk, generated.shape, "training images")
        known.update(_fingerprints(chunk))
    if not known:
        raise MetricError("there is no training image that could have been copied")
    as_they_are = np.fromiter((image in known for image in _fingerprints(generated)), dtype=bool)
    mirrored = np.fromiter((image in known for image in _fingerprints(generated.flip(3))), dtype=bool)
    return Copies(float(as_they_are.mean()), float((mirrored & ~as_they_are).mean()))


def _fingerprints(images: Tensor) -> Iterable[bytes]:
    # 128 bits: among 10⁹ images two of one fingerprint are as likely as 10⁻²¹.
    for image in images:
        yield hashlib.blake2b(image.cpu().contiguous().numpy().tobytes(), digest_size=16).digest()


def _check_images(images: Tensor, like: torch.Size, what: str) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or 0 in images.shape or images.shape[1:] != like[1:]:
        shape = f"(n, {', '.join(map(str, like[1:]))})" if len(like) == 4 else "(n, C, H, W)"
        raise MetricError(
            f"the {what} must be uint8 of shape {shape} with n ≥ 1, "
            f"got {str(images.dtype).removeprefix('torch.')} of shape {tuple(images.shape)}"
        )
