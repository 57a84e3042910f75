"""The real pile that generated samples are compared with."""

from pathlib import Path

import torch
from torch import Tensor

from metrics.class_scores import RealClass, check_labels, real_classes
from metrics.collected import Progress, collect
from metrics.errors import MetricError
from metrics.features import Extractor, check_images
from metrics.frechet import covariance_root
from metrics.modes import Modes, StackedModes
from metrics.neighbours import knn_radii
from metrics.piles import Pile, as_pile, content_sha256
from metrics.reference_cache import reference_statistics
from metrics.statistics_file import Statistics, StatisticsMetadata


class Reference:
    """Real images or points, not to be changed, and what extractors have made of them so far.

    Features and moments are computed once for each extractor, told apart by its `key`, so that scoring
    again and again during a training reads the real pile once; with a cache folder, once and for all.

    Parameters
    ----------
    name
        Data set, split and content fingerprint, such as ``"digits/test@1a2b3c4d5e6f"``.
    test
        uint8 (N, C, H, W) images or float32 (N, 2) points: what scores are computed against. A tensor, a
        pile that is read when it is needed, or saved statistics of images that nobody needs to have; what
        needs the images themselves, or features that were not saved, is then refused.
    validation
        The same kind of samples, for choosing the Parzen window's σ; None if there are none.
    train
        The same kind of images, which a generator learned from: for memorisation.
    test_labels
        The class of each test sample, int64 (N,) from 0 on; None if there are none.
    class_names
        Names of the classes, label 0 first; by default the labels themselves.
    modes
        Of the distribution that samples were drawn from, where they are known.
    cache
        A folder in which features and moments are kept under a hash of the images' bytes, of all that
        decides the extractor's features, and of the number of images.
    progress
        Told how far the extraction of the real images is.

    Raises
    ------
    MetricError
        If a pile is neither images nor points, is empty or not finite, or the two differ in kind; if
        the labels do not fit the test samples; or if images are said to have modes in the plane.
    """

    def __init__(
        self,
        name: str,
        test: Tensor | Pile | Statistics,
        validation: Tensor | None = None,
        *,
        train: Tensor | Pile | None = None,
        test_labels: Tensor | None = None,
        class_names: tuple[str, ...] | None = None,
        modes: Modes | StackedModes | None = None,
        cache: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        given = test if isinstance(test, Statistics) else None
        pile = None if isinstance(test, Statistics) else test
        # Of statistics nobody knows the images' size, only that they were images.
        self.shape: tuple[int, ...] = (given.n or 0, 0, 0, 0) if given else ()
        if pile is not None:
            self.shape = tuple(pile.shape)
            check_samples(pile, f"the test samples of '{name}'")
            for other, which in ((validation, "validation"), (train, "training")):
                if other is not None:
                    check_samples(other, f"the {which} samples of '{name}'")
                    check_same_kind(other, pile, f"the {which} samples of '{name}'")
        self.name = name
        self.n = self.shape[0]
        """Number of test samples; 0 for somebody else's statistics, which do not say."""
        if test_labels is not None:
            if class_names is None and test_labels.dtype == torch.int64 and test_labels.shape[0]:
                class_names = tuple(str(label) for label in range(int(test_labels.max()) + 1))
            check_labels(test_labels, self.n, len(class_names or ()), f"the test labels of '{name}'")
        if isinstance(modes, Modes) and self.holds_images:
            raise MetricError(f"'{name}' holds images, and only points can have modes in the plane")
        self.test: Pile | None = None if pile is None else as_pile(pile)
        self.validation = validation
        self.train = None if train is None else as_pile(train)
        self.test_labels = test_labels
        self.class_names = class_names
        self.modes = modes
        self._given, self._cache, self._progress = given, cache, progress
        self._contents: dict[str, str] = {}
        self._statistics: dict[tuple[str, str], Statistics] = {}
        self._roots: dict[str, Tensor] = {}
        self._radii: dict[tuple[str, int], Tensor] = {}
        self._classes: dict[str, tuple[RealClass, ...]] = {}

    @property
    def holds_images(self) -> bool:
        """Whether the samples are images; otherwise they are points."""
        return len(self.shape) == 4

    @property
    def caveat(self) -> str | None:
        """What weakens every comparison with it, as a clause; None if nothing does."""
        return None if self._given is None else self._given.caveat

    @property
    def gives_features(self) -> bool:
        """Whether features of all test samples can be had: not of statistics saved without them."""
        return self._given is None or self._given.features is not None

    @property
    def train_content(self) -> str:
        """`content_sha256` of the training samples, computed on the first call; "" if there are none."""
        return "" if self.train is None else self._content("train", self.train)

    @property
    def content(self) -> str | None:
        """`content_sha256` of the test samples, computed on the first call; None if nothing says."""
        if self._given is not None:
            return None if self._given.metadata is None else self._given.metadata.content_sha256
        assert self.test is not None
        return self._content("test", self.test)

    def _content(self, which: str, pile: Pile) -> str:
        if which not in self._contents:
            self._contents[which] = content_sha256(pile)
        return self._contents[which]

    @property
    def n_train(self) -> int:
        """Number of training samples; 0 if they are not known."""
        return 0 if self.train is None else len(self.train)

    def statistics(self, extractor: Extractor, *, features: bool = False) -> Statistics:
        """Moments, and if asked for features, of the test images; computed on the first call.

        Raises
        ------
        MetricError
            If the reference holds points or is that of another extractor, features were not saved, or one
            is not finite.
        """
        if self._given is not None:
            self._given.matches(extractor)
            if features and not self.gives_features:
                raise MetricError(f"'{self.name}' holds a mean and a covariance only, and no features")
            return self._given
        assert self.test is not None
        return self._of_pile(self.test, "test", extractor, features=features)

    def features(self, extractor: Extractor) -> Tensor:
        """Features of the test images, float32 (n, d); raises as `statistics`."""
        features = self.statistics(extractor, features=True).features
        assert features is not None
        return features

    def radii(self, extractor: Extractor, k: int) -> Tensor:
        """`knn_radii` of the test images' features, float64 (n,); computed on the first call."""
        if (extractor.key, k) not in self._radii:
            self._radii[extractor.key, k] = knn_radii(self.features(extractor), k)
        return self._radii[extractor.key, k]

    def train_features(self, extractor: Extractor) -> Tensor:
        """Features of the training images, float32 (n_train, d)."""
        assert self.train is not None, "memorisation is refused without training samples"
        features = self._of_pile(self.train, "train", extractor, features=True).features
        assert features is not None
        return features

    def _of_pile(self, pile: Pile, which: str, extractor: Extractor, *, features: bool) -> Statistics:
        known = self._statistics.get((which, extractor.key))
        if known is not None and (known.features is not None or not features):
            return known
        content, n = self._content(which, pile), len(pile)

        def compute() -> Statistics:
            made = collect(pile, extractor, features=features, logits=False, progress=self._progress)
            moments = made.halves.whole
            return Statistics(
                mean=moments.mean,
                covariance=moments.covariance,
                n=n,
                metadata=StatisticsMetadata.of(
                    extractor,
                    reference=self.name if which == "test" else f"{self.name} ({which})",
                    content_sha256=content,
                    n=n,
                ),
                features=made.features,
            )

        self._statistics[which, extractor.key] = reference_statistics(
            self._cache,
            content_sha256=content,
            extractor_key=extractor.key,
            n=n,
            compute=compute,
            features=features,
        )
        return self._statistics[which, extractor.key]

    def covariance_root(self, extractor: Extractor) -> Tensor:
        """R with R Rᵀ = the covariance of the test images' features, computed on the first call.

        Raises
        ------
        MetricError
            As `statistics`, or if there are fewer than 2 test images.
        """
        if extractor.key not in self._roots:
            self._roots[extractor.key] = covariance_root(self.statistics(extractor).covariance)
        return self._roots[extractor.key]

    def classes(self, extractor: Extractor) -> tuple[RealClass, ...]:
        """What `class_frechet` needs of each class with at least 2 test images, made on the first call.

        Raises
        ------
        MetricError
            As `statistics`, or if there are no labels.
        """
        if extractor.key not in self._classes:
            if self.test_labels is None or self.class_names is None or self.test is None:
                raise MetricError(f"'{self.name}' has no labels, so its classes can't be told apart")
            self._classes[extractor.key] = real_classes(
                self.test, self.features(extractor), self.test_labels, self.class_names, extractor
            )
        return self._classes[extractor.key]


def check_samples(samples: Tensor | Pile, what: str) -> None:
    """Raise MetricError unless `samples` is uint8 (N, C, H, W) or finite float32 (N, 2), N ≥ 1."""
    shape = tuple(samples.shape)
    try:
        if len(shape) == 2:
            if samples.dtype != torch.float32 or shape[1] != 2 or shape[0] == 0:
                raise MetricError(
                    f"points must be at least one, float32 (N, 2), got {samples.dtype} of shape {shape}"
                )
            if isinstance(samples, Tensor) and not torch.isfinite(samples).all():
                raise MetricError("points must be finite, got NaN or infinity")
        elif isinstance(samples, Tensor):
            check_images(samples)
    except MetricError as error:
        raise MetricError(f"{what} can't be scored: {error}") from error


def check_same_kind(samples: Tensor | Pile, model: Tensor | Pile, what: str) -> None:
    """Raise MetricError unless each of `samples` has the shape and dtype of each of `model`."""
    if samples.dtype != model.dtype or tuple(samples.shape[1:]) != tuple(model.shape[1:]):
        raise MetricError(
            f"{what} must be {model.dtype} of shape {tuple(model.shape[1:])} each, as the test "
            f"samples are, got {samples.dtype} of shape {tuple(samples.shape[1:])}"
        )
