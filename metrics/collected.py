"""One pass of an extractor over a pile: what the scores need of it, and no more."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from metrics.features import Extractor
from metrics.frechet_sampling import HalvedMoments
from metrics.piles import Pile, batches

SYSTEMATIC_ROWS = 4096
"""Rows of features that are kept of each half of any pile, drawn by position: enough for a standard error to
2 %, and at 2,048 dimensions 64 MiB in all, however many images there are."""

_CHUNK = 512  # images decoded and handed to the extractor at a time; it has a batch size of its own

Progress = Callable[[int, int], None]
"""Told how many images of how many are done."""


@dataclass(frozen=True, kw_only=True)
class Collected:
    """Of the n images of a pile; all tensors lie on the CPU."""

    halves: HalvedMoments
    """Mean and covariance of all features in float64, and what their error is estimated from."""
    features: Tensor | None
    """Of all images, float32 (n, d), if they were asked for."""
    logits: Tensor | None
    """Of all images, float32 (n, k), if they were asked for."""


def collect(
    pile: Pile,
    extractor: Extractor,
    *,
    features: bool,
    logits: bool,
    progress: Progress | None = None,
) -> Collected:
    """Extract a pile once, image by image in order.

    Without `features` and `logits`, memory is O(d²) and does not depend on the number of images.

    Parameters
    ----------
    pile
        uint8 images, n ≥ 1.
    extractor
        Sees them.
    features, logits
        Whether those of all images are kept.
    progress
        Called after each chunk of images.

    Raises
    ------
    MetricError
        If an image can't be read, or a feature is not finite.
    """
    n = len(pile)
    halves = HalvedMoments(extractor.dim, SYSTEMATIC_ROWS)
    kept_features = torch.empty(n, extractor.dim) if features else None
    kept_logits = torch.empty(n, extractor.n_logits or 0) if logits else None
    done = 0
    for images in batches(pile, _CHUNK):
        seen = extractor.extract(images)
        halves.update(seen.features)
        here = slice(done, done + len(images))
        if kept_features is not None:
            kept_features[here] = seen.features
        if kept_logits is not None:
            kept_logits[here] = seen.class_logits
        done += len(images)
        if progress is not None:
            progress(done, n)
    return Collected(halves=halves, features=kept_features, logits=kept_logits)
