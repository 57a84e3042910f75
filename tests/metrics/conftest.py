import pytest
from quadrants import METADATA, quadrants

from metrics import DomainClassifierExtractor, train_classifier


@pytest.fixture(scope="session")
def classifier():
    images, labels = quadrants(400, seed=1)
    return train_classifier(images, labels, n_classes=4, name="quadrants", seed=0, epochs=6)


@pytest.fixture(scope="session")
def weights(classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "quadrants.safetensors"
    classifier.save(path, METADATA)
    return path


@pytest.fixture
def extractor(weights):
    return DomainClassifierExtractor(weights)


@pytest.fixture(scope="session")
def extractor_of_session(weights):
    """For hypothesis, which does not want a new one for each example."""
    return DomainClassifierExtractor(weights)
