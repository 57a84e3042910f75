"""One pass over a pile of generated samples, and every score that was asked for."""

import math
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor

from metrics.catalogue import (
    INCEPTION_SPLITS,
    METRICS,
    check_names,
    known_modes,
    protocol_of,
    required_extractor,
    sigma_samples,
)
from metrics.class_scores import check_labels
from metrics.conditional_scores import class_agreement_score, class_fid_score
from metrics.errors import MetricError
from metrics.features import Extractor, Features
from metrics.frechet import bootstrap_frechet, frechet_to_root
from metrics.inception_score import inception_score
from metrics.measured import Score, measured
from metrics.modes import high_quality_share, mode_counts, mode_kl, modes_captured
from metrics.moments import Moments
from metrics.parzen import GOODFELLOW_GRID, parzen_log_likelihood, select_sigma
from metrics.protocol import Protocol
from metrics.reference import Reference, check_same_kind, check_samples

_RESAMPLES = 50


def score(
    fake: Tensor,
    real: Reference,
    names: Iterable[str],
    *,
    labels: Tensor | None = None,
    extractor: Extractor | None = None,
    generator: torch.Generator,
    samples: str = "unspecified",
    asked: str = "unspecified",
) -> dict[str, Score]:
    """Score a pile of generated samples against a reference, with one feature pass over it.

    fid
        `frechet_distance` of the features; uncertainty: standard deviation over 50 bootstrap
        resamples of the generated features, the reference held fixed.
    is
        `inception_score` over 10 splits, after a fixed shuffle, so that a pile sorted by class
        scores as any other; uncertainty: standard deviation over the splits; details:
        ``whole_set``, the score without splits.
    parzen
        Mean of `parzen_log_likelihood` over all test samples, images scaled to [0, 1]; σ from
        `GOODFELLOW_GRID` by the first 1,000 validation samples; uncertainty: standard error over
        test samples, std (ddof 0) / √n; details: ``sigma``.
    min_class_share
        Smallest share of any class among the generated samples, by the extractor's most likely
        class; uncertainty: binomial standard error; details: ``share_<class name>``.
    class_agreement
        Share of samples whose most likely class is the one asked for; uncertainty: binomial standard
        error; details: ``agreement_<class name>``.
    class_fid
        Mean of `class_frechet` over the classes with at least 2 test images; NaN, with a warning, if
        one of them has fewer than 2 samples; uncertainty: standard deviation over bootstrap resamples
        within each class; details: ``fid_<class name>`` and, to be compared with it,
        ``mean_image_fid_<class name>``: that of the mean of the class's test images, repeated.
    modes
        `modes_captured`; details: ``samples_of_mode_<i>``, those of high quality.
    high_quality_share
        `high_quality_share`; uncertainty: binomial standard error.
    mode_kl
        `mode_kl`; NaN, with a warning, if no sample is of high quality; uncertainty: standard error.

    Parameters
    ----------
    fake
        Generated: uint8 (N, C, H, W) or float32 (N, 2), each sample shaped as the reference's.
    real
        The real pile; it keeps what was computed on it for the next call.
    names
        Which of `METRICS`.
    labels
        The class that each generated sample was asked for, int64 (N,), counted as the reference's
        and the extractor's classes are; for class_agreement and class_fid.
    extractor
        For the metrics that need one.
    generator
        Draws the bootstrap resamples of fid and class_fid, for each from the state that it comes in;
        nothing else is random.
    samples
        How `fake` was drawn, in words; goes into the protocol.
    asked
        How `labels` were chosen, in words; goes into the protocol of the scores that need them.

    Returns
    -------
    dict
        One `Score` for each name, under the name as given in `names` (``"fid"``).

    Raises
    ------
    MetricError
        If a metric is unknown, or one can't be computed from these: no metric is computed then.
    """
    names = tuple(names)
    check_names(names)
    check_samples(fake, "the generated samples")
    check_same_kind(fake, real.test, "the generated samples")
    # All protocols first: what is missing is known before minutes are spent on features.
    protocols = {
        name: protocol_of(
            name,
            reference=real,
            n_fake=fake.shape[0],
            extractor=extractor,
            samples=samples,
            asked=asked,
        )
        for name in names
    }
    classes = _asked_classes(names, labels, fake.shape[0], real, extractor)
    scores: dict[str, Score] = {}
    features: Features | None = None
    start = generator.get_state()
    for name, protocol in protocols.items():
        if name == "parzen":
            scores[name] = _parzen(fake, real, protocol)
            continue
        if "modes" in METRICS[name].needs:
            scores[name] = _modes(mode_counts(fake, known_modes(name, real)), protocol)
            continue
        network = required_extractor(name, extractor)
        if features is None:
            features = network.extract(fake)
        generator.set_state(start)  # a score must not depend on which others are asked for
        if name == "fid":
            scores[name] = _fid(features, real, network, generator, protocol)
        elif name == "is":
            scores[name] = _inception(features, protocol)
        elif name == "min_class_share":
            scores[name] = _min_class_share(features, network, protocol)
        elif name == "class_agreement":
            scores[name] = class_agreement_score(features, classes, network, protocol)
        elif name == "class_fid":
            scores[name] = class_fid_score(
                features, classes, real, network, resamples=_RESAMPLES, generator=generator, protocol=protocol
            )
        if network.caveat is not None:
            scores[name] = replace(scores[name], warnings=(*scores[name].warnings, network.caveat))
    return scores


def _asked_classes(
    names: tuple[str, ...], labels: Tensor | None, n: int, real: Reference, extractor: Extractor | None
) -> Tensor:
    """The labels on the CPU, checked if a metric needs them; none at all if no metric does."""
    asking = [name for name in names if "asked_classes" in METRICS[name].needs]
    if not asking:
        return torch.empty(0, dtype=torch.int64)
    if labels is None:
        raise MetricError(f"{asking[0]} needs the class that each sample was asked for, and got no labels")
    classes = (extractor.class_names if extractor is not None else None) or real.class_names or ()
    check_labels(labels, n, len(classes), "the labels that were asked for")
    return labels.cpu()


def _fid(
    fake: Features,
    real: Reference,
    extractor: Extractor,
    generator: torch.Generator,
    protocol: Protocol,
) -> Score:
    reference = real.moments(extractor)
    root = real.covariance_root(extractor)
    generated = Moments.of(fake.features)
    resampled = bootstrap_frechet(
        fake.features,
        reference.mean,
        root,
        resamples=_RESAMPLES,
        generator=generator,
    )
    return measured(
        protocol,
        value=frechet_to_root(reference.mean, root, generated.mean, generated.covariance),
        unit="squared feature units",
        uncertainty=float(resampled.std()),
        uncertainty_kind=(
            f"standard deviation over {_RESAMPLES} bootstrap resamples of the generated features, "
            "reference held fixed"
        ),
        warnings=tuple(
            f"fid of {n} {which} samples in {extractor.dim} feature dimensions: the covariance is "
            "singular and the distance biased upwards"
            for n, which in ((generated.n, "generated"), (reference.n, "real"))
            if n <= extractor.dim
        ),
    )


def _inception(fake: Features, protocol: Protocol) -> Score:
    probabilities = fake.logits.to(torch.float64).softmax(dim=1)
    n = probabilities.shape[0]
    # The original takes splits in the order of the samples, which is wrong by factors where they
    # are sorted by class. The shuffle is always the same, so the score is a function of the pile.
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    value, deviation = inception_score(probabilities[order], INCEPTION_SPLITS)
    whole_set, _ = inception_score(probabilities, 1)
    return measured(
        protocol,
        value=value,
        unit="effective classes",
        uncertainty=deviation,
        uncertainty_kind=f"standard deviation over {INCEPTION_SPLITS} splits",
        details={"whole_set": whole_set},
    )


def _parzen(fake: Tensor, real: Reference, protocol: Protocol) -> Score:
    # Where the samples lie, unless that device has no float64 (Apple's).
    device = fake.device if fake.device.type == "cuda" else torch.device("cpu")
    generated = _flat(fake, device)
    sigma = select_sigma(_flat(sigma_samples(real), device), generated, GOODFELLOW_GRID)
    likelihoods = parzen_log_likelihood(_flat(real.test, device), generated, sigma)
    warnings: tuple[str, ...] = ()
    if sigma in (GOODFELLOW_GRID[0], GOODFELLOW_GRID[-1]):
        warnings = (f"parzen chose σ = {sigma:g}, the edge of its grid: a better σ may lie beyond it",)
    return measured(
        protocol,
        value=float(likelihoods.mean()),
        unit="nats",
        uncertainty=float(likelihoods.std(correction=0)) / math.sqrt(likelihoods.shape[0]),
        uncertainty_kind="standard error over test samples",
        details={"sigma": sigma},
        warnings=warnings,
    )


def _flat(samples: Tensor, device: torch.device) -> Tensor:
    """float64 (N, d): images flattened and scaled to [0, 1], points as they are."""
    rows = samples.to(device).flatten(start_dim=1).to(torch.float64)
    return rows / 255 if samples.dtype == torch.uint8 else rows


def _min_class_share(fake: Features, extractor: Extractor, protocol: Protocol) -> Score:
    names = extractor.class_names or ()
    n = fake.logits.shape[0]
    if not torch.isfinite(fake.logits).all():
        raise MetricError(f"{extractor.name} gave logits that are not finite")
    shares = torch.bincount(fake.logits.argmax(dim=1), minlength=len(names)).to(torch.float64) / n
    smallest = float(shares.min())
    return measured(
        protocol,
        value=smallest,
        unit="share of samples",
        uncertainty=math.sqrt(smallest * (1 - smallest) / n),
        uncertainty_kind="binomial standard error",
        details={f"share_{name}": float(s) for name, s in zip(names, shares, strict=True)},
        warnings=tuple(
            f"none of {n} generated samples is of class '{name}'"
            for name, s in zip(names, shares, strict=True)
            if s == 0
        ),
    )


def _modes(counts: Tensor, protocol: Protocol) -> Score:
    """Whichever of the three scores of modes the protocol is of."""
    if protocol.metric == "modes":
        return measured(
            protocol,
            value=float(modes_captured(counts)),
            unit="modes",
            uncertainty=None,
            uncertainty_kind="none: a count",
            details={f"samples_of_mode_{i}": n for i, n in enumerate(counts.tolist())},
        )
    if protocol.metric == "high_quality_share":
        share, error = high_quality_share(counts, protocol.n_fake)
        return measured(
            protocol,
            value=share,
            unit="share of samples",
            uncertainty=error,
            uncertainty_kind="binomial standard error",
        )
    divergence, error = mode_kl(counts)
    defined = math.isfinite(divergence)
    return measured(
        protocol,
        value=divergence,
        unit="nats",
        uncertainty=error if defined else None,
        uncertainty_kind="standard error over generated samples",
        warnings=() if defined else ("no sample is within 3 σ of a mode, so mode_kl is not defined",),
    )
