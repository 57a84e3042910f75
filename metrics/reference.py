"""The real pile that generated samples are compared with."""

import torch
from torch import Tensor

from metrics.class_scores import RealClass, check_labels, real_classes
from metrics.errors import MetricError
from metrics.features import Extractor, Features, check_images
from metrics.frechet import covariance_root
from metrics.modes import Modes
from metrics.moments import Moments


class Reference:
    """Real images or points, and what extractors have made of them so far.

    Features and moments are computed once for each extractor, told apart by the SHA-256 of its
    weights, so that scoring again and again during a training reads the real pile once.

    Parameters
    ----------
    name
        Data set, split and content fingerprint, such as ``"digits/test@1a2b3c4d5e6f"``.
    test
        uint8 (N, C, H, W) images or float32 (N, 2) points: what scores are computed against.
    validation
        The same kind of samples, for choosing the Parzen window's σ; None if there are none.
    test_labels
        The class of each test sample, int64 (N,) from 0 on; None if there are none.
    class_names
        Names of the classes, label 0 first; by default the labels themselves.
    modes
        Of points: the modes of the mixture that they were drawn from, where that is known.

    Raises
    ------
    MetricError
        If a pile is neither images nor points, is empty or not finite, or the two differ in kind; if
        the labels do not fit the test samples; or if images are said to have modes.
    """

    def __init__(
        self,
        name: str,
        test: Tensor,
        validation: Tensor | None = None,
        *,
        test_labels: Tensor | None = None,
        class_names: tuple[str, ...] | None = None,
        modes: Modes | None = None,
    ) -> None:
        check_samples(test, f"the test samples of '{name}'")
        if validation is not None:
            check_samples(validation, f"the validation samples of '{name}'")
            check_same_kind(validation, test, f"the validation samples of '{name}'")
        if test_labels is not None:
            if class_names is None and test_labels.dtype == torch.int64 and test_labels.shape[0]:
                class_names = tuple(str(label) for label in range(int(test_labels.max()) + 1))
            check_labels(test_labels, test.shape[0], len(class_names or ()), f"the test labels of '{name}'")
        if modes is not None and test.ndim != 2:
            raise MetricError(f"'{name}' holds images, and only points can have known modes")
        self.name = name
        self.test = test
        self.validation = validation
        self.test_labels = test_labels
        self.class_names = class_names
        self.modes = modes
        self._features: dict[str, Features] = {}
        self._moments: dict[str, Moments] = {}
        self._roots: dict[str, Tensor] = {}
        self._classes: dict[str, tuple[RealClass, ...]] = {}

    @property
    def holds_images(self) -> bool:
        """Whether the samples are images; otherwise they are points."""
        return self.test.ndim == 4

    def features(self, extractor: Extractor) -> Features:
        """Features and logits of the test images, extracted on the first call.

        Raises
        ------
        MetricError
            If the reference holds points.
        """
        if extractor.sha256 not in self._features:
            self._features[extractor.sha256] = extractor.extract(self.test)
        return self._features[extractor.sha256]

    def moments(self, extractor: Extractor) -> Moments:
        """Mean and covariance of the test images' features, computed on the first call.

        Raises
        ------
        MetricError
            If the reference holds points, or a feature is not finite.
        """
        if extractor.sha256 not in self._moments:
            self._moments[extractor.sha256] = Moments.of(self.features(extractor).features)
        return self._moments[extractor.sha256]

    def covariance_root(self, extractor: Extractor) -> Tensor:
        """R with R Rᵀ = the covariance of the test images' features, computed on the first call.

        Raises
        ------
        MetricError
            As `moments`, or if there are fewer than 2 test images.
        """
        if extractor.sha256 not in self._roots:
            self._roots[extractor.sha256] = covariance_root(self.moments(extractor).covariance)
        return self._roots[extractor.sha256]

    def classes(self, extractor: Extractor) -> tuple[RealClass, ...]:
        """What `class_frechet` needs of each class with at least 2 test images, made on the first call.

        Raises
        ------
        MetricError
            As `moments`, or if there are no labels.
        """
        if extractor.sha256 not in self._classes:
            if self.test_labels is None or self.class_names is None:
                raise MetricError(f"'{self.name}' has no labels, so its classes can't be told apart")
            self._classes[extractor.sha256] = real_classes(
                self.test, self.features(extractor), self.test_labels, self.class_names, extractor
            )
        return self._classes[extractor.sha256]


def check_samples(samples: Tensor, what: str) -> None:
    """Raise MetricError unless `samples` is uint8 (N, C, H, W) or finite float32 (N, 2), N ≥ 1."""
    if samples.dtype == torch.uint8 and samples.ndim == 4:
        check_images(samples)
        return
    if samples.dtype != torch.float32 or samples.shape[1:] != (2,) or samples.shape[0] == 0:
        raise MetricError(
            f"{what} must be at least one uint8 image (N, C, H, W) or float32 point (N, 2), "
            f"got {samples.dtype} of shape {tuple(samples.shape)}"
        )
    if not torch.isfinite(samples).all():
        raise MetricError(f"{what} must be finite, got NaN or infinity")


def check_same_kind(samples: Tensor, model: Tensor, what: str) -> None:
    """Raise MetricError unless each of `samples` has the shape and dtype of each of `model`."""
    if samples.dtype != model.dtype or samples.shape[1:] != model.shape[1:]:
        raise MetricError(
            f"{what} must be {model.dtype} of shape {tuple(model.shape[1:])} each, as the test "
            f"samples are, got {samples.dtype} of shape {tuple(samples.shape[1:])}"
        )
