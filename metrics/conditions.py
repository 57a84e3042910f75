"""Under which protocol a metric is computed, and whether it can be: known before anything is computed."""

from metrics.catalogue import GROUPS, METRICS, check_names, without_extractor
from metrics.conventions import DEFAULT_CONVENTION, Convention, convention_of
from metrics.errors import MetricError
from metrics.features import SHIPPED_CLASSIFIERS, Extractor
from metrics.frechet_infinity import CHONG_POINTS, CHONG_SMALLEST
from metrics.modes import Modes, StackedModes
from metrics.protocol import Protocol
from metrics.reference import Reference

SHUFFLE_SEED = 2020
"""Of the fixed permutation before the Inception score's splits and of KID's subsets: torch-fidelity's."""

# As the original: σ is chosen on the first 1,000 validation images.
_SIGMA_SAMPLES = 1000


def required_extractor(name: str, extractor: Extractor | None) -> Extractor:
    """Return the extractor that metric `name` needs, or raise MetricError if it got none."""
    if extractor is None:
        needs = METRICS[name].needs
        if "clip" in needs:
            kind = "a CLIP network, such as clip-vit-l-14-336px"
        else:
            kind = (
                f"{'a' if 'classes' in needs else 'Inception or a'} domain classifier of your own or shipped "
                f"({', '.join(SHIPPED_CLASSIFIERS)})"
            )
        raise MetricError(f"{name} needs an extractor: {kind}; only {without_extractor()} need none")
    return extractor


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


def n_sigma_samples(reference: Reference) -> int:
    """How many validation samples choose σ, or MetricError if there are none."""
    if reference.validation is None:
        raise MetricError(f"parzen needs validation samples to choose σ, and '{reference.name}' has none")
    return min(_SIGMA_SAMPLES, reference.validation.shape[0])


def known_modes(name: str, reference: Reference) -> Modes | StackedModes:
    """Return the modes that metric `name` needs, or raise MetricError if the reference has none."""
    if reference.modes is None:
        raise MetricError(f"{name} needs samples whose modes are known, and '{reference.name}' has none")
    if name == "high_quality_share" and isinstance(reference.modes, StackedModes):
        raise MetricError(f"{name} has no meaning for '{reference.name}': each stacked image is of some mode")
    return reference.modes


def protocol_of(
    name: str,
    *,
    reference: Reference,
    n_fake: int,
    extractor: Extractor | None = None,
    samples: str = "unspecified",
    asked: str = "unspecified",
    convention: str = DEFAULT_CONVENTION,
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
    convention
        One of `CONVENTIONS`.

    Raises
    ------
    MetricError
        If the metric can't be computed from these.
    """
    chosen = convention_of(convention)
    qualified = qualified_name(name, extractor)
    metric = METRICS[name]
    if chosen.metrics is not None and name not in chosen.metrics:
        raise MetricError(
            f"the protocol {convention} does not say how {name} is computed: it has "
            f"{', '.join(sorted(chosen.metrics))}"
        )
    least = max(metric.least, _fewest(name, chosen))
    least_real = metric.least if name == "fid_infinity" else least  # which thins out the generated pile alone
    if n_fake < least:
        raise MetricError(f"{name} needs at least {least} generated samples, got {n_fake}")
    if metric.compares and 0 < reference.n < least_real:  # 0: somebody else's statistics, which don't say
        raise MetricError(f"{name} needs at least {least_real} real samples, got {reference.n}")
    if "modes" in metric.needs:
        return _of_modes(name, reference, n_fake, samples)
    if name in ("class_fid", "parzen") and reference.test is None:
        raise MetricError(
            f"{name} needs the real images, and of '{reference.name}' only statistics are there"
        )
    if name == "parzen":
        return _of_parzen(reference, n_fake, samples, chosen)
    network = required_extractor(name, extractor)
    _require_features(name, reference, network, convention, chosen)
    if "asked_classes" in metric.needs:
        _check_classes(name, reference, network, n_fake)
        samples = f"{samples}, classes asked for: {asked}"
    rule, seed = _rule(name, reference, chosen)
    return Protocol(
        metric=qualified,
        reference=reference.name if metric.compares else "none",
        extractor=network.name,
        extractor_sha256=network.sha256,
        outputs=network.outputs,
        resize=network.resize,
        grayscale=network.grayscale,
        value_range=network.value_range,
        dtype=f"{network.dtype} features, float64 statistics",
        n_real=reference.n if metric.compares else 0,
        n_fake=n_fake,
        rule=rule,
        seed=seed,
        samples=samples,
    )


def _fewest(name: str, convention: Convention) -> int:
    """Fewest samples that the settings of a metric allow; `Metric.least` may ask for more."""
    if name == "is":
        return convention.is_splits  # one a split
    if name == "kid" and convention.kid_subsets is not None:
        return convention.kid_subsets[1]
    if name == "fid_infinity":
        return CHONG_SMALLEST + 1
    if name in GROUPS["prdc"]:
        return convention.k + 1
    return 1


def _rule(name: str, reference: Reference, convention: Convention) -> tuple[str, int | None]:
    """A metric's own settings in words, and the seed of what is random in them."""
    if name == "is":
        return f"{convention.is_splits} splits after a fixed shuffle", SHUFFLE_SEED
    if name == "kid" and convention.kid_subsets is not None:
        return "mean over {} subsets of {}".format(*convention.kid_subsets), SHUFFLE_SEED
    if name == "kid":
        return "full U-statistic, kernel (x·y / d + 1)³", None
    if name == "cmmd":
        return "biased estimate, Gaussian kernel with σ = 10 on unit vectors, × 1000", None
    if name in GROUPS["prdc"]:
        surface = "belongs" if convention.inclusive else "does not belong"
        return f"k = {convention.k}, a ball's surface {surface} to it", None
    if name == "fid_infinity":
        return f"intercept over {CHONG_POINTS} subsets of {CHONG_SMALLEST} samples to all", 0
    if name == "memorisation":
        return (
            f"nearest of {reference.n_train} training samples (content {reference.train_content[:12]})",
            None,
        )
    return "", None


def _require_features(
    name: str, reference: Reference, extractor: Extractor, convention: str, chosen: Convention
) -> None:
    """Raise MetricError unless the extractor gives what the metric needs of this reference."""
    needs = METRICS[name].needs
    if not reference.holds_images:
        raise MetricError(
            f"{name} needs images, and '{reference.name}' holds points, which only {without_extractor()} "
            "score"
        )
    if "logits" in needs and extractor.n_logits is None:
        raise MetricError(f"{name} needs class probabilities, and {extractor.name} gives features only")
    if "classes" in needs and extractor.class_names is None:
        raise MetricError(
            f"{name} needs a domain classifier, and the classes of {extractor.name} are not those of the data"
        )
    if "clip" in needs and not extractor.name.startswith("clip-"):
        raise MetricError(f"{name} needs a CLIP network, such as clip-vit-l-14-336px, not {extractor.name}")
    if METRICS[name].keeps_real and not reference.gives_features:
        raise MetricError(
            f"{name} needs all features, and '{reference.name}' holds a mean and a covariance only"
        )
    if "training" in needs and reference.n_train == 0:
        raise MetricError(f"{name} needs the training samples, and '{reference.name}' has none")
    if chosen.preprocessing is not None and extractor.preprocessing != chosen.preprocessing:
        raise MetricError(
            f"the protocol {convention} needs a network with preprocessing '{chosen.preprocessing}', and "
            f"{extractor.name} has '{extractor.preprocessing}'"
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


def _of_modes(name: str, reference: Reference, n_fake: int, samples: str) -> Protocol:
    modes = known_modes(name, reference)
    return Protocol(
        metric=name,
        reference=reference.name,
        extractor=None,
        extractor_sha256=None,
        outputs="none",
        resize="none",
        grayscale="none",
        value_range="uint8 0..255" if reference.holds_images else "points, unscaled",
        dtype="float64",
        n_real=0,
        n_fake=n_fake,
        rule=modes.words,
        seed=None,
        samples=samples,
    )


def _of_parzen(reference: Reference, n_fake: int, samples: str, convention: Convention) -> Protocol:
    size = "×".join(str(side) for side in reference.shape[1:])
    return Protocol(
        metric="parzen",
        reference=reference.name,
        extractor=None,
        extractor_sha256=None,
        outputs="none",
        resize="none",
        grayscale="none",
        value_range=f"uint8 / 255, 0..1, {size} pixels" if reference.holds_images else "points, unscaled",
        dtype="float64",
        n_real=reference.n,
        n_fake=n_fake,
        rule=(f"σ: {convention.sigma_rule} on the first {n_sigma_samples(reference)} validation samples"),
        seed=None,
        samples=samples,
    )
