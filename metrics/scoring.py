"""One pass over a pile of generated samples, and every score that was asked for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from metrics import feature_scores as of_features
from metrics import sample_scores as of_samples
from metrics.catalogue import METRICS, expanded
from metrics.class_scores import check_labels
from metrics.collected import Progress
from metrics.conditional_scores import class_agreement_score, class_fid_score, class_is_score
from metrics.conditions import protocol_of
from metrics.conventions import DEFAULT_CONVENTION, convention_of
from metrics.errors import MetricError
from metrics.evaluation import Evaluation
from metrics.features import Extractor, load_extractor
from metrics.generated import Generated
from metrics.measured import Score
from metrics.piles import ImagePile, Pile, as_pile, content_sha256, image_warnings
from metrics.protocol import Protocol
from metrics.reference import Reference, check_same_kind, check_samples

SCORERS: Mapping[str, Callable[[Evaluation, Protocol], Score]] = {
    "fid": of_features.fid_score,
    "is": of_features.is_score,
    "parzen": of_samples.parzen_score,
    "min_class_share": of_features.min_class_share_score,
    "class_agreement": class_agreement_score,
    "class_fid": class_fid_score,
    "class_is": class_is_score,
    "fid_infinity": of_features.fid_infinity_score,
    "kid": of_features.kid_score,
    "cmmd": of_features.cmmd_score,
    "precision": of_features.precision_score,
    "recall": of_features.recall_score,
    "density": of_features.density_score,
    "coverage": of_features.coverage_score,
    "memorisation": of_features.memorisation_score,
    "modes": of_samples.modes_score,
    "high_quality_share": of_samples.high_quality_share_score,
    "mode_kl": of_samples.mode_kl_score,
}
"""How each of `METRICS` is computed; each function's docstring says with which uncertainty and details."""


def score(
    fake: Tensor | Pile,
    real: Reference | Tensor | Pile,
    names: Iterable[str],
    *,
    labels: Tensor | None = None,
    extractor: Extractor | str | Path | None = None,
    samples: str = "unspecified",
    asked: str = "unspecified",
    convention: str = DEFAULT_CONVENTION,
    progress: Progress | None = None,
) -> dict[str, Score]:
    """Score a pile of generated samples against a real one, with one feature pass over each.

    Features are kept only where a metric needs those of all samples (`Metric.keeps`), logits where it needs
    class probabilities; otherwise memory does not depend on how many there are. Nothing is random: what is
    drawn has a fixed seed, that of the protocol.

    Parameters
    ----------
    fake
        Generated: uint8 (N, C, H, W) or float32 (N, 2), each sample shaped as the reference's. A tensor, or
        a pile such as `open_pile` opens, whose warnings become those of its scores.
    real
        The real pile. A `Reference` keeps what was computed on it for the next call.
    names
        Which of `METRICS` or `GROUPS` (``"prdc"``).
    labels
        The class that each generated sample was asked for, int64 (N,), counted as the reference's
        and the extractor's classes are; for the metrics of asked classes.
    extractor
        For the metrics that need one; a name as `load_extractor` takes it is loaded for this call, with the
        preprocessing of `convention`.
    samples
        How `fake` was drawn, in words; goes into the protocol.
    asked
        How `labels` were chosen, in words; goes into the protocol of the scores that need them.
    convention
        One of `CONVENTIONS`: whose settings are followed.
    progress
        Told how many of the generated images have been through the extractor.

    Returns
    -------
    dict
        One `Score` for each metric, under its plain name (``"fid"``).

    Raises
    ------
    MetricError
        If a metric is unknown, or one can't be computed from these: no metric is computed then.
    """
    if not isinstance(real, Reference):
        check_samples(real, "the real samples")
        real = Reference(f"unnamed@{content_sha256(as_pile(real))[:16]}", real)
    (scores,) = score_against(
        fake,
        [(real, names)],
        labels=labels,
        extractor=extractor,
        samples=samples,
        asked=asked,
        convention=convention,
        progress=progress,
    )
    return scores


def score_against(
    fake: Tensor | Pile,
    wanted: Iterable[tuple[Reference, Iterable[str]]],
    *,
    labels: Tensor | None = None,
    extractor: Extractor | str | Path | None = None,
    samples: str = "unspecified",
    asked: str = "unspecified",
    convention: str = DEFAULT_CONVENTION,
    progress: Progress | None = None,
) -> list[dict[str, Score]]:
    """Score one generated pile against several real ones, as a test and a validation split.

    The values are those of one call of `score` a reference, but the generated pile is extracted once, and
    Parzen's σ is chosen once for references with the same validation samples.

    Parameters
    ----------
    fake, labels, extractor, samples, asked, convention, progress
        As of `score`.
    wanted
        Each reference with the metrics to compute against it.

    Returns
    -------
    list of dict
        As of `score`, one a reference.

    Raises
    ------
    MetricError
        As `score`.
    """
    each = [(real, expanded(names)) for real, names in wanted]
    check_samples(fake, "the generated samples")
    for real, _ in each:
        if real.test is not None:
            check_same_kind(fake, real.test, "the generated samples")
    chosen = convention_of(convention)
    if isinstance(extractor, str | Path):
        extractor = load_extractor(extractor, preprocessing=chosen.preprocessing)
    # All protocols first: what is missing is known before minutes are spent on features.
    protocols = [
        {
            name: protocol_of(
                name,
                reference=real,
                n_fake=fake.shape[0],
                extractor=extractor,
                samples=samples,
                asked=asked,
                convention=convention,
            )
            for name in names
        }
        for real, names in each
    ]
    asking = [_asked_classes(names, labels, fake.shape[0], real, extractor) for real, names in each]
    together = {name for _, names in each for name in names}
    generated = Generated(
        as_pile(fake),
        extractor=extractor,
        labels=max(asking, key=len, default=torch.empty(0, dtype=torch.int64)),
        features=any(METRICS[name].keeps for name in together),
        logits=any("logits" in METRICS[name].needs for name in together),
        progress=progress,
    )
    return [
        _scores(fake, Evaluation(generated, real, chosen), of_real)
        for (real, _), of_real in zip(each, protocols, strict=True)
    ]


def _scores(
    fake: Tensor | Pile, evaluation: Evaluation, protocols: Mapping[str, Protocol]
) -> dict[str, Score]:
    """Each score with its own warnings and those of its piles and network."""
    real = evaluation.real
    if any(METRICS[name].keeps_real for name in protocols):
        # First, or a metric that asks for moments alone would have the real pile extracted a second time.
        real.statistics(evaluation.extractor, features=True)
    scores = {name: SCORERS[name](evaluation, protocol) for name, protocol in protocols.items()}
    # Of another pile, which may be read from anywhere, that would cost a second reading.
    surveyed = isinstance(fake, ImagePile) or (isinstance(fake, Tensor) and real.holds_images)
    of_fake = image_warnings(fake) if surveyed and scores else ()
    if surveyed and any(METRICS[name].compares for name in scores):
        of_fake += _same(fake, real)
    return {
        name: replace(one, warnings=(*one.warnings, *of_fake, *_of_network(name, evaluation)))
        for name, one in scores.items()
    }


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


def _same(fake: Tensor | Pile, real: Reference) -> tuple[str, ...]:
    """Whether someone compares a pile with itself."""
    if fake.shape[0] != real.n or content_sha256(fake) != real.content:
        return ()
    return ("the generated images are the real ones themselves, byte for byte",)


def _of_network(name: str, evaluation: Evaluation) -> tuple[str, ...]:
    """What weakens every score of this extractor's features of these piles."""
    warnings = []
    if "features" in METRICS[name].needs:
        network = evaluation.extractor
        if network.channels == 3 and evaluation.fake.shape[1] == 1:
            warnings.append(f"gray images, repeated to RGB for {network.name}")
        fake = evaluation.collected.halves.whole
        if fake.n > 1 and _is_one_point(fake.mean, fake.covariance):
            warnings.append("all generated images have the same features: the generator makes one image")
        if network.caveat is not None:
            warnings.append(network.caveat)
        if METRICS[name].compares:
            if evaluation.real.caveat is not None:
                warnings.append(evaluation.real.caveat)
            real = evaluation.real.statistics(network)
            if _is_one_point(real.mean, real.covariance):
                warnings.append("all real images have the same features: they are one image")
    return tuple(warnings)


def _is_one_point(mean: Tensor, covariance: Tensor) -> bool:
    """Whether features do not vary, but for rounding: equal float64 rows leave some 1e-32 of their square."""
    return bool(covariance.trace() <= 1e-20 * mean.square().sum())
