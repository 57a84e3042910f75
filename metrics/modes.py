"""Mode coverage on mixtures whose modes are known: how many are found, how well, how evenly.

The scores of Srivastava et al. ("VEEGAN", arXiv 1705.07761, section 5.1) as computed by the code of
Lin et al. ("PacGAN", arXiv 1712.04086, section 4.1, `MetricLogger`): a sample belongs to its nearest
mode if it lies closer than 3 standard deviations to it, and is then of high quality; all three
scores are functions of how many samples belong to each mode. PacGAN draws 2,500 samples.

Stacked MNIST has 1,000 modes that a classifier tells apart: `StackedModes`, which counts as `Modes` does.
"""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metrics.errors import MetricError
from metrics.features import Extractor

HIGH_QUALITY_SIGMAS = 3.0
"""A sample is of high quality closer than this many standard deviations to a mode."""

_IMAGES = 4096  # stacked images classified at a time

_ROWS = 65_536  # samples compared with all modes at a time: 25 modes take 13 MiB


@dataclass(frozen=True, kw_only=True, eq=False)
class Modes:
    """The modes of a mixture of equally likely round Gaussians.

    Raises
    ------
    MetricError
        If the centres are not points, or σ is not positive and finite.
    """

    centres: Tensor
    """float64 (k, 2), k ≥ 1."""
    sigma: float
    """Standard deviation of each mode along each axis, in the units of the centres."""

    def __post_init__(self) -> None:
        shape = tuple(self.centres.shape)
        if self.centres.dtype != torch.float64 or len(shape) != 2 or shape[0] == 0 or shape[1] != 2:
            raise MetricError(
                f"centres of modes must be float64 of shape (k, 2), got {self.centres.dtype} of shape {shape}"
            )
        if not torch.isfinite(self.centres).all():
            raise MetricError("centres of modes must be finite, got NaN or infinity")
        if not (self.sigma > 0 and math.isfinite(self.sigma)):
            raise MetricError(f"σ of modes must be positive and finite, got {self.sigma}")

    @property
    def sha256(self) -> str:
        """SHA-256 of the centres, 64 hex digits."""
        return hashlib.sha256(self.centres.contiguous().cpu().numpy().tobytes()).hexdigest()

    @property
    def n_modes(self) -> int:
        """Number of modes k."""
        return self.centres.shape[0]

    @property
    def words(self) -> str:
        """What decides which mode a sample belongs to, for the protocol."""
        return (
            f"{self.sigma:g} of each of {self.n_modes} modes (centres {self.sha256[:12]}); a "
            f"sample counts for the nearest one if it is closer than {HIGH_QUALITY_SIGMAS:g} σ"
        )

    def counts(self, samples: Tensor) -> Tensor:
        """Return `mode_counts` of points (n, 2) within 3 σ: int64 (k,)."""
        return mode_counts(samples, self)


@dataclass(frozen=True, kw_only=True, eq=False)
class StackedModes:
    """The modes of stacked images: one for each combination of the classes of three gray channels.

    Stacked MNIST puts three digits drawn at random into the red, green and blue channel of one image, which
    makes 10³ = 1,000 equally likely modes (Metz et al. 2017, arXiv 1611.02163, section 3.3.1; VEEGAN, section
    5.2; PacGAN, section 4.2, with 26,000 samples). Which digit a channel shows is what a classifier says:
    each channel counts as something, so there are no samples of low quality. With 26,000 samples a perfect
    generator misses none (the expected number of missed modes is 1000 e⁻²⁶) and has an expected `mode_kl`
    of .019.

    Raises
    ------
    MetricError
        If the extractor's network does not tell the classes of one data set apart.
    """

    extractor: Extractor
    """A domain classifier of the images that were stacked, such as ``mnist-classifier``, with k classes."""

    def __post_init__(self) -> None:
        if self.extractor.class_names is None:
            raise MetricError(
                f"modes of stacked images need a domain classifier, and {self.extractor.name} is none"
            )

    @property
    def sha256(self) -> str:
        """SHA-256 of the classifier's weights file, 64 hex digits."""
        return self.extractor.sha256

    @property
    def n_modes(self) -> int:
        """Number of modes k³."""
        return self._n_classes**3

    @property
    def words(self) -> str:
        """What decides which mode a sample belongs to, for the protocol."""
        return (
            f"{self.n_modes} modes: the class of each of three channels, by {self.extractor.name} "
            f"(weights {self.sha256[:12]})"
        )

    @property
    def _n_classes(self) -> int:
        return len(self.extractor.class_names or ())

    def counts(self, samples: Tensor) -> Tensor:
        """How many images belong to each mode.

        Parameters
        ----------
        samples
            uint8 (n, 3, H, W), n ≥ 1.

        Returns
        -------
        Tensor
            int64 (k³,) on the CPU; image (a, b, c) of classes counts at a k² + b k + c.

        Raises
        ------
        MetricError
            If the samples are anything else.
        """
        if samples.dtype != torch.uint8 or samples.ndim != 4 or samples.shape[1] != 3 or 0 in samples.shape:
            raise MetricError(
                "stacked images must be at least one uint8 image (n, 3, H, W), "
                f"got {samples.dtype} of shape {tuple(samples.shape)}"
            )
        k = self._n_classes
        counts = torch.zeros(self.n_modes, dtype=torch.int64)
        for images in torch.split(samples, _IMAGES):
            logits = self.extractor.extract(images.flatten(0, 1).unsqueeze(1)).class_logits
            classes = logits.argmax(dim=1).view(-1, 3)
            counts += torch.bincount(classes @ torch.tensor([k * k, k, 1]), minlength=self.n_modes)
        return counts


def mode_counts(samples: Tensor, modes: Modes, n_sigmas: float = HIGH_QUALITY_SIGMAS) -> Tensor:
    """How many samples are of high quality, for each mode.

        c_j = |{x : j = argmin_i ‖x − μ_i‖  and  ‖x − μ_j‖ < n σ}|

    A sample closer than nσ to two modes counts for the nearer one only.

    Parameters
    ----------
    samples
        Any float dtype, (n, 2), n ≥ 1, finite; distances are float64.
    modes
        The k modes.
    n_sigmas
        n, > 0.

    Returns
    -------
    Tensor
        int64 (k,) on the CPU, in the order of the centres.

    Raises
    ------
    MetricError
        If the samples are not points, or n_sigmas is not positive.
    """
    if samples.ndim != 2 or samples.shape[1] != 2 or samples.shape[0] == 0 or not samples.is_floating_point():
        raise MetricError(
            "samples of a mixture must be at least one float point (n, 2), "
            f"got {samples.dtype} of shape {tuple(samples.shape)}"
        )
    if not torch.isfinite(samples).all():
        raise MetricError("samples of a mixture must be finite, got NaN or infinity")
    if not n_sigmas > 0:
        raise MetricError(f"n_sigmas must be above 0, got {n_sigmas}")
    counts = torch.zeros(modes.centres.shape[0], dtype=torch.int64)
    centres = modes.centres.cpu()
    for rows in torch.split(samples, _ROWS):
        # Differences and not ‖x‖² + ‖μ‖² − 2 x·μ, which loses the digits that a small σ needs.
        offsets = rows.to(device="cpu", dtype=torch.float64).unsqueeze(1) - centres
        distances, nearest = offsets.square().sum(dim=2).sqrt().min(dim=1)
        close = distances < n_sigmas * modes.sigma
        counts += torch.bincount(nearest[close], minlength=counts.shape[0])
    return counts


def modes_captured(counts: Tensor) -> int:
    """How many modes have at least one sample of high quality, 0 to k, from `mode_counts`."""
    return int((counts > 0).sum())


def high_quality_share(counts: Tensor, n: int) -> tuple[float, float]:
    """Share of samples of high quality, and its binomial standard error √(p (1 − p) / n).

    Samples of the mixture itself have 1 − exp(−9/2) = .9889 of them within 3σ.

    Parameters
    ----------
    counts
        From `mode_counts`.
    n
        All samples, those of low quality too.
    """
    share = int(counts.sum()) / n
    return share, math.sqrt(share * (1 - share) / n)


def mode_kl(counts: Tensor) -> tuple[float, float]:
    """KL divergence of the high-quality samples' distribution over modes from the uniform one.

        KL(p ‖ u) = Σ_j p_j log(k p_j),    p_j = c_j / m,    m = Σ_j c_j

    0 where every mode has as many samples, log k where one has them all. PacGAN's Table 1 calls it
    the reverse KL; its code counts samples of high quality only, and so does this.

    The standard error is that of the delta method,

        √( [Σ p_j log² p_j − (Σ p_j log p_j)²] / m ),

    which is √2 times too large where the modes are truly equal. The estimate is biased upwards by about
    (k' − 1) / 2m, k' being the number of modes with samples.

    Parameters
    ----------
    counts
        From `mode_counts`, int64 (k,).

    Returns
    -------
    tuple of float
        The divergence, 0 to log k nats, and its standard error; both NaN without any sample of
        high quality, which has no distribution.
    """
    m = int(counts.sum())
    if m == 0:
        return math.nan, math.nan
    p = counts[counts > 0].to(torch.float64) / m
    logs = p.log()
    entropy = -float((p * logs).sum())
    spread = max(0.0, float((p * logs.square()).sum()) - entropy**2)
    divergence = max(0.0, math.log(counts.shape[0]) - entropy)
    return divergence, math.sqrt(spread / m)
