"""What the scorers share: a generated pile beside a reference."""

from functools import cached_property

from torch import Tensor

from metrics.collected import Collected
from metrics.conventions import Convention
from metrics.features import Extractor
from metrics.generated import Generated
from metrics.neighbours import PRDC, prdc
from metrics.piles import Pile, whole
from metrics.reference import Reference


class Evaluation:
    """A generated pile and a reference, as they are compared.

    Parameters
    ----------
    generated
        The generated pile: what was made of it for one reference serves the next.
    real
        The reference.
    convention
        How the metrics are computed.
    """

    def __init__(self, generated: Generated, real: Reference, convention: Convention) -> None:
        self.generated, self.real, self.convention = generated, real, convention

    @property
    def fake(self) -> Pile:
        """The generated samples."""
        return self.generated.pile

    @property
    def labels(self) -> Tensor:
        """The class that each sample was asked for, int64 (n,); empty if no metric needs them."""
        return self.generated.labels

    @property
    def extractor(self) -> Extractor:
        """The extractor of the metrics that need one."""
        return self.generated.extractor

    @property
    def collected(self) -> Collected:
        """What the extractor made of the generated pile."""
        return self.generated.collected

    @property
    def features(self) -> Tensor:
        """Features of all generated images, float32 (n, d)."""
        return self.generated.features

    @property
    def logits(self) -> Tensor:
        """Logits of all generated images, float32 (n, k), finite."""
        return self.generated.logits

    @property
    def probabilities(self) -> Tensor:
        """p(y|x) of all generated images, float64 (n, k)."""
        return self.generated.probabilities

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
