"""What the scorers share: a generated pile beside a reference, extracted once, when first asked for."""

from functools import cached_property

import torch
from torch import Tensor

from metrics.collected import Collected, Progress, collect
from metrics.conventions import Convention
from metrics.errors import MetricError
from metrics.features import Extractor
from metrics.neighbours import PRDC, prdc
from metrics.piles import Pile, whole
from metrics.reference import Reference


class Evaluation:
    """A generated pile and a reference, as one call of `score` compares them.

    Parameters
    ----------
    fake
        The generated pile.
    real
        The reference.
    convention
        How the metrics are computed.
    extractor
        None if no metric needs one.
    labels
        The class that each sample was asked for, int64 (n,) on the CPU; empty if no metric needs them.
    features, logits
        Whether a metric needs those of all generated images.
    progress
        Told how far the extraction of the generated images is.
    """

    def __init__(
        self,
        fake: Pile,
        real: Reference,
        convention: Convention,
        *,
        extractor: Extractor | None,
        labels: Tensor,
        features: bool,
        logits: bool,
        progress: Progress | None,
    ) -> None:
        self.fake, self.real, self.convention = fake, real, convention
        self.labels = labels
        self._extractor = extractor
        self._keep = {"features": features, "logits": logits}
        self._progress = progress

    @property
    def extractor(self) -> Extractor:
        """The extractor of the metrics that need one."""
        assert self._extractor is not None, "a metric of features is refused without an extractor"
        return self._extractor

    @cached_property
    def collected(self) -> Collected:
        """What the extractor made of the generated pile."""
        return collect(self.fake, self.extractor, progress=self._progress, **self._keep)

    @property
    def features(self) -> Tensor:
        """Features of all generated images, float32 (n, d)."""
        assert self.collected.features is not None, "a metric that keeps features says so"
        return self.collected.features

    @cached_property
    def logits(self) -> Tensor:
        """Logits of all generated images, float32 (n, k), finite."""
        logits = self.collected.logits
        assert logits is not None, "a metric that needs logits says so"
        if not torch.isfinite(logits).all():
            raise MetricError(f"{self.extractor.name} gave logits that are not finite")
        return logits

    @cached_property
    def probabilities(self) -> Tensor:
        """p(y|x) of all generated images, float64 (n, k)."""
        return self.logits.to(torch.float64).softmax(dim=1)

    @cached_property
    def prdc(self) -> PRDC:
        """Precision, recall, density and coverage: four values from the same distances."""
        return prdc(
            self.real.features(self.extractor),
            self.features,
            self.convention.k,
            inclusive=self.convention.inclusive,
            real_radii=self.real.radii(self.extractor, self.convention.k),
        )

    @cached_property
    def mode_counts(self) -> Tensor:
        """How many samples each mode of the reference has, int64 (k,)."""
        assert self.real.modes is not None, "a metric of modes is refused without them"
        return self.real.modes.counts(whole(self.fake))
