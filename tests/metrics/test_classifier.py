import dataclasses
import hashlib

import pytest
import torch
from quadrants import METADATA, quadrants
from safetensors.torch import save_file

from metrics import DomainClassifier, MetricError, accuracy, load_extractor, train_classifier
from metrics.classifier_training import _shifted


def tiny(**changes):
    settings = {"name": "tiny", "image_size": 8, "channels": 1, "n_classes": 4} | changes
    return DomainClassifier(**settings)


def test_training_learns_what_there_is_to_learn(classifier):
    images, labels = quadrants(300, seed=2)
    # The classes do not overlap; chance is .25.
    assert accuracy(classifier, images, labels) >= 0.97


def test_training_is_decided_by_its_seed_and_leaves_the_global_generator_alone():
    images, labels = quadrants(60, seed=0)

    def weights(seed):
        classifier = train_classifier(
            images, labels, n_classes=4, name="tiny", seed=seed, epochs=2, batch_size=25
        )
        return torch.cat([p.flatten() for p in classifier.parameters()])

    before = torch.get_rng_state()
    first = weights(0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    assert torch.equal(weights(0), first)
    assert not torch.equal(weights(1), first)


def test_shifts_move_each_image_by_its_own_whole_pixels():
    image = torch.arange(36, dtype=torch.uint8).view(1, 1, 6, 6).repeat(200, 3, 1, 1)
    moved = _shifted(image, 2, torch.Generator().manual_seed(0))
    assert moved.shape == image.shape
    # Away from the edge a shift by (r, c) adds 6 r + c to every value.
    offsets = (moved - image)[:, :, 2:4, 2:4].to(torch.int8)
    assert (offsets == offsets[:, :1, :1, :1]).all()
    allowed = {6 * row + column for row in range(-2, 3) for column in range(-2, 3)}
    assert set(offsets[:, 0, 0, 0].tolist()) == allowed  # 25 of them, 200 draws
    assert torch.equal(_shifted(image, 0, torch.Generator()), image)


def test_saving_and_loading_keeps_every_bit(classifier, weights):
    again, metadata = DomainClassifier.load(weights)
    assert metadata == METADATA
    images, _ = quadrants(20, seed=3)
    x = classifier.prepare(images)
    for ours, theirs in zip(again(x), classifier(x), strict=True):
        assert torch.equal(ours, theirs)
    assert not again.training
    assert weights.stat().st_size < 300_000


def test_equal_classifiers_make_equal_files(classifier, weights, tmp_path):
    again = tmp_path / "again.safetensors"
    DomainClassifier.load(weights)[0].save(again, METADATA)
    assert again.read_bytes() == weights.read_bytes()
    extractor = load_extractor(again)
    assert extractor.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "inception-v3-compat"}, "not be 'inception-v3-compat'"),
        ({"name": "a@b"}, "'a@b'"),
        ({"name": ""}, "must consist of"),
        ({"channels": 2}, "1 or 3 channels"),
        ({"image_size": 3}, "at least 4 pixels"),
        ({"n_classes": 1}, "at least 2 classes"),
    ],
)
def test_impossible_classifiers_are_refused(changes, words):
    with pytest.raises(MetricError, match=words):
        tiny(**changes)


def test_class_names_must_fit(tmp_path):
    for names in [("a", "b"), ("a", "a", "b", "c")]:
        with pytest.raises(MetricError, match="4 classes needs as many different"):
            tiny().save(tmp_path / "x", dataclasses.replace(METADATA, class_names=names))


IMAGES, LABELS = quadrants(10, seed=0)


@pytest.mark.parametrize(
    ("images", "labels", "epochs", "words"),
    [
        (IMAGES, LABELS[:-1], 1, r"10 images need int64 labels of shape \(10,\)"),
        (IMAGES, LABELS.int(), 1, "int32"),
        (IMAGES, LABELS + 4, 1, r"must lie in 0 \.\. 3"),
        (IMAGES, LABELS - 4, 1, r"must lie in 0 \.\. 3"),
        (IMAGES[:, :, :6], LABELS, 1, "square images, got 6×8"),
        (IMAGES.float(), LABELS, 1, "uint8"),
        (IMAGES, LABELS, 0, "at least 1 epoch, got 0"),
    ],
)
def test_bad_training_data_are_refused(images, labels, epochs, words):
    with pytest.raises(MetricError, match=words):
        train_classifier(images, labels, n_classes=4, name="tiny", seed=0, epochs=epochs)


def test_missing_truncated_and_foreign_files_are_refused_in_one_sentence(weights, tmp_path):
    path = tmp_path / "file.safetensors"
    with pytest.raises(MetricError, match="no classifier file"):
        load_extractor(path)
    contents = weights.read_bytes()
    for damaged in (b"", contents[:4], contents[:200], contents[:-1], b"not safetensors" * 50):
        path.write_bytes(damaged)
        with pytest.raises(MetricError, match="not a whole safetensors file"):
            load_extractor(path)
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(MetricError, match="not of a domain classifier"):
        load_extractor(path)
    key, text = b'"n_classes\\": 4', b'"n_classes\\": 5'
    assert contents.count(key) == 1
    path.write_bytes(contents.replace(key, text))
    with pytest.raises(MetricError, match="this version can't read"):
        load_extractor(path)
