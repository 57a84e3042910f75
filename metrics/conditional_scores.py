"""Scores of asked classes, with what a reader must know about them: uncertainty, details, warnings."""

import math
from collections.abc import Sequence

import torch

from metrics.class_scores import class_agreement, class_frechet, class_frechet_error, class_inception
from metrics.class_words import classes_in_words
from metrics.evaluation import Evaluation
from metrics.inception_score import inception_score_error
from metrics.measured import Score, measured
from metrics.protocol import Protocol


def class_agreement_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """`class_agreement`, with its binomial standard error; details: ``agreement_<class name>``."""
    asked = evaluation.labels
    share, by_class = class_agreement(evaluation.logits, asked)
    agreements = dict(zip(evaluation.extractor.class_names or (), by_class.tolist(), strict=True))
    return measured(
        protocol,
        value=share,
        unit="share of samples",
        uncertainty=math.sqrt(share * (1 - share) / asked.shape[0]),
        uncertainty_kind="binomial standard error",
        details={f"agreement_{name}": value for name, value in agreements.items() if not math.isnan(value)},
        warnings=_about(
            [name for name, value in agreements.items() if math.isnan(value)],
            f"none of {asked.shape[0]} samples was asked to be of {{}}",
        ),
    )


def class_fid_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """Mean of `class_frechet` over the classes with at least 2 test images.

    NaN, with a warning, if one of them has fewer than 2 samples. Details: ``fid_<class name>`` and, to be
    compared with it, ``mean_image_fid_<class name>``: that of the mean of the class's test images, repeated.
    """
    real, extractor, asked = evaluation.real, evaluation.extractor, evaluation.labels
    features = evaluation.features
    classes = real.classes(extractor)
    distances = class_frechet(features, asked, classes)
    whole = len(classes) > 0 and bool(torch.isfinite(distances).all())
    each = list(zip(classes, distances.tolist(), strict=True))
    known = {one.label for one in classes}
    # More samples than dimensions in every class, or the distances have no derivative.
    enough = all(int(asked.eq(one.label).sum()) > int(one.root.any(dim=0).sum()) for one in classes)
    error = class_frechet_error(features, asked, classes) if whole and enough else None
    return measured(
        protocol,
        value=float(distances.mean()) if whole else math.nan,
        unit="squared feature units",
        uncertainty=error,
        uncertainty_kind=(
            "standard error of the mean over classes, by the delta method on the generated features within "
            "each class, reference held fixed"
        ),
        details={f"fid_{one.name}": value for one, value in each if not math.isnan(value)}
        | {f"mean_image_fid_{one.name}": one.mean_image_distance for one in classes},
        warnings=(
            *_about(
                [name for label, name in enumerate(real.class_names or ()) if label not in known],
                "there are fewer than 2 test images of {}, which class_fid leaves out",
            ),
            *_about(
                [one.name for one, value in each if math.isnan(value)],
                "there are fewer than 2 generated samples of {}, so there is no mean over the classes",
            ),
            *_few_a_class("generated", torch.bincount(asked).tolist(), extractor.dim),
            *_few_a_class("real", [one.n for one in classes], extractor.dim),
            *_about(
                [one.name for one, value in each if value >= one.mean_image_distance],
                "samples of {} are further from their class's test images than its mean image, repeated",
            ),
        ),
    )


def class_is_score(evaluation: Evaluation, protocol: Protocol) -> Score:
    """Mean of `class_inception` over the classes, all of which must have been asked for.

    NaN, with a warning, if one has no samples. Details: ``is_<class name>``.
    """
    probabilities, asked = evaluation.probabilities, evaluation.labels
    names = evaluation.real.class_names or evaluation.extractor.class_names or ()
    scores = class_inception(probabilities, asked, len(names))
    counts = torch.bincount(asked, minlength=len(names)).tolist()
    whole = min(counts) >= 1
    errors = [
        inception_score_error(probabilities[asked == label]) for label, n in enumerate(counts) if n >= 2
    ]
    return measured(
        protocol,
        value=float(scores.mean()) if whole else math.nan,
        unit="effective classes",
        uncertainty=math.hypot(*errors) / len(names) if min(counts) >= 2 else None,
        uncertainty_kind="standard error of the mean over classes, by the delta method within each class",
        details={f"is_{name}": float(x) for name, x in zip(names, scores, strict=True) if not torch.isnan(x)},
        warnings=(
            *_about(
                [name for name, n in zip(names, counts, strict=True) if n == 0],
                "there are no generated samples of {}, so there is no mean over the classes",
            ),
            *_few_for_inception(counts, probabilities.shape[1]),
        ),
    )


def _few_for_inception(counts: list[int], n_outputs: int) -> tuple[str, ...]:
    few = [n for n in counts if 0 < n < n_outputs]
    if not few:
        return ()
    return (
        f"class_is of as few as {min(few)} samples a class for {n_outputs} outputs of the classifier: "
        "scores are biased downwards",
    )


def _few_a_class(which: str, counts: list[int], dim: int) -> tuple[str, ...]:
    few = [n for n in counts if n <= dim]
    if not few:
        return ()
    return (
        f"class_fid of as few as {min(few)} {which} samples a class in {dim} feature dimensions: covariances "
        "are singular and distances biased upwards",
    )


def _about(names: Sequence[str], sentence: str) -> tuple[str, ...]:
    """The sentence about these classes, {} standing for them; none if there are none."""
    return (sentence.format(classes_in_words(names)),) if names else ()
