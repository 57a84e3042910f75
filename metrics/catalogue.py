"""Which metrics there are, and what each needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from metrics.errors import MetricError, nearest_or_all

Need = Literal["features", "logits", "classes", "asked_classes", "modes", "points", "training", "clip"]
"""What a metric needs besides samples.

``"features"``: images and any extractor. ``"logits"``: one that gives class probabilities, too.
``"classes"``: one whose classes are those of the data. ``"asked_classes"``: the class that each sample
was asked for. ``"modes"``: a reference whose modes are known. ``"points"``: samples that are points, no
images. ``"training"``: the samples that the generator learned from. ``"clip"``: a CLIP network as the
extractor.
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
    compares: bool = True
    """Whether real samples enter the value; otherwise it looks at the generated pile alone."""
    keeps_real: bool = False
    """Whether the features of all real images are needed: a mean and a covariance do not do."""
    keeps: bool = False
    """Whether the features of all samples must be kept: memory in proportion to their number."""
    usual: bool = False
    """Whether it is computed when no metrics are named."""
    least: int = 1
    """Fewest generated samples, and real ones where it compares."""


METRICS: Mapping[str, Metric] = {
    "fid": Metric(
        summary="Fréchet distance between features: needs images and an extractor",
        better="lower",
        needs=frozenset({"features"}),
        usual=True,
        least=2,
    ),
    "is": Metric(
        summary="Inception score: needs images and an extractor with classes",
        better="higher",
        needs=frozenset({"features", "logits"}),
        compares=False,
        usual=True,
    ),
    "parzen": Metric(
        summary="Parzen-window log-likelihood: needs validation samples, no extractor",
        better="higher",
        usual=True,
    ),
    "min_class_share": Metric(
        summary="share of the rarest class, up to 1 / classes: needs images and a domain classifier",
        better="higher",
        needs=frozenset({"features", "logits", "classes"}),
        compares=False,
        usual=True,
    ),
    "class_agreement": Metric(
        summary="share of samples that a classifier takes for the class asked for: needs a domain classifier "
        "and labels",
        better="higher",
        needs=frozenset({"features", "logits", "classes", "asked_classes"}),
        compares=False,
        usual=True,
    ),
    "class_fid": Metric(
        summary="mean over classes of the Fréchet distance within each: needs an extractor, and labels on "
        "both sides",
        better="lower",
        needs=frozenset({"features", "asked_classes"}),
        keeps=True,
        keeps_real=True,
        usual=True,
    ),
    "class_is": Metric(
        summary="mean over classes of the Inception score within each: needs an extractor with classes, and "
        "labels",
        better="higher",
        needs=frozenset({"features", "logits", "asked_classes"}),
        compares=False,
    ),
    "fid_infinity": Metric(
        summary="Fréchet distance extrapolated to infinitely many generated samples: needs images and an "
        "extractor",
        better="lower",
        needs=frozenset({"features"}),
        keeps=True,
        least=2,
    ),
    "kid": Metric(
        summary="kernel distance (unbiased MMD² of a cubic kernel) between features: needs images and an "
        "extractor",
        better="lower",
        needs=frozenset({"features"}),
        keeps=True,
        keeps_real=True,
        least=4,
    ),
    "cmmd": Metric(
        summary="1000 × MMD² of a Gaussian kernel between CLIP embeddings: needs images and a CLIP extractor",
        better="lower",
        needs=frozenset({"features", "clip"}),
        keeps=True,
        keeps_real=True,
        least=4,
    ),
    "precision": Metric(
        summary="share of samples within the real manifold: needs images and an extractor",
        better="higher",
        needs=frozenset({"features"}),
        keeps=True,
        keeps_real=True,
    ),
    "recall": Metric(
        summary="share of real images within the generated manifold: needs images and an extractor",
        better="higher",
        needs=frozenset({"features"}),
        keeps=True,
        keeps_real=True,
    ),
    "density": Metric(
        summary="how many real balls hold a sample, on average, over k: needs images and an extractor",
        better="higher",
        needs=frozenset({"features"}),
        keeps=True,
        keeps_real=True,
    ),
    "coverage": Metric(
        summary="share of real balls that hold a sample: needs images and an extractor",
        better="higher",
        needs=frozenset({"features"}),
        keeps=True,
        keeps_real=True,
    ),
    "memorisation": Metric(
        summary="share of samples that are copies of training images, or nearly: needs an extractor and the "
        "training split",
        better="lower",
        needs=frozenset({"features", "training"}),
        keeps=True,
        keeps_real=True,
    ),
    "modes": Metric(
        summary="modes with a sample (of points, within 3 σ): needs known modes",
        better="higher",
        needs=frozenset({"modes"}),
        compares=False,
        usual=True,
    ),
    "high_quality_share": Metric(
        summary="share of samples within 3 σ of a mode: needs points with known modes",
        better="higher",
        needs=frozenset({"modes", "points"}),
        compares=False,
        usual=True,
    ),
    "mode_kl": Metric(
        summary="KL divergence of the samples' distribution over modes from the uniform one: needs known "
        "modes",
        better="lower",
        needs=frozenset({"modes"}),
        compares=False,
        usual=True,
    ),
}
"""Names that `score` knows."""

GROUPS: Mapping[str, tuple[str, ...]] = {"prdc": ("precision", "recall", "density", "coverage")}
"""Names for several metrics at once."""


def expanded(names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` with each group replaced by its metrics, each metric once.

    Raises
    ------
    MetricError
        At the first that is neither a metric nor a group, with the nearest name.
    """
    names = tuple(names)
    check_names(names)
    return tuple(dict.fromkeys(one for name in names for one in GROUPS.get(name, (name,))))


def check_names(names: Iterable[str]) -> None:
    """Raise MetricError, with the nearest name, at the first of `names` that is no metric or group."""
    for name in names:
        if name not in METRICS and name not in GROUPS:
            hint = nearest_or_all(name, (*METRICS, *GROUPS))
            raise MetricError(f"there is no metric '{name}': {hint}")


def plain_name(qualified: str) -> str:
    """Name without the extractor that stands behind the ``@``: ``"fid"`` of ``"fid@digits-classifier"``."""
    return qualified.partition("@")[0]


def without_extractor() -> str:
    """Names of the metrics of samples themselves, which points can be scored by, too, in words."""
    *first, last = (name for name, metric in METRICS.items() if "features" not in metric.needs)
    return f"{', '.join(first)} and {last}"
