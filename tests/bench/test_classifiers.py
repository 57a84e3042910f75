"""The classifiers behind FID and IS: the shipped ones, and those that are trained and cached."""

import hashlib
import os
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from own_pictures import write_classes, write_picture

import bench.classifiers
import metrics
import results
from bench import cli, datasets
from bench.datasets import Dataset, Reading, Split, registry
from bench.errors import InputError
from bench.folders import DATA_VARIABLE, data_folder

pytestmark = pytest.mark.filterwarnings("default")

COMMAND = (
    "--variants vanilla --set hidden_g=8 --set hidden_d=8 --kimg 0.06 --batch-size 30 --samples 16 "
    "--metrics fid --dataset sides"
)


def shipped(name: str):
    return files("metrics") / "weights" / f"{name}-classifier.safetensors"


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_a_shipped_classifier_is_what_its_file_says(name):
    if name == "mnist" and DATA_VARIABLE not in os.environ:
        pytest.skip(f"${DATA_VARIABLE} does not name MNIST's folder")
    source = datasets.get(name)
    data = source.load(data_folder(), source.image_size)
    classifier, metadata = metrics.DomainClassifier.load(shipped(name))
    assert metadata.training_data == f"{name}/train@{data.fingerprint}"
    measured = metrics.accuracy(classifier, data.test.samples, data.test.labels)
    # A tie in float32 may fall the other way on another machine.
    assert measured == pytest.approx(metadata.test_accuracy, abs=1 / len(data.test.labels))
    assert measured > {"digits": 0.97, "mnist": 0.99}[name]
    assert metadata.class_names == data.class_names


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_a_shipped_classifier_is_small_and_its_hash_is_in_the_protocol(name):
    content = shipped(name).read_bytes()
    assert len(content) < 300_000
    extractor = metrics.load_extractor(f"{name}-classifier")
    reference = metrics.Reference("any", torch.zeros(2, 1, 16, 16, dtype=torch.uint8))
    protocol = metrics.protocol_of("fid", reference=reference, n_fake=9, extractor=extractor)
    assert protocol.extractor_sha256 == hashlib.sha256(content).hexdigest()
    assert protocol.metric == f"fid@{name}-classifier"


def sides(seed: int = 0) -> Dataset:
    """Bright on the left or bright on the right."""
    labels = torch.arange(120) % 2
    noise = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 100, (120, 1, 8, 8), generator=noise, dtype=torch.uint8)
    images[labels == 0, :, :, :4] += 150
    images[labels == 1, :, :, 4:] += 150
    parts = [Split(images[i : i + 40], labels[i : i + 40]) for i in (0, 40, 80)]
    return Dataset(
        name="sides", train=parts[0], validation=parts[1], test=parts[2], class_names=("left", "right")
    )


@pytest.fixture
def labelled(monkeypatch):
    """A small labelled data set `sides`; its training is short."""
    datasets.names()
    monkeypatch.setattr(registry, "_sources", dict(registry._sources))
    monkeypatch.setattr(bench.classifiers, "MAX_EPOCHS", 20)
    datasets.register("sides", summary="s", licence="CC0", origin="here", image_size=8)(
        lambda request: sides()
    )


def test_a_labelled_data_sets_classifier_is_trained_once_and_kept_by_content(run, labelled, tmp_path):
    done = run(COMMAND)
    assert done.code == cli.OK
    assert f"training sides-classifier, once: it is kept in {tmp_path}" in done.err
    assert set(results.load("runs")["metric"]) >= {"fid@sides-classifier"}
    (cached,) = (tmp_path / "cache/classifiers").iterdir()
    assert cached.name == f"sides-{sides().fingerprint}.safetensors"
    _, metadata = metrics.DomainClassifier.load(cached)
    assert metadata.test_accuracy == 1
    before = cached.stat().st_mtime_ns
    assert run(COMMAND).code == cli.OK
    assert cached.stat().st_mtime_ns == before
    assert sides(seed=1).fingerprint not in cached.name


def test_a_damaged_cached_classifier_is_named_set_aside_and_made_anew(run, labelled, tmp_path):
    run(COMMAND)
    (cached,) = (tmp_path / "cache/classifiers").iterdir()
    whole = cached.read_bytes()
    cached.write_bytes(whole[:-50])
    done = run(COMMAND)
    assert done.code == cli.OK
    assert f"warning: The cached classifier {cached} could not be read" in done.err
    assert f"set aside as {cached.name}.damaged and is trained anew" in done.err
    assert cached.with_name(f"{cached.name}.damaged").read_bytes() == whole[:-50]
    assert cached.read_bytes() == whole  # the same training, the same file: the old scores count
    assert "is done already" in done.err


def test_a_classifier_by_command(run, labelled):
    done = run("--dataset sides --out made/sides.safetensors", bench.classifiers.main)
    assert done.code == cli.OK
    assert done.out.startswith("made/sides.safetensors: 1")
    assert "test accuracy 100.00%" in done.out
    by_path = run(COMMAND + " --extractor made/sides.safetensors")
    assert by_path.code == cli.OK
    assert "fid@sides-classifier" in set(results.load("runs")["metric"])


def test_a_data_set_without_labels_has_no_classifier():
    split = Split(sides().train.samples, None)
    unlabelled = Dataset(name="x", train=split, validation=split, test=split)
    with pytest.raises(InputError, match="The data set x has no labels, so no classifier can learn them"):
        bench.classifiers.train_and_save(unlabelled, Path("never.safetensors"))


def folder(path: Path, **reading: object) -> Dataset:
    return datasets.get(f"folder:{path}").load(Path("nowhere"), reading=Reading(workers=1, **reading))


def test_a_streamed_folders_classifier_is_that_of_the_folder_in_memory(tmp_path, monkeypatch):
    write_classes(tmp_path / "My Pets & Co", 12, ("cats", "dogs"))
    write_picture(tmp_path / "My Pets & Co/one parrot/x.png", 5000)  # a class of one is a class
    monkeypatch.setattr(bench.classifiers, "IMAGES_SHOWN", 20)
    monkeypatch.setattr(bench.classifiers, "MIN_EPOCHS", 1)
    monkeypatch.setattr(bench.classifiers, "MOST_DISTINCT_IMAGES", 10)
    for stream in ("always", "never"):
        data = folder(tmp_path / "My Pets & Co", stream=stream)
        accuracy = bench.classifiers.train_and_save(data, Path(f"{stream}.safetensors"))
        assert 0 <= accuracy <= 1
    assert Path("always.safetensors").read_bytes() == Path("never.safetensors").read_bytes()
    classifier, metadata = metrics.DomainClassifier.load(Path("always.safetensors"))
    assert classifier.name == "folder-my-pets-co-classifier"
    assert metadata.how_trained.startswith("bench.classifiers: 2 epochs of 10 images")
    assert metadata.class_names == ("cats", "dogs", "one parrot")


def test_large_pictures_are_shown_to_the_classifier_at_64_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(bench.classifiers, "MAX_EPOCHS", 1)
    for k, name in enumerate(("a", "b")):
        for i in range(6):
            write_picture(tmp_path / f"{name}/{i}.png", 10 * k + i, size=(96, 96), mode="RGB")
    data = folder(tmp_path)
    assert data.shape == (3, 96, 96)
    bench.classifiers.train_and_save(data, Path("x.safetensors"))
    extractor = metrics.load_extractor("x.safetensors")
    assert (extractor.image_size, extractor.channels) == (64, 3)
    assert extractor.extract(data.test.samples).features.shape == (1, 64)


def test_a_poor_classifier_is_warned_of_here_and_in_each_row(run, tmp_path, monkeypatch):
    monkeypatch.setattr(bench.classifiers, "MAX_EPOCHS", 1)
    write_classes(Path("noise"), 40)  # nothing tells these classes apart
    done = run(COMMAND.replace("--metrics fid", "--metrics fid,parzen").replace("sides", "folder:noise"))
    assert done.code == cli.OK
    assert "warning: folder-noise-classifier tells only " in done.err
    frame = results.load("runs")
    warnings = frame.set_index("metric")["warnings"]
    assert "tells only" in warnings["fid@folder-noise-classifier"]
    assert "tells only" not in str(warnings["parzen"])
    assert frame["dataset"].unique().tolist() == ["folder:noise"]
