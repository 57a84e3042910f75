"""The Toronto faces: from .mat files of the genuine layout that the test writes, and of others."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from bench import datasets
from bench.errors import InputError

N = 120


def layout(side: int = 48) -> dict[str, np.ndarray]:
    """As the genuine file has it: 0 unlabelled in every fold, 1 train, 2 validation, 3 test; labels 1…7."""
    rng = np.random.default_rng(0)
    labelled = np.arange(N) % 3 == 0
    folds = np.where(labelled[:, None], rng.integers(1, 4, (N, 5)), 0)
    expressions = np.where(labelled, rng.integers(1, 8, N), -1)
    return {
        "images": rng.integers(0, 256, (N, side, side), dtype=np.uint8),
        "folds": folds.astype(np.uint8),
        "labs_ex": expressions.astype(np.int16)[:, None],
        "labs_id": np.arange(N, dtype=np.int16)[:, None],
    }


def write(path: Path, found: dict[str, np.ndarray], **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, found, **options)
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_tfd_learns_from_the_unlabelled_faces_as_gan_2014_did(compressed, tmp_path):
    found = layout()
    write(tmp_path / "tfd/TFD_48x48.mat", found, do_compression=compressed)
    data = datasets.get("tfd").load(tmp_path)
    assert (data.name, data.shape, data.class_names) == ("tfd", (1, 48, 48), None)
    for split, part in ((data.train, 0), (data.validation, 2), (data.test, 3)):
        assert np.array_equal(split.samples[:, 0].numpy(), found["images"][found["folds"][:, 0] == part])
        assert split.labels is None


@pytest.mark.parametrize("fold", [0, 3])
def test_a_fold_and_its_expressions(fold, tmp_path):
    found = layout()
    path = write(tmp_path / "my faces.mat", found)
    data = datasets.get(f"tfd-expressions:{path}#{fold}").load(Path("nowhere"))
    assert data.name == ("tfd-expressions" if fold == 0 else "tfd-expressions-fold3")
    assert data.class_names[0] == "anger"
    assert len(data.class_names) == 7
    for split, part in ((data.train, 1), (data.validation, 2), (data.test, 3)):
        chosen = found["folds"][:, fold] == part
        assert np.array_equal(split.samples[:, 0].numpy(), found["images"][chosen])
        assert split.labels.tolist() == (found["labs_ex"][chosen, 0] - 1).tolist()
        assert split.labels.dtype == torch.int64


def test_folds_are_chosen_by_number_and_the_large_file_by_name(tmp_path):
    write(tmp_path / "tfd/TFD_48x48.mat", layout())
    assert datasets.get("tfd#2").load(tmp_path).name == "tfd-fold2"
    assert (
        datasets.get("tfd:#2").load(tmp_path).fingerprint == datasets.get("tfd#2").load(tmp_path).fingerprint
    )
    assert (
        datasets.get("tfd#1").load(tmp_path).fingerprint != datasets.get("tfd#2").load(tmp_path).fingerprint
    )
    large = write(tmp_path / "a #1 b/TFD_96x96.mat", layout(96))
    assert datasets.get(f"tfd:{large}").load(tmp_path).shape == (1, 96, 96)
    assert datasets.get(f"tfd:{large}").load(tmp_path, 48).shape == (1, 48, 48)


def other(**changes: np.ndarray) -> dict[str, np.ndarray]:
    return layout() | changes


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            {"x": np.zeros((2, 3)), "name": np.array(["a"])},
            r"not of the Toronto Face Database's layout: it holds x \(2 × 3 float64\), name",
        ),
        ({}, "layout: it holds nothing; needed are images"),
        (other(images=np.zeros((N, 48, 48))), r"images \(120 × 48 × 48 float64\)"),
        (other(images=np.zeros((N, 2304), np.uint8)), r"images \(120 × 2304 uint8\)"),
        (other(folds=np.ones((N, 4), np.uint8)), r"folds \(120 × 4 uint8\)"),
        (other(folds=np.full((N, 5), 7, np.uint8)), "of 0…3"),
        (other(labs_ex=np.ones((N - 1, 1))), r"labs_ex \(119 × 1 float64\)"),
        (other(folds=np.zeros((N, 5), np.uint8)), "has no faces marked 2 in fold 0, which tfd needs"),
    ],
)
def test_a_mat_file_of_another_layout_is_a_sentence_that_says_what_it_holds(found, words, tmp_path):
    path = write(tmp_path / "other.mat", found)
    with pytest.raises(InputError, match=words):
        datasets.get(f"tfd:{path}").load(tmp_path)


def test_labels_that_are_no_expression_are_refused(tmp_path):
    path = write(tmp_path / "other.mat", other(labs_ex=np.full((N, 1), 8)))
    with pytest.raises(InputError, match=r"whose expression \(labs_ex\) is not 1…7"):
        datasets.get(f"tfd-expressions:{path}").load(tmp_path)


def test_missing_damaged_and_newer_files_are_sentences(tmp_path):
    with pytest.raises(
        InputError, match=r"no file .*tfd/TFD_48x48\.mat: the Toronto Face Database is not public"
    ):
        datasets.get("tfd").load(tmp_path)
    path = write(tmp_path / "a.mat", layout(), do_compression=True)
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[: len(whole) // 2], b"some text\n" * 100):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.mat is damaged, or not a MATLAB file"):
            datasets.get(f"tfd:{path}").load(tmp_path)
    # The first bytes of every file that MATLAB 7.3 saves: text, then version 0x0200.
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" + b"\0" * 400)
    with pytest.raises(InputError, match=r"MATLAB 7\.3 \(HDF5\), which is not read; save it with -v7"):
        datasets.get(f"tfd:{path}").load(tmp_path)
    for fold in ("5", "-1", "x", ""):
        with pytest.raises(
            InputError, match=f"A fold of the Toronto faces is 0…4, as in tfd#3, not '{fold}'"
        ):
            datasets.get(f"tfd:{path}#{fold}").load(tmp_path)
