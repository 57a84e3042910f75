"""What each metric is called in a report, and what it is, in words that need no paper."""

import math

_KNOWN: dict[str, tuple[str, str]] = {
    "fid": ("FID", "distance between generated and real images as a network sees them; 0 is ideal"),
    "is": ("Inception score", "are single samples clear and all together varied? 1 is worst"),
    "parzen": (
        "Parzen log-likelihood",
        "how likely real test images are under a smoothed cloud of samples (the 2014 paper's score)",
    ),
    "kid": ("KID", "kernel distance between generated and real images; 0 is ideal"),
    "cmmd": ("CMMD", "kernel distance on CLIP embeddings; 0 is ideal"),
    "fid_infinity": ("FID∞", "FID as it would be with endlessly many samples"),
    "precision": ("Precision", "share of samples that look like some real image"),
    "recall": ("Recall", "share of real images that some sample looks like"),
    "density": ("Density", "how thickly samples lie where real images lie"),
    "coverage": ("Coverage", "share of real images with a sample nearby"),
    "memorisation": ("Memorisation", "share of samples that are copies of training images, or nearly"),
    "min_class_share": ("Rarest class", "share of the rarest class among the samples"),
    "class_agreement": ("Class agreement", "share of samples taken for the class that was asked for"),
    "class_fid": ("FID within classes", "mean over classes of the FID within each"),
    "class_is": ("Inception score within classes", "mean over classes"),
    "modes": ("Modes found", "clusters of the real data that samples reach"),
    "high_quality_share": ("High quality", "share of samples within 3 σ of a cluster of the real data"),
    "mode_kl": ("KL over modes", "how unevenly the clusters are served, in nats; 0 is ideal"),
}


_SHARES = (
    "precision", "recall", "coverage", "memorisation", "min_class_share", "class_agreement",
    "high_quality_share",
)  # fmt: skip
_BOUNDS = dict.fromkeys(_SHARES, (0.0, 1.0)) | {"density": (0.0, math.inf), "is": (1.0, math.inf)}


def metric_name(metric: str) -> str:
    """As "FID" or "Precision"; an unknown metric keeps its own name."""
    plain = metric.partition("@")[0]
    return _KNOWN.get(plain, (plain, ""))[0]


def metric_title(metric: str, unit: str = "") -> str:
    """The name with the network whose features are compared, and a unit that is one word."""
    _, at, extractor = metric.partition("@")
    title = f"{metric_name(metric)} ({extractor})" if at else metric_name(metric)
    return f"{title} [{unit}]" if unit and " " not in unit else title


def metric_bounds(metric: str) -> tuple[float, float]:
    """The least and the most that a metric can be; infinite where it has no bound."""
    return _BOUNDS.get(metric.partition("@")[0], (-math.inf, math.inf))


def explanation(metric: str) -> str:
    """What the metric is, as a clause; empty if this package does not know it."""
    return _KNOWN.get(metric.partition("@")[0], ("", ""))[1]


def direction(better: object) -> str:
    """As "lower is better"; empty where neither way is."""
    return f"{better} is better" if better in ("lower", "higher") else ""
