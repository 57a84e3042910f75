"""Scores of asked classes, with what a reader must know about them: uncertainty, details, warnings."""

import math

import torch
from torch import Tensor

from metrics.class_scores import bootstrap_class_frechet, class_agreement, class_frechet
from metrics.features import Extractor, Features
from metrics.measured import Score, measured
from metrics.protocol import Protocol
from metrics.reference import Reference


def class_agreement_score(fake: Features, asked: Tensor, extractor: Extractor, protocol: Protocol) -> Score:
    """`class_agreement` of samples with their labels, int64 (n,) on the CPU."""
    share, by_class = class_agreement(fake.logits, asked)
    agreements = dict(zip(extractor.class_names or (), by_class.tolist(), strict=True))
    return measured(
        protocol,
        value=share,
        unit="share of samples",
        uncertainty=math.sqrt(share * (1 - share) / asked.shape[0]),
        uncertainty_kind="binomial standard error",
        details={f"agreement_{name}": value for name, value in agreements.items() if not math.isnan(value)},
        warnings=tuple(
            f"none of {asked.shape[0]} samples was asked to be of class '{name}'"
            for name, value in agreements.items()
            if math.isnan(value)
        ),
    )


def class_fid_score(
    fake: Features,
    asked: Tensor,
    real: Reference,
    extractor: Extractor,
    *,
    resamples: int,
    generator: torch.Generator,
    protocol: Protocol,
) -> Score:
    """Mean of `class_frechet` over the classes, beside what each class's mean image would get."""
    classes = real.classes(extractor)
    distances = class_frechet(fake.features, asked, classes)
    whole = len(classes) > 0 and bool(torch.isfinite(distances).all())
    each = list(zip(classes, distances.tolist(), strict=True))
    known = {one.label for one in classes}
    return measured(
        protocol,
        value=float(distances.mean()) if whole else math.nan,
        unit="squared feature units",
        uncertainty=(
            bootstrap_class_frechet(fake.features, asked, classes, resamples=resamples, generator=generator)
            if whole
            else None
        ),
        uncertainty_kind=(
            "standard deviation of the mean over classes, from bootstrap resamples of the generated "
            "features within each class, reference held fixed"
        ),
        details={f"fid_{one.name}": value for one, value in each if not math.isnan(value)}
        | {f"mean_image_fid_{one.name}": one.mean_image_distance for one in classes},
        warnings=(
            *(
                f"class '{name}' has fewer than 2 test images and is left out"
                for label, name in enumerate(real.class_names or ())
                if label not in known
            ),
            *(
                f"class '{one.name}' has fewer than 2 generated samples, so there is no mean over the classes"
                for one, value in each
                if math.isnan(value)
            ),
            *_few_a_class("generated", torch.bincount(asked).tolist(), extractor.dim),
            *_few_a_class("real", [one.n for one in classes], extractor.dim),
            *(
                f"the samples of class '{one.name}' are further from its test images ({value:.4g}) than "
                f"their mean image repeated ({one.mean_image_distance:.4g})"
                for one, value in each
                if value >= one.mean_image_distance
            ),
        ),
    )


def _few_a_class(which: str, counts: list[int], dim: int) -> tuple[str, ...]:
    few = [n for n in counts if n <= dim]
    if not few:
        return ()
    return (
        f"class_fid of as few as {min(few)} {which} samples a class in {dim} feature dimensions: covariances "
        "are singular and distances biased upwards",
    )
