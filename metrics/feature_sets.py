"""What is asked of the features that a score is computed from."""

import torch
from torch import Tensor

from metrics.errors import MetricError


def check_features(features: Tensor, what: str, *, least: int = 1) -> None:
    """Raise MetricError unless `features` are finite floats (n, d) with n ≥ `least` and d ≥ 1."""
    if features.ndim != 2 or features.shape[1] == 0 or not features.is_floating_point():
        raise MetricError(
            f"the {what} must be floats of shape (n, d), "
            f"got {str(features.dtype).removeprefix('torch.')} of shape {tuple(features.shape)}"
        )
    if features.shape[0] < least:
        raise MetricError(f"the {what} must be at least {least} samples, got {features.shape[0]}")
    if not torch.isfinite(features).all():
        raise MetricError(f"the {what} must be finite, got NaN or infinity")


def check_same_dimension(features: Tensor, what: str, others: Tensor, what_others: str) -> None:
    """Raise MetricError unless both, each (n, d), have the same d."""
    if features.shape[1] != others.shape[1]:
        raise MetricError(
            f"the {what} and the {what_others} must have the same dimension, "
            f"got {features.shape[1]} and {others.shape[1]}"
        )


def check_both(features1: Tensor, features2: Tensor, least: int) -> None:
    """Raise MetricError unless both are finite features of one dimension, at least `least` samples each."""
    check_features(features1, "first features", least=least)
    check_features(features2, "second features", least=least)
    check_same_dimension(features1, "first features", features2, "second features")
