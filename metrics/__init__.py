"""Scores of any pile of images, whatever made them.

>>> import metrics
>>> scores = metrics.score(fake_images, real_images, ["fid", "kid", "prdc"],  # uint8 NCHW
...                        extractor="inception-v3-compat")
>>> scores["fid"].value, scores["fid"].uncertainty, scores["fid"].uncertainty_kind
>>> scores["fid"].warnings  # what weakens it, in sentences
>>> scores["fid"].protocol.words()  # the conditions; scores compare only where these are equal

A `Reference` is a real pile with its validation and training samples, and keeps what was computed on it;
`open_pile` opens folders, zips and arrays. `METRICS` says what each metric needs; `MetricError` says in one
sentence what is wrong with the input. Every metric is also there on its own, as a function of features,
probabilities, points or pixels.
"""

from metrics.catalogue import GROUPS, METRICS, check_names, expanded, plain_name
from metrics.class_scores import class_agreement, class_frechet, class_inception
from metrics.classifier import ClassifierMetadata, DomainClassifier, DomainClassifierExtractor
from metrics.classifier_training import accuracy, train_classifier
from metrics.collected import Progress
from metrics.conditions import protocol_of, qualified_name
from metrics.conventions import CONVENTIONS, DEFAULT_CONVENTION, Convention, convention_of
from metrics.errors import MetricError
from metrics.features import (
    INCEPTION,
    PRECISIONS,
    SHIPPED_CLASSIFIERS,
    Extractor,
    Features,
    check_images,
    load_extractor,
)
from metrics.frechet import frechet_distance, frechet_distance_of_features
from metrics.frechet_infinity import FrechetInfinity, frechet_infinity
from metrics.frechet_sampling import (
    FrechetEstimate,
    HalvedMoments,
    frechet_estimate,
    frechet_standard_error,
)
from metrics.image_files import IMAGE_SUFFIXES, ImageFiles, SurveyedImage, list_images, survey_images
from metrics.images import IMAGE_READING_VERSION, ImageHeader, UnreadableImageError, read_image
from metrics.inception_score import inception_score, inception_score_error
from metrics.kernel import (
    ClipDistance,
    KernelDistance,
    cmmd,
    kernel_distance,
)
from metrics.kernel_subsets import SubsetKernelDistance, kernel_distance_subsets
from metrics.measured import Score
from metrics.memorisation import Copies, Memorisation, copied_images, memorisation
from metrics.modes import (
    HIGH_QUALITY_SIGMAS,
    Modes,
    StackedModes,
    high_quality_share,
    mode_counts,
    mode_kl,
    modes_captured,
)
from metrics.moments import Moments
from metrics.nearest import Nearest, nearest_neighbours
from metrics.neighbours import PRDC, knn_radii, prdc
from metrics.parzen import GOODFELLOW_GRID, WIDE_GRID, parzen_log_likelihood, select_sigma, sigma_curve
from metrics.piles import (
    ImagePile,
    PartOfPile,
    Pile,
    as_pile,
    batches,
    content_sha256,
    image_warnings,
    open_pile,
)
from metrics.protocol import Protocol
from metrics.reference import Reference
from metrics.reference_cache import cached_statistics, reference_statistics
from metrics.scoring import score, score_against
from metrics.selftest import UNDAMAGED, Response, self_test
from metrics.statistics_file import (
    Statistics,
    StatisticsMetadata,
    is_statistics_file,
    load_statistics,
    save_statistics,
)

__all__ = [
    "CONVENTIONS",
    "DEFAULT_CONVENTION",
    "GOODFELLOW_GRID",
    "GROUPS",
    "HIGH_QUALITY_SIGMAS",
    "IMAGE_READING_VERSION",
    "IMAGE_SUFFIXES",
    "INCEPTION",
    "METRICS",
    "PRDC",
    "PRECISIONS",
    "SHIPPED_CLASSIFIERS",
    "UNDAMAGED",
    "WIDE_GRID",
    "ClassifierMetadata",
    "ClipDistance",
    "Convention",
    "Copies",
    "DomainClassifier",
    "DomainClassifierExtractor",
    "Extractor",
    "Features",
    "FrechetEstimate",
    "FrechetInfinity",
    "HalvedMoments",
    "ImageFiles",
    "ImageHeader",
    "ImagePile",
    "KernelDistance",
    "Memorisation",
    "MetricError",
    "Modes",
    "Moments",
    "Nearest",
    "PartOfPile",
    "Pile",
    "Progress",
    "Protocol",
    "Reference",
    "Response",
    "Score",
    "StackedModes",
    "Statistics",
    "StatisticsMetadata",
    "SubsetKernelDistance",
    "SurveyedImage",
    "UnreadableImageError",
    "accuracy",
    "as_pile",
    "batches",
    "cached_statistics",
    "check_images",
    "check_names",
    "class_agreement",
    "class_frechet",
    "class_inception",
    "cmmd",
    "content_sha256",
    "convention_of",
    "copied_images",
    "expanded",
    "frechet_distance",
    "frechet_distance_of_features",
    "frechet_estimate",
    "frechet_infinity",
    "frechet_standard_error",
    "high_quality_share",
    "image_warnings",
    "inception_score",
    "inception_score_error",
    "is_statistics_file",
    "kernel_distance",
    "kernel_distance_subsets",
    "knn_radii",
    "list_images",
    "load_extractor",
    "load_statistics",
    "memorisation",
    "mode_counts",
    "mode_kl",
    "modes_captured",
    "nearest_neighbours",
    "open_pile",
    "parzen_log_likelihood",
    "plain_name",
    "prdc",
    "protocol_of",
    "qualified_name",
    "read_image",
    "reference_statistics",
    "save_statistics",
    "score",
    "score_against",
    "select_sigma",
    "self_test",
    "sigma_curve",
    "survey_images",
    "train_classifier",
]
