"""A generated pile, extracted once however many references it is compared with."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from metrics.collected import Collected, Progress, collect
from metrics.errors import MetricError
from metrics.features import Extractor
from metrics.parzen import sigma_curve
from metrics.piles import Pile, whole


class Generated:
    """A generated pile and what scorers have made of it so far: nothing here depends on a reference.

    Parameters
    ----------
    pile
        The samples.
    extractor
        None if no metric needs one.
    labels
        The class that each sample was asked for, int64 (n,) on the CPU; empty if no metric needs them.
    features, logits
        Whether a metric needs those of all samples.
    progress
        Told how far the extraction is.
    """

    def __init__(
        self,
        pile: Pile,
        *,
        extractor: Extractor | None,
        labels: Tensor,
        features: bool,
        logits: bool,
        progress: Progress | None,
    ) -> None:
        self.pile, self.labels = pile, labels
        self._extractor = extractor
        self._keep = {"features": features, "logits": logits}
        self._progress = progress
        self._sigma_curves: dict[tuple[int, int, tuple[float, ...]], Tensor] = {}

    @property
    def extractor(self) -> Extractor:
        """The extractor of the metrics that need one."""
        assert self._extractor is not None, "a metric of features is refused without an extractor"
        return self._extractor

    @cached_property
    def collected(self) -> Collected:
        """What the extractor made of the pile."""
        return collect(self.pile, self.extractor, progress=self._progress, **self._keep)

    @property
    def features(self) -> Tensor:
        """Features of all samples, float32 (n, d)."""
        assert self.collected.features is not None, "a metric that keeps features says so"
        return self.collected.features

    @cached_property
    def logits(self) -> Tensor:
        """Logits of all samples, float32 (n, k), finite."""
        logits = self.collected.logits
        assert logits is not None, "a metric that needs logits says so"
        if not torch.isfinite(logits).all():
            raise MetricError(f"{self.extractor.name} gave logits that are not finite")
        return logits

    @cached_property
    def probabilities(self) -> Tensor:
        """p(y|x) of all samples, float64 (n, k)."""
        return self.logits.to(torch.float64).softmax(dim=1)

    @cached_property
    def rows(self) -> Tensor:
        """The samples as `flat` gives them, for Parzen windows.

        Where they lie, unless that device has no float64 (Apple's).
        """
        pile = whole(self.pile)
        return flat(pile, pile.device if pile.device.type == "cuda" else torch.device("cpu"))

    def sigma_curve(self, validation: Tensor, n: int, grid: Sequence[float]) -> Tensor:
        """`sigma_curve` of the first `n` validation samples: the same for every reference that has them.

        Half the cost of a Parzen score of MNIST, so that it is kept.
        """
        key = (id(validation), n, tuple(grid))  # its references outlive this object
        if key not in self._sigma_curves:
            self._sigma_curves[key] = sigma_curve(flat(validation[:n], self.rows.device), self.rows, grid)
        return self._sigma_curves[key]


def flat(samples: Tensor, device: torch.device) -> Tensor:
    """float64 (n, d): images flattened and scaled to [0, 1], points as they are."""
    rows = samples.to(device).flatten(start_dim=1).to(torch.float64)
    return rows / 255 if samples.dtype == torch.uint8 else rows
