"""Inception score of class probabilities."""

import torch
from torch import Tensor

from metrics.errors import MetricError

# float32 softmax over a thousand classes sums to 1 within 1e-5; logits and features passed by
# mistake, which give a plausible number without this check, are off by far more.
_SUM_TOLERANCE = 1e-3


def inception_score(probabilities: Tensor, splits: int) -> tuple[float, float]:
    """Mean and standard deviation over splits of exp(E_x KL(p(y|x) ‖ p(y))).

    As in the original (Salimans et al. 2016, arXiv 1606.03498, section 4, and its code): split i
    holds the contiguous samples i·n // splits to (i + 1)·n // splits, p(y) is the mean over the
    split, and the standard deviation divides by the number of splits (ddof 0). It describes the
    splits and is not a standard error of the mean. Samples sorted by class give a score that is
    wrong by factors: shuffle them first.

    Parameters
    ----------
    probabilities
        p(y|x): any float dtype, (n, k), rows that sum to 1; converted to float64.
    splits
        Number of splits, from 1 to n; the original uses 10.

    Returns
    -------
    tuple of float
        Mean, from 1 to k, and standard deviation.

    Raises
    ------
    MetricError
        If there are fewer samples than splits, or the rows are not probabilities.
    """
    if probabilities.ndim != 2 or not probabilities.is_floating_point():
        raise MetricError(
            "probabilities must be floats of shape (n, k), "
            f"got {probabilities.dtype} of shape {tuple(probabilities.shape)}"
        )
    n = probabilities.shape[0]
    if splits < 1 or n < splits:
        raise MetricError(
            f"an Inception score over {splits} splits needs at least 1 split and 1 sample in each, "
            f"got {n} samples"
        )
    p = probabilities.to(torch.float64)
    off = (p.sum(dim=1) - 1).abs().max()
    # Written so that a NaN fails it too.
    if not (p.min() >= 0 and off <= _SUM_TOLERANCE):
        raise MetricError(
            f"each row must hold probabilities that sum to 1, got values from {float(p.min()):.3g} "
            f"and a sum that is off by {float(off):.3g} (are these logits or features?)"
        )
    scores = []
    for i in range(splits):
        part = p[i * n // splits : (i + 1) * n // splits]
        marginal = part.mean(dim=0, keepdim=True)
        # xlogy is 0 where p is 0, and p is 0 wherever the marginal is.
        divergence = (torch.xlogy(part, part) - torch.xlogy(part, marginal)).sum(dim=1)
        scores.append(divergence.mean().exp())
    stacked = torch.stack(scores)
    return float(stacked.mean()), float(stacked.std(correction=0))
