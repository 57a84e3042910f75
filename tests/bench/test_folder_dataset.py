"""`folder:PATH`: what a folder means, its splits, sizes and channels, damage, and streaming."""

import random
import shutil
from itertools import combinations
from pathlib import Path

import pytest
import torch
from commands import VANILLA
from hypothesis import given, settings
from hypothesis import strategies as st
from own_pictures import cut_in_half, write_classes, write_picture, write_pile

import bench.datasets.content_split
import bench.datasets.folder
import results
from bench import cli, datasets
from bench.datasets import Dataset, Reading
from bench.datasets.content_split import chosen_by_content
from bench.errors import InputError
from metrics import ImageFiles, MetricError, UnreadableImageError

SPLITS = ("train", "validation", "test")


def load(folder: Path | str, image_size: int | None = None, **reading: object) -> Dataset:
    return datasets.get(f"folder:{folder}").load(Path("nowhere"), image_size, Reading(workers=2, **reading))


def piles(data: Dataset) -> list[list[bytes]]:
    """Every split's pictures as bytes."""
    return [[image.numpy().tobytes() for image in getattr(data, split).samples] for split in SPLITS]


def counts(data: Dataset) -> list[int]:
    return [len(getattr(data, split).samples) for split in SPLITS]


def test_a_flat_folder(tmp_path):
    write_pile(tmp_path / "my faces", 50)
    data = load(tmp_path / "my faces")
    assert data.name == "folder:my faces"
    assert (counts(data), data.shape, data.class_names) == ([40, 5, 5], (1, 16, 16), None)
    assert all(getattr(data, split).labels is None for split in SPLITS)
    assert len(set().union(*piles(data))) == 50
    assert data.notes == (
        f"{tmp_path}/my faces: 40 train, 5 validation, 5 test; validation and test taken from train; "
        "no classes; 1 × 16 × 16",
    )


def test_a_subfolder_a_class(tmp_path):
    write_classes(tmp_path, 20, ("b cats", "a dogs", "c:colon"))
    write_picture(tmp_path / "b cats/deep/er/x.png", 7777)
    data = load(tmp_path)
    assert data.class_names == ("a dogs", "b cats", "c:colon")
    assert sum(counts(data)) == 61
    labels = torch.cat([getattr(data, split).labels for split in SPLITS])
    assert labels.dtype == torch.int64
    assert torch.bincount(labels).tolist() == [20, 21, 20]
    # The labels stay with their pictures: all of a class alone are the same bytes.
    dogs = {image for pile in piles(load(tmp_path / "a dogs")) for image in pile}
    images = [image for pile in piles(data) for image in pile]
    assert {image for image, label in zip(images, labels, strict=True) if label == 0} == dogs


def test_given_splits_are_kept_and_what_is_missing_is_taken_from_train(tmp_path):
    write_classes(tmp_path / "Train", 30, first_seed=0)
    write_classes(tmp_path / "test", 5, first_seed=100)
    data = load(tmp_path)
    assert counts(data) == [54, 6, 10]
    tests = piles(data)[2]
    assert "validation taken from train; 2 classes" in data.notes[0]
    write_classes(tmp_path / "val", 4, first_seed=200)
    data = load(tmp_path)
    assert counts(data) == [60, 8, 10]
    assert piles(data)[2] == tests
    assert "taken from train" not in data.notes[0]


def test_a_class_may_be_called_like_a_split(tmp_path):
    write_classes(tmp_path, 10, ("bus", "train"))
    assert load(tmp_path).class_names == ("bus", "train")


def test_a_single_subfolder_is_no_class(tmp_path):
    write_pile(tmp_path / "train/images", 10)
    write_pile(tmp_path / "test/images", 4, first_seed=50)
    data = load(tmp_path)
    assert data.class_names is None
    assert counts(data) == [9, 1, 4]


def test_copies_never_sit_in_two_given_splits(tmp_path):
    files = write_pile(tmp_path / "train", 20)
    write_pile(tmp_path / "test", 4, first_seed=50)
    shutil.copy(files[3], tmp_path / "test/copy.png")
    with pytest.warns(UserWarning, match="Copies of files in other splits are left out of train of .*: 1"):
        data = load(tmp_path)
    assert counts(data) == [17, 2, 5]
    assert all(not set(one) & set(other) for one, other in combinations(piles(data), 2))
    assert "left out, as copies or beyond 10,000 of a split: 1" in data.notes[0]


def test_a_held_out_split_is_capped(tmp_path, monkeypatch):
    write_pile(tmp_path / "x", 40)
    monkeypatch.setattr(bench.datasets.content_split, "LARGEST_HELD_OUT", 3)
    assert counts(load(tmp_path / "x")) == [34, 3, 3]
    write_pile(tmp_path / "split/train", 20)
    write_pile(tmp_path / "split/test", 9, first_seed=50)
    assert counts(load(tmp_path / "split")) == [18, 2, 3]


@settings(deadline=None, max_examples=60)
@given(
    copies=st.lists(st.integers(1, 6), min_size=2, max_size=40),
    at_most=st.integers(1, 60),
    seed=st.integers(0, 1000),
)
def test_choice_by_content(copies, at_most, seed):
    shuffle = random.Random(seed)
    contents = [f"{shuffle.getrandbits(256):064x}" for _ in copies]
    digests = [content for content, n in zip(contents, copies, strict=True) for _ in range(n)]
    chosen = chosen_by_content(digests, at_most)
    inside, outside = (
        {digests[i] for i in range(len(digests)) if (i in chosen) == kept} for kept in (True, False)
    )
    assert not inside & outside  # copies stay together
    assert inside
    assert outside or at_most >= len(digests)
    assert len(chosen) <= max(at_most, min(copies))
    order = shuffle.sample(range(len(digests)), len(digests))
    again = chosen_by_content([digests[i] for i in order], at_most)
    assert {order[i] for i in again} == chosen  # whatever the order they are listed in


@settings(deadline=None, max_examples=15)
@given(
    seeds=st.lists(st.integers(0, 12), min_size=8, max_size=25).filter(lambda found: len(set(found)) > 4),
    shuffle=st.randoms(use_true_random=False),
)
def test_splits_never_overlap_and_depend_on_content_alone(seeds, shuffle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for i, seed in enumerate(seeds):
        write_picture(folder / f"one/{i:03d}.png", seed, size=(8, 8))
    names = shuffle.sample(range(1000), len(seeds))
    for name, seed in zip(names, seeds, strict=True):
        write_picture(folder / f"two/{name}.png", seed, size=(8, 8))
    one, two = (load(folder / name) for name in ("one", "two"))
    assert sum(counts(one)) == len(seeds)
    assert all(not set(a) & set(b) for a, b in combinations(piles(one), 2))
    assert list(map(sorted, piles(one))) == list(map(sorted, piles(two)))


def test_the_fingerprint_is_of_files_classes_splits_and_reading(tmp_path):
    write_classes(tmp_path / "a", 10)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first = load(tmp_path / "a").fingerprint
    assert load(tmp_path / "b").fingerprint == first
    assert load(tmp_path / "a", stream="always").fingerprint == first
    assert len(first) == 16
    others = {load(tmp_path / "a", 8).fingerprint}
    (tmp_path / "b/cats/000.png").rename(tmp_path / "b/cats/zzz.png")
    others.add(load(tmp_path / "b").fingerprint)
    (tmp_path / "b/cats/zzz.png").rename(tmp_path / "b/dogs/zzz.png")
    others.add(load(tmp_path / "b").fingerprint)
    write_picture(tmp_path / "b/dogs/zzz.png", 4321)
    others.add(load(tmp_path / "b").fingerprint)
    assert len(others | {first}) == 5


@pytest.mark.parametrize(
    ("sizes", "side"),
    [
        ([(28, 28)], 28),  # all the same square
        ([(128, 128)], 128),
        ([(100, 100)], 64),  # not one that networks double up to
        ([(512, 512)], 64),
        ([(48, 60)], 48),
        ([(50, 60), (60, 50)], 48),
        ([(300, 200), (200, 300), (20, 20)], 64),
        ([(5, 5)], 8),
    ],
)
def test_the_size_when_none_is_asked_for(sizes, side, tmp_path):
    for i in range(9):
        write_picture(tmp_path / f"{i}.png", i, size=sizes[i % len(sizes)])
    data = load(tmp_path)
    assert data.shape == (1, side, side)
    assert ("resized from" in data.notes[0]) == (sizes != [(side, side)])
    assert load(tmp_path, 12).shape == (1, 12, 12)


def test_gray_and_colour_together_are_colour_and_it_is_said(tmp_path):
    write_pile(tmp_path, 8, mode="RGB")
    assert load(tmp_path).shape == (3, 16, 16)
    for i in range(3):
        write_picture(tmp_path / f"gray{i}.png", 100 + i)
    data = load(tmp_path)
    assert data.shape == (3, 16, 16)
    assert "; gray pictures read as colour: 3" in data.notes[0]


def test_streamed_training_pictures_are_the_same_as_in_memory(tmp_path, monkeypatch):
    write_classes(tmp_path, 40)
    here, there = load(tmp_path, 12), load(tmp_path, 12, stream="always")
    assert isinstance(there.train.samples, ImageFiles)
    assert "train streamed" in there.notes[0]
    assert there.train.samples.shape == tuple(here.train.samples.shape)
    assert torch.equal(there.train.samples.fetch(torch.arange(len(here.train.samples))), here.train.samples)
    assert torch.equal(there.train.labels, here.train.labels)
    for split in ("validation", "test"):
        assert torch.equal(getattr(there, split).samples, getattr(here, split).samples)
    # By itself it streams what would not fit, and not otherwise.
    assert isinstance(load(tmp_path, 12).train.samples, torch.Tensor)
    monkeypatch.setattr(bench.datasets.folder, "available_bytes", lambda: 4 * 64 * 12 * 12 - 1)
    assert isinstance(load(tmp_path, 12).train.samples, ImageFiles)
    assert isinstance(load(tmp_path, 12, stream="never").train.samples, torch.Tensor)
    monkeypatch.setattr(bench.datasets.folder, "available_bytes", lambda: 4 * 64 * 12 * 12)
    assert isinstance(load(tmp_path, 12).train.samples, torch.Tensor)


@pytest.mark.parametrize("stream", ["always", "never"])
def test_damage_is_refused_by_name_or_skipped_and_counted(stream, tmp_path):
    write_classes(tmp_path / "all", 30)
    shutil.copytree(tmp_path / "all", tmp_path / "fewer")
    for name in ("cats/003.png", "dogs/017.png"):
        cut_in_half(tmp_path / "all" / name)
        (tmp_path / "fewer" / name).unlink()
    (tmp_path / "all/cats/zero.jpg").touch()
    with pytest.raises(
        InputError, match=r"The picture .*zero\.jpg is damaged: the file is empty; .*--skip-damaged"
    ):
        load(tmp_path / "all", stream=stream)
    (tmp_path / "all/cats/zero.jpg").unlink()
    with pytest.raises(InputError, match=r"(003|017)\.png is damaged.*--skip-damaged leaves out such files"):
        load(tmp_path / "all", stream=stream)
    (tmp_path / "all/cats/zero.jpg").touch()
    skipped = load(tmp_path / "all", stream=stream, skip_damaged=True)
    without = load(tmp_path / "fewer", stream=stream)
    assert (skipped.images_skipped, without.images_skipped) == (3, 0)
    assert "; skipped, as they cannot be read: 3" in skipped.notes[0]
    # As if they had never been there: the same splits, the same fingerprint.
    assert skipped.fingerprint == without.fingerprint
    assert counts(skipped) == counts(without)


def test_a_picture_that_is_damaged_later_is_named_when_it_is_fetched(tmp_path):
    files = write_pile(tmp_path, 20)
    data = load(tmp_path, stream="always")
    for path in files:
        cut_in_half(path)
    with pytest.raises(UnreadableImageError, match=r"\d\d\d\.png is damaged"):
        data.train.samples.fetch(torch.tensor([5]))


def test_a_path_may_hold_colons_spaces_and_the_home_folder(tmp_path, monkeypatch):
    write_pile(tmp_path / "a: b #1", 10)
    assert load(tmp_path / "a: b #1").name == "folder:a: b #1"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("~/a: b #1").name == "folder:a: b #1"
    monkeypatch.chdir(tmp_path / "a: b #1")
    assert load(".").name == "folder:a: b #1"


def broken(folder: Path, what: str) -> None:
    match what:
        case "empty":
            folder.mkdir()
        case "a file":
            write_pile(folder.parent, 1)[0].rename(folder)
        case "no pictures":
            (folder / "below").mkdir(parents=True)
            (folder / "below/notes.txt").write_text("x")
        case "loose and classes":
            write_classes(folder, 5)
            write_picture(folder / "loose.png", 99)
        case "loose beside splits":
            write_classes(folder / "train", 5)
            write_picture(folder / "loose.png", 99)
        case "more than splits":
            for name in ("train", "test", "extra"):
                write_pile(folder / name, 5, first_seed=len(name) * 10)
        case "a split twice":
            for i, name in enumerate(("train", "val", "validation")):
                write_pile(folder / name, 5, first_seed=10 * i)
        case "no train":
            write_pile(folder / "test", 5)
        case "other classes":
            write_classes(folder / "train", 5)
            write_classes(folder / "test", 5, ("cats", "rabbits"), first_seed=50)
        case "classes in one only":
            write_classes(folder / "train", 5)
            write_pile(folder / "test", 5, first_seed=50)
        case "copies of one":
            for i in range(9):
                write_picture(folder / f"{i}.png", 1)
        case "two":
            write_pile(folder, 2)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("missing", "pictures .*mine is not there"),
        ("a file", "mine is a file, not a folder"),
        ("empty", r"mine holds no pictures: no file in it or below ends in \.apng, \.avif"),
        ("no pictures", "mine holds no pictures"),
        ("loose and classes", r"pictures of its own \(loose\.png\) beside subfolders with pictures \(cats\)"),
        ("loose beside splits", r"pictures of its own \(loose\.png\) beside the subfolders train"),
        ("more than splits", "the subfolder 'extra' beside test, train"),
        ("a split twice", "has a split twice: train, val, validation"),
        ("no train", "has test, but no subfolder train"),
        ("other classes", "the classes differ between train and test: 'dogs' is in one of them only"),
        ("classes in one only", "the classes differ between train and test"),
        ("copies of one", "has no picture left for .*: it has 9 that can be read"),
        ("two", "has no picture left for train: it has 2 that can be read"),
    ],
)
def test_a_folder_that_is_not_clear_is_refused_in_a_sentence(what, words, tmp_path):
    broken(tmp_path / "mine", what)
    with pytest.raises((InputError, MetricError), match=words) as refusal:
        load(tmp_path / "mine")
    assert str(refusal.value).endswith((".", ")"))
    assert "\n" not in str(refusal.value)


def test_a_run_on_a_folder_counts_what_was_skipped_and_knows_it_again(run):
    write_pile(Path("mine"), 90)
    command = f"{VANILLA} --dataset folder:mine --skip-damaged --batch-size 16"
    assert run(command).code == cli.OK
    assert results.load("runs")["images_skipped"].unique().tolist() == [0]
    cut_in_half(write_picture(Path("mine/new.png"), 12345))
    done = run(command + " --metrics parzen --samples 20")
    assert done.code == cli.OK
    assert "mine: 72 train, 9 validation, 9 test" in done.err
    assert "skipped, as they cannot be read: 1" in done.err
    frame = results.load("runs")
    # The damaged file changes nothing but the count: the finished training was scored, not done again.
    assert frame["training_id"].nunique() == 1
    assert frame.groupby("attempt")["trained"].first().tolist() == [True, False]
    assert frame.groupby("attempt")["images_skipped"].first().tolist() == [0, 1]
    assert frame["dataset"].unique().tolist() == ["folder:mine"]
    assert "mine" not in run(command + " --quiet").err


def test_a_class_of_damaged_pictures_alone_is_none(tmp_path):
    write_classes(tmp_path / "some", 20)
    whole = load(tmp_path / "some")
    (tmp_path / "some" / "ants").mkdir()
    (tmp_path / "some" / "ants" / "x.png").write_bytes(b"not a picture")
    skipped = load(tmp_path / "some", skip_damaged=True)
    assert skipped.class_names == whole.class_names == ("cats", "dogs")
    assert skipped.fingerprint == whole.fingerprint
    assert torch.equal(skipped.train.labels, whole.train.labels)
    assert skipped.images_skipped == 1


def test_the_classes_are_part_of_the_content(tmp_path):
    write_pile(tmp_path / "flat", 30)
    write_pile(tmp_path / "one" / "train" / "cats", 30)
    write_pile(tmp_path / "two" / "train" / "cats", 30)
    write_pile(tmp_path / "two" / "train" / "dogs", 1, first_seed=99)
    prints = {load(tmp_path / name).fingerprint for name in ("flat", "one", "two")}
    assert len(prints) == 3
