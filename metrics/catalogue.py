"""Which metrics there are, what each needs, and under which protocol it is computed."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from metrics.errors import MetricError
from metrics.features import SHIPPED_CLASSIFIERS, Extractor
from metrics.modes import HIGH_QUALITY_SIGMAS, Modes
from metrics.parzen import GOODFELLOW_GRID
from metrics.protocol import Protocol
from metrics.reference import Reference

Need = Literal["features", "classes", "asked_classes", "modes"]
"""What a metric needs besides samples.

``"features"``: images and any extractor. ``"classes"``: one whose classes are those of the data.
``"asked_classes"``: the class that each sample was asked for. ``"modes"``: points, and a reference
whose modes are known.
"""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a reader of a metric's name must know."""

    summary: str
    """What it is and what it needs, in a line."""
    better: Literal["lower", "higher"]
    """Which way is better."""
    needs: frozenset[Need] = field(default_factory=frozenset)
    """Besides the samples."""


METRICS: Mapping[str, Metric] = {
    "fid": Metric(
        summary="Fréchet distance between features: needs images and an extractor",
        better="lower",
        needs=frozenset({"features"}),
    ),
    "is": Metric(
        summary="Inception score: needs images and an extractor",
        better="higher",
        needs=frozenset({"features"}),
    ),
    "parzen": Metric(
        summary="Parzen-window log-likelihood: needs validation samples, no extractor",
        better="higher",
    ),
    "min_class_share": Metric(
        summary="share of the rarest class, up to 1 / classes: needs images and a domain classifier",
        better="higher",
        needs=frozenset({"features", "classes"}),
    ),
    "class_agreement": Metric(
        summary="share of samples that a classifier takes for the class asked for: needs images, a domain "
        "classifier and a conditional variant",
        better="higher",
        needs=frozenset({"features", "classes", "asked_classes"}),
    ),
    "class_fid": Metric(
        summary="mean over classes of the Fréchet distance within each: needs labelled images, an extractor "
        "and a conditional variant",
        better="lower",
        needs=frozenset({"features", "asked_classes"}),
    ),
    "modes": Metric(
        summary="modes with a sample within 3 σ: needs points with known modes",
        better="higher",
        needs=frozenset({"modes"}),
    ),
    "high_quality_share": Metric(
        summary="share of samples within 3 σ of a mode: needs points with known modes",
        better="higher",
        needs=frozenset({"modes"}),
    ),
    "mode_kl": Metric(
        summary="KL divergence of the high-quality samples' distribution over modes from the uniform one: "
        "needs points with known modes",
        better="lower",
        needs=frozenset({"modes"}),
    ),
}
"""Names that `score` knows."""

INCEPTION_SPLITS = 10
"""Splits of the Inception score, as in the original."""

# As the original: σ is chosen on the first 1,000 validation images.
_SIGMA_SAMPLES = 1000


def check_names(names: Iterable[str]) -> None:
    """Raise MetricError, with the nearest name, at the first of `names` that `METRICS` lacks."""
    for name in names:
        if name not in METRICS:
            near = difflib.get_close_matches(name.lower(), METRICS, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(METRICS)}"
            raise MetricError(f"there is no metric '{name}': {hint}")


def required_extractor(name: str, extractor: Extractor | None) -> Extractor:
    """Return the extractor that metric `name` needs, or raise MetricError if it got none."""
    if extractor is None:
        kind = "a" if "classes" in METRICS[name].needs else "Inception or a"
        raise MetricError(
            f"{name} needs an extractor: {kind} domain classifier of your own or shipped "
            f"({', '.join(SHIPPED_CLASSIFIERS)}); only {_without_features()} need none"
        )
    return extractor


def _without_features() -> str:
    """Names of the metrics of samples themselves, which points can be scored by, too."""
    *first, last = (name for name, metric in METRICS.items() if "features" not in metric.needs)
    return f"{', '.join(first)} and {last}"


def qualified_name(name: str, extractor: Extractor | None) -> str:
    """Return the name under which a score is recorded: with its extractor, if it has one.

    ``qualified_name("fid", extractor)`` is ``"fid@digits-classifier"``, so that a domain
    classifier's Fréchet distance can't be mistaken for Inception's; ``"parzen"`` stays as it is.

    Raises
    ------
    MetricError
        If there is no such metric, or it needs an extractor and got none.
    """
    check_names([name])
    if "features" not in METRICS[name].needs:
        return name
    return f"{name}@{required_extractor(name, extractor).name}"


def sigma_samples(reference: Reference) -> Tensor:
    """Return the validation samples that choose σ, or raise MetricError if there are none."""
    if reference.validation is None:
        raise MetricError(f"parzen needs validation samples to choose σ, and '{reference.name}' has none")
    return reference.validation[:_SIGMA_SAMPLES]


def known_modes(name: str, reference: Reference) -> Modes:
    """Return the modes that metric `name` needs, or raise MetricError if the reference has none."""
    if reference.modes is None:
        raise MetricError(f"{name} needs points whose modes are known, and '{reference.name}' has none")
    return reference.modes


def protocol_of(
    name: str,
    *,
    reference: Reference,
    n_fake: int,
    extractor: Extractor | None = None,
    samples: str = "unspecified",
    asked: str = "unspecified",
) -> Protocol:
    """Return the protocol that `score` would record, without scoring anything.

    Parameters
    ----------
    name
        One of `METRICS`.
    reference
        The real pile.
    n_fake
        Number of generated samples.
    extractor
        For the metrics that need one.
    samples
        How the generated pile is drawn, in words.
    asked
        How the classes that are asked for are chosen, in words: for the scores that depend on them.

    Raises
    ------
    MetricError
        If the metric can't be computed from these.
    """
    qualified = qualified_name(name, extractor)
    if name == "parzen":
        return _parzen_protocol(reference, n_fake, samples)
    if "modes" in METRICS[name].needs:
        return _modes_protocol(name, reference, n_fake, samples)
    extractor = required_extractor(name, extractor)
    n_test = reference.test.shape[0]
    if not reference.holds_images:
        raise MetricError(
            f"{name} needs images, and '{reference.name}' holds points, which only {_without_features()} "
            "score"
        )
    if name == "fid" and min(n_fake, n_test) < 2:
        raise MetricError(f"fid needs at least 2 generated and 2 real images, got {n_fake} and {n_test}")
    if name == "is" and n_fake < INCEPTION_SPLITS:
        raise MetricError(f"is needs at least {INCEPTION_SPLITS} generated images, one a split, got {n_fake}")
    if "classes" in METRICS[name].needs and extractor.class_names is None:
        raise MetricError(
            f"{name} needs a domain classifier, and the classes of {extractor.name} are not those of the data"
        )
    if "asked_classes" in METRICS[name].needs:
        _check_classes(name, reference, extractor, n_fake)
        samples = f"{samples}, classes asked for: {asked}"
    # The others look at the generated pile alone.
    compares = name in ("fid", "class_fid")
    return Protocol(
        metric=qualified,
        reference=reference.name if compares else "none",
        extractor=extractor.name,
        extractor_sha256=extractor.sha256,
        resize=extractor.resize,
        grayscale=extractor.grayscale,
        value_range="uint8 0..255",
        dtype="float32 features, float64 statistics",
        n_real=n_test if compares else 0,
        n_fake=n_fake,
        n_splits=INCEPTION_SPLITS if name == "is" else None,
        sigma_rule=None,
        samples=samples,
    )


def _check_classes(name: str, reference: Reference, extractor: Extractor, n_fake: int) -> None:
    """Raise MetricError if labels would mean one class to the reference and another to the extractor."""
    own, seen = reference.class_names, extractor.class_names
    if own is not None and seen is not None and own != seen:
        raise MetricError(
            f"{name} needs the same classes in the same order, and {extractor.name} knows "
            f"{', '.join(seen)} where '{reference.name}' has {', '.join(own)}"
        )
    if name != "class_fid":
        return
    if own is None or reference.test_labels is None:
        raise MetricError(f"class_fid needs labelled test images, and '{reference.name}' has no labels")
    if n_fake < 2 * len(own):
        raise MetricError(
            f"class_fid needs at least 2 generated images a class, {2 * len(own)} in all, got {n_fake}"
        )


def _modes_protocol(name: str, reference: Reference, n_fake: int, samples: str) -> Protocol:
    modes = known_modes(name, reference)
    return Protocol(
        metric=name,
        reference=reference.name,
        extractor=None,
        extractor_sha256=None,
        resize="none",
        grayscale="none",
        value_range="points, unscaled",
        dtype="float64",
        n_real=0,
        n_fake=n_fake,
        n_splits=None,
        sigma_rule=(
            f"{modes.sigma:g} of each of {modes.centres.shape[0]} modes (centres {modes.sha256[:12]}); a "
            f"sample counts for the nearest one if it is closer than {HIGH_QUALITY_SIGMAS:g} σ"
        ),
        samples=samples,
    )


def _parzen_protocol(reference: Reference, n_fake: int, samples: str) -> Protocol:
    n_validation = sigma_samples(reference).shape[0]
    return Protocol(
        metric="parzen",
        reference=reference.name,
        extractor=None,
        extractor_sha256=None,
        resize="none",
        grayscale="none",
        value_range="uint8 / 255, 0..1" if reference.holds_images else "points, unscaled",
        dtype="float64",
        n_real=reference.test.shape[0],
        n_fake=n_fake,
        n_splits=None,
        sigma_rule=(
            f"best of {len(GOODFELLOW_GRID)} values of logspace(-1, 0) on the first "
            f"{n_validation} validation samples"
        ),
        samples=samples,
    )
