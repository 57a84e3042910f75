"""Scores of features and class probabilities, with what a reader must know about them."""

import math

import numpy as np
import torch

from metrics.class_words import classes_in_words
from metrics.conditions import SHUFFLE_SEED
from metrics.evaluation import Evaluation
from metrics.frechet_infinity import frechet_infinity
from metrics.frechet_sampling import frechet_estimate
from metrics.inception_score import inception_score, inception_score_error
from metrics.kernel import cmmd, kernel_distance
from metrics.kernel_subsets import kernel_distance_subsets
from metrics.measured import Score, measured
from metrics.memorisation import copied_images, memorisation
from metrics.piles import batches, whole
from metrics.protocol import Protocol

_CHUNK = 4096  # training images fetched at a time


def fid_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`frechet_distance` of the features, with what a finite number of samples does to it.

    Details: ``debiased``, for infinitely many generated samples against the same reference, its standard
    error ``debiased_error`` and its 95 % interval, ``low_95`` to ``high_95``, where there are enough samples.
    """
    extractor, real = evaluation.extractor, evaluation.real
    estimate = frechet_estimate(
        real.statistics(extractor).mean, real.covariance_root(extractor), evaluation.collected.halves
    )
    details = {}
    if (
        estimate.debiased is not None
        and estimate.standard_error is not None
        and estimate.interval is not None
    ):
        low, high = estimate.interval
        details = {
            "debiased": estimate.debiased,
            "debiased_error": estimate.standard_error,
            "low_95": low,
            "high_95": high,
        }
    return measured(
        protocol,
        value=estimate.value,
        unit="squared feature units",
        uncertainty=estimate.value_error,
        uncertainty_kind="none: too few samples for one"
        if estimate.value_error is None
        else "standard error (delta method) over generated samples, reference held fixed",
        details=details,
        warnings=(
            *_few_for_covariance("fid", evaluation),
            *(() if estimate.warning is None else (estimate.warning,)),
        ),
    )


def _few_for_covariance(name: str, evaluation: Evaluation) -> tuple[str, ...]:
    dim = evaluation.extractor.dim
    return tuple(
        f"{name} of {n} {which} samples in {dim} feature dimensions: the covariance is singular and the "
        "distance biased upwards"
        for n, which in (
            (evaluation.fake.shape[0], "generated"),
            (evaluation.real.n, "real"),
        )
        if 0 < n <= dim
    )


def fid_infinity_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`frechet_infinity`; details: ``slope``, and ``fid_at_<n>`` of each size that the line is fitted to."""
    extractor, real = evaluation.extractor, evaluation.real
    extrapolated = frechet_infinity(
        real.statistics(extractor).mean, real.covariance_root(extractor), evaluation.features
    )
    return measured(
        protocol,
        value=extrapolated.value,
        unit="squared feature units",
        uncertainty=extrapolated.standard_error,
        uncertainty_kind="standard error (delta method) over generated samples, reference held fixed",
        details={"slope": extrapolated.slope}
        | {
            f"fid_at_{n}": distance
            for n, distance in zip(extrapolated.sizes, extrapolated.distances, strict=True)
        },
        warnings=_few_for_covariance("fid_infinity", evaluation),
    )


def is_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`inception_score` after a fixed shuffle, so that a pile sorted by class scores as any other.

    The shuffle is torch-fidelity's. Details: ``whole_set``, the score without splits, and its standard
    error.
    """
    probabilities = evaluation.probabilities
    splits = evaluation.convention.is_splits
    # The original takes splits in the order of the samples, which is wrong by factors where they
    # are sorted by class. The shuffle is always the same, so the same pile always scores the same.
    order = np.random.RandomState(SHUFFLE_SEED).permutation(probabilities.shape[0])
    value, deviation = inception_score(probabilities[torch.from_numpy(order)], splits)
    whole_set, _ = inception_score(probabilities, 1)
    return measured(
        protocol,
        value=value,
        unit="effective classes",
        uncertainty=deviation,
        uncertainty_kind=f"standard deviation over {splits} splits",
        details={"whole_set": whole_set, "whole_set_error": inception_score_error(probabilities)},
    )


def min_class_share_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """Smallest share of any class among the generated samples, by the extractor's most likely class.

    Uncertainty: binomial standard error; details: ``share_<class name>``.
    """
    names = evaluation.extractor.class_names or ()
    logits = evaluation.logits
    n = logits.shape[0]
    shares = torch.bincount(logits.argmax(dim=1), minlength=len(names)).to(torch.float64) / n
    smallest = float(shares.min())
    missing = [name for name, s in zip(names, shares, strict=True) if s == 0]
    return measured(
        protocol,
        value=smallest,
        unit="share of samples",
        uncertainty=math.sqrt(smallest * (1 - smallest) / n),
        uncertainty_kind="binomial standard error",
        details={f"share_{name}": float(s) for name, s in zip(names, shares, strict=True)},
        warnings=(f"none of {n} generated samples is of {classes_in_words(missing)}",) if missing else (),
    )


def kid_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`kernel_distance`, or the mean over subsets that a named protocol asks for."""
    real, fake = evaluation.real.features(evaluation.extractor), evaluation.features
    subsets = evaluation.convention.kid_subsets
    if subsets is None:
        value, error = kernel_distance(real, fake)
        kind = "standard error over both sets of samples"
    else:
        number, size = subsets
        # torch-fidelity draws from the generated pile first.
        drawn = kernel_distance_subsets(fake, real, subsets=number, size=size, seed=SHUFFLE_SEED)
        value, error = drawn.mean, drawn.std
        kind = f"standard deviation over {number} subsets of {size}, not a standard error"
    return measured(
        protocol, value=value, unit="squared kernel units", uncertainty=error, uncertainty_kind=kind
    )


def cmmd_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`cmmd`; details: ``unbiased``."""
    found = cmmd(evaluation.real.features(evaluation.extractor), evaluation.features)
    return measured(
        protocol,
        value=found.value,
        unit="1000 × MMD²",
        uncertainty=found.standard_error,
        uncertainty_kind="standard error over both sets of samples",
        details={"unbiased": found.unbiased},
    )


def precision_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`prdc`'s precision."""
    return _manifold_score(evaluation, protocol, "precision")


def recall_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`prdc`'s recall."""
    return _manifold_score(evaluation, protocol, "recall")


def density_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`prdc`'s density."""
    return _manifold_score(evaluation, protocol, "density")


def coverage_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`prdc`'s coverage."""
    return _manifold_score(evaluation, protocol, "coverage")


def _manifold_score(evaluation: Evaluation, protocol: Protocol, which: str) -> Score:
    found = evaluation.prdc
    over = "generated" if which in ("precision", "density") else "real"
    return measured(
        protocol,
        value=getattr(found, which),
        unit={
            "density": "balls over k",
            "recall": "share of real images",
            "coverage": "share of real images",
        }.get(which, "share of samples"),
        uncertainty=getattr(found, f"{which}_error"),
        uncertainty_kind=f"standard error over {over} samples, the other set held fixed",
    )


def memorisation_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`memorisation`: are generated images nearer to training images than held-out ones are?"""
    extractor, real = evaluation.extractor, evaluation.real
    found = memorisation(evaluation.features, real.train_features(extractor), real.features(extractor))
    assert real.train is not None, "memorisation is refused without training samples"
    copies = copied_images(whole(evaluation.fake), batches(real.train, _CHUNK))
    return measured(
        protocol,
        value=found.copied_share,
        unit="share of samples",
        uncertainty=found.standard_error,
        uncertainty_kind="standard error over generated and held-out samples",
        details={
            "p_value": found.p_value,
            "closer_probability": found.closer_probability,
            "closer_p_value": found.closer_p_value,
            "identical": copies.identical,
            "mirrored": copies.mirrored,
        },
        warnings=(
            (f"{copies.identical:.2%} of the generated images are training images, byte for byte",)
            if copies.identical > 0
            else ()
        ),
    )
