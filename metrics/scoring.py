"""One pass over a pile of generated samples, and every score that was asked for."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from metrics.catalogue import (
    INCEPTION_SPLITS,
    METRICS,
    check_names,
    protocol_of,
    required_extractor,
    sigma_samples,
)
from metrics.errors import MetricError
from metrics.features import Extractor, Features
from metrics.frechet import bootstrap_frechet, frechet_to_root
from metrics.inception_score import inception_score
from metrics.moments import Moments
from metrics.parzen import GOODFELLOW_GRID, parzen_log_likelihood, select_sigma
from metrics.protocol import Protocol
from metrics.reference import Reference, check_same_kind, check_samples

_RESAMPLES = 50


@dataclass(frozen=True, kw_only=True)
class Score:
    """One value, how sure it is, and under which conditions it was computed."""

    metric: str
    """Qualified name, such as ``"fid@digits-classifier"``."""
    value: float
    """The score, in `unit`."""
    unit: str
    """Such as ``"nats"``."""
    better: Literal["lower", "higher"]
    """Which way is better."""
    uncertainty: float | None
    """In the same unit; `uncertainty_kind` says what it means."""
    uncertainty_kind: str
    """In words, such as ``"standard error over test samples"``."""
    n_real: int
    """Number of real samples; 0 if they play no part."""
    n_fake: int
    """Number of generated samples."""
    protocol: Protocol
    """The conditions; two scores may be compared where these are equal."""
    details: Mapping[str, float]
    """Further numbers of this metric: σ, the share of each class, …"""
    warnings: tuple[str, ...]
    """Sentences about what weakens this value; empty if nothing does."""


def score(
    fake: Tensor,
    real: Reference,
    names: Iterable[str],
    *,
    extractor: Extractor | None = None,
    generator: torch.Generator,
    samples: str = "unspecified",
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

    Parameters
    ----------
    fake
        Generated: uint8 (N, C, H, W) or float32 (N, 2), each sample shaped as the reference's.
    real
        The real pile; it keeps what was computed on it for the next call.
    names
        Which of `METRICS`.
    extractor
        For the metrics that need one.
    generator
        Draws fid's bootstrap resamples; nothing else is random.
    samples
        How `fake` was drawn, in words; goes into the protocol.

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
        name: protocol_of(name, reference=real, n_fake=fake.shape[0], extractor=extractor, samples=samples)
        for name in names
    }
    scores: dict[str, Score] = {}
    features: Features | None = None
    for name, protocol in protocols.items():
        if name == "parzen":
            scores[name] = _parzen(fake, real, protocol)
            continue
        network = required_extractor(name, extractor)
        if features is None:
            features = network.extract(fake)
        if name == "fid":
            scores[name] = _fid(features, real, network, generator, protocol)
        elif name == "is":
            scores[name] = _inception(features, protocol)
        elif name == "min_class_share":
            scores[name] = _min_class_share(features, network, protocol)
        if network.caveat is not None:
            scores[name] = replace(scores[name], warnings=(*scores[name].warnings, network.caveat))
    return scores


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
    return _score(
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
    return _score(
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
    return _score(
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
    return _score(
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


def _score(
    protocol: Protocol,
    *,
    value: float,
    unit: str,
    uncertainty: float,
    uncertainty_kind: str,
    details: Mapping[str, float] | None = None,
    warnings: tuple[str, ...] = (),
) -> Score:
    return Score(
        metric=protocol.metric,
        value=value,
        unit=unit,
        better=METRICS[protocol.metric.partition("@")[0]].better,
        uncertainty=uncertainty,
        uncertainty_kind=uncertainty_kind,
        n_real=protocol.n_real,
        n_fake=protocol.n_fake,
        protocol=protocol,
        details=details or {},
        warnings=warnings,
    )
