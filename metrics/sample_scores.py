"""Scores of samples themselves, without an extractor: Parzen windows and modes."""

import math

from metrics.conditions import n_sigma_samples
from metrics.evaluation import Evaluation
from metrics.generated import flat
from metrics.measured import Score, measured
from metrics.modes import high_quality_share, mode_kl, modes_captured
from metrics.parzen import parzen_log_likelihood
from metrics.piles import whole
from metrics.protocol import Protocol

_MODES_LISTED = 100
"""The counts of stacked images' thousand modes would be 25 kB in the row of each evaluation."""


def parzen_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """Mean of `parzen_log_likelihood` over all test samples, σ chosen on validation samples.

    Details: ``sigma``, and for each σ of the grid ``validation_at_<σ>``: the
    `sigma_curve`, in nats, highest at the σ that was chosen.
    """
    real, grid = evaluation.real, evaluation.convention.sigma_grid
    generated = evaluation.generated.rows
    assert real.test is not None, "parzen is refused of statistics"
    assert real.validation is not None, "parzen is refused without validation samples"
    curve = evaluation.generated.sigma_curve(real.validation, n_sigma_samples(real), grid)
    sigma = float(grid[int(curve.argmax())])
    likelihoods = parzen_log_likelihood(flat(whole(real.test), generated.device), generated, sigma)
    return measured(
        protocol,
        value=float(likelihoods.mean()),
        unit="nats",
        uncertainty=float(likelihoods.std(correction=0)) / math.sqrt(likelihoods.shape[0]),
        uncertainty_kind="standard error over test samples",
        details={"sigma": sigma}
        | {f"validation_at_{tried:g}": value for tried, value in zip(grid, curve.tolist(), strict=True)},
        warnings=(
            (f"parzen chose σ = {sigma:g}, the edge of its grid: a better σ may lie beyond it",)
            if sigma in (grid[0], grid[-1])
            else ()
        ),
    )


def modes_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`modes_captured`, a count; details, of up to 100 modes: ``samples_of_mode_<number>``."""
    counts = evaluation.mode_counts
    listed = counts.tolist() if len(counts) <= _MODES_LISTED else []
    return measured(
        protocol,
        value=float(modes_captured(counts)),
        unit="modes",
        uncertainty=None,
        uncertainty_kind="none: a count",
        details={f"samples_of_mode_{i}": n for i, n in enumerate(listed)},
    )


def high_quality_share_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`high_quality_share` with its binomial standard error."""
    share, error = high_quality_share(evaluation.mode_counts, protocol.n_fake)
    return measured(
        protocol,
        value=share,
        unit="share of samples",
        uncertainty=error,
        uncertainty_kind="binomial standard error",
    )


def mode_kl_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`mode_kl`; NaN, with a warning, if no sample belongs to a mode."""
    divergence, error = mode_kl(evaluation.mode_counts)
    defined = math.isfinite(divergence)
    return measured(
        protocol,
        value=divergence,
        unit="nats",
        uncertainty=error if defined else None,
        uncertainty_kind="standard error over generated samples",
        warnings=() if defined else ("no sample is within 3 σ of a mode, so mode_kl is not defined",),
    )
