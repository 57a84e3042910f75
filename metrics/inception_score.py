"""Inception score of class probabilities, and its standard error."""

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
    p = _checked(probabilities)
    n = p.shape[0]
    if splits < 1 or n < splits:
        raise MetricError(
            f"an Inception score over {splits} splits needs at least 1 split and 1 sample in each, "
            f"got {n} samples"
        )
    scores = [_divergences(p[i * n // splits : (i + 1) * n // splits]).mean().exp() for i in range(splits)]
    stacked = torch.stack(scores)
    return float(stacked.mean()), float(stacked.std(correction=0))


def inception_score_error(probabilities: Tensor) -> float:
    """Standard error of the score of the whole set, ``inception_score(probabilities, 1)``.

    With S = exp(E KL(p ‖ p̄)), one sample more moves log S by KL(p ‖ p̄) − log S: that p̄ moves, too,
    changes nothing to first order, p̄ being what minimises E KL(p ‖ ·). So the standard error is S times
    the standard deviation of the divergences over √n. The score's bias, which is downwards and falls as
    1/n, is not in it.

    Parameters
    ----------
    probabilities
        As of `inception_score`, n ≥ 2.

    Raises
    ------
    MetricError
        If there are fewer than 2 samples, or the rows are not probabilities.
    """
    p = _checked(probabilities)
    if p.shape[0] < 2:
        raise MetricError(f"the error of an Inception score needs at least 2 samples, got {p.shape[0]}")
    divergences = _divergences(p)
    return float(divergences.mean().exp() * divergences.std() / p.shape[0] ** 0.5)


def _divergences(p: Tensor) -> Tensor:
    """KL(p(y|x) ‖ p(y)) of each row in nats, p(y) being the mean row."""
    # xlogy is 0 where p is 0, and p is 0 wherever the marginal is.
    return (torch.xlogy(p, p) - torch.xlogy(p, p.mean(dim=0, keepdim=True))).sum(dim=1)


def _checked(probabilities: Tensor) -> Tensor:
    """The probabilities as float64, or MetricError."""
    if probabilities.ndim != 2 or not probabilities.is_floating_point():
        raise MetricError(
            "probabilities must be floats of shape (n, k), "
            f"got {probabilities.dtype} of shape {tuple(probabilities.shape)}"
        )
    p = probabilities.to(torch.float64)
    if 0 in p.shape:
        return p
    off = (p.sum(dim=1) - 1).abs().max()
    # Written so that a NaN fails it too.
    if not (p.min() >= 0 and off <= _SUM_TOLERANCE):
        raise MetricError(
            f"each row must hold probabilities that sum to 1, got values from {float(p.min()):.3g} "
            f"and a sum that is off by {float(off):.3g} (are these logits or features?)"
        )
    return p
