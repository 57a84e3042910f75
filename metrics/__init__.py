"""Scores of any pile of images, whatever made them.

>>> import torch, metrics
>>> real = metrics.Reference("mine/test@2026-01", test_images, validation_images)  # uint8 NCHW
>>> extractor = metrics.load_extractor("mnist-classifier")  # or "inception-v3-compat", or a file
>>> scores = metrics.score(fake_images, real, ["fid", "parzen", "min_class_share"],
...                        extractor=extractor, generator=torch.Generator().manual_seed(0))
>>> scores["fid"].metric, scores["fid"].value, scores["fid"].uncertainty, scores["fid"].warnings
>>> scores["fid"].protocol.words()  # the conditions; compare scores only where these are equal

`METRICS` says what each metric needs; `MetricError` says in one sentence what is wrong with the
input. The functions below are also there on their own: on features, probabilities, points and pixels;
`read_image` and `ImageFiles` read pictures from files.
"""

from metrics.catalogue import METRICS, check_names, protocol_of, qualified_name
from metrics.class_scores import class_agreement, class_frechet
from metrics.classifier import (
    ClassifierMetadata,
    DomainClassifier,
    DomainClassifierExtractor,
    accuracy,
    train_classifier,
)
from metrics.errors import MetricError
from metrics.features import SHIPPED_CLASSIFIERS, Extractor, Features, load_extractor
from metrics.frechet import frechet_distance
from metrics.image_files import IMAGE_SUFFIXES, ImageFiles, SurveyedImage, list_images, survey_images
from metrics.images import IMAGE_READING_VERSION, ImageHeader, UnreadableImageError, read_image
from metrics.inception_score import inception_score
from metrics.measured import Score
from metrics.modes import (
    HIGH_QUALITY_SIGMAS,
    Modes,
    high_quality_share,
    mode_counts,
    mode_kl,
    modes_captured,
)
from metrics.moments import Moments
from metrics.nearest import Nearest, nearest_neighbours
from metrics.parzen import GOODFELLOW_GRID, parzen_log_likelihood, select_sigma
from metrics.protocol import Protocol
from metrics.reference import Reference
from metrics.scoring import score

__all__ = [
    "GOODFELLOW_GRID",
    "HIGH_QUALITY_SIGMAS",
    "IMAGE_READING_VERSION",
    "IMAGE_SUFFIXES",
    "METRICS",
    "SHIPPED_CLASSIFIERS",
    "ClassifierMetadata",
    "DomainClassifier",
    "DomainClassifierExtractor",
    "Extractor",
    "Features",
    "ImageFiles",
    "ImageHeader",
    "MetricError",
    "Modes",
    "Moments",
    "Nearest",
    "Protocol",
    "Reference",
    "Score",
    "SurveyedImage",
    "UnreadableImageError",
    "accuracy",
    "check_names",
    "class_agreement",
    "class_frechet",
    "frechet_distance",
    "high_quality_share",
    "inception_score",
    "list_images",
    "load_extractor",
    "mode_counts",
    "mode_kl",
    "modes_captured",
    "nearest_neighbours",
    "parzen_log_likelihood",
    "protocol_of",
    "qualified_name",
    "read_image",
    "score",
    "select_sigma",
    "survey_images",
    "train_classifier",
]
