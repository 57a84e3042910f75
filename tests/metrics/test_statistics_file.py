"""Saved statistics say who made them of what, are shared with pytorch-fid, and never half read."""

import dataclasses
import json
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import (
    MetricError,
    Moments,
    Statistics,
    StatisticsMetadata,
    is_statistics_file,
    load_statistics,
    save_statistics,
)

D, N = 6, 40
FEATURES = torch.randn(N, D, generator=torch.Generator().manual_seed(0))
MOMENTS = Moments.of(FEATURES)


@dataclasses.dataclass
class Made:
    """What an extractor says of itself."""

    name: str = "mine"
    sha256: str = "1" * 64
    dim: int = D
    outputs: str = "pool"
    resize: str = "none"
    grayscale: str = "repeated"
    value_range: str = "[-1, 1]"
    dtype: str = "float32"
    key: str = "2" * 64


METADATA = StatisticsMetadata.of(Made(), reference="ring/test", content_sha256="3" * 64, n=N)


def statistics(**others) -> Statistics:
    known = {"mean": MOMENTS.mean, "covariance": MOMENTS.covariance, "n": N, "metadata": METADATA}
    return Statistics(**{**known, **others})


@pytest.mark.parametrize("kept", [{}, {"features": FEATURES}])
@pytest.mark.parametrize("metadata", [METADATA, None])
def test_what_was_saved_is_loaded_bit_for_bit(kept, metadata, tmp_path):
    path = tmp_path / "ours.npz"
    save_statistics(path, statistics(metadata=metadata, **kept))
    loaded = load_statistics(path)
    assert torch.equal(loaded.mean, MOMENTS.mean)
    assert torch.equal(loaded.covariance, MOMENTS.covariance)
    assert (loaded.n, loaded.metadata) == (N, metadata)
    for name in ("features",):
        found = getattr(loaded, name)
        assert (found is None) == (name not in kept)
        assert found is None or torch.equal(found, kept[name])
    assert is_statistics_file(path)
    assert [file.name for file in tmp_path.iterdir()] == ["ours.npz"]  # nothing temporary is left


def test_pytorch_fid_reads_ours_and_we_its(tmp_path):
    fid_score = pytest.importorskip("pytorch_fid.fid_score")
    save_statistics(tmp_path / "ours.npz", statistics())
    mean, covariance = fid_score.compute_statistics_of_path(str(tmp_path / "ours.npz"), None, 1, D, "cpu")
    assert np.array_equal(mean, MOMENTS.mean)
    assert np.array_equal(covariance, MOMENTS.covariance)
    # As its save_fid_stats does.
    rows = FEATURES.double().numpy()
    np.savez_compressed(tmp_path / "its.npz", mu=rows.mean(axis=0), sigma=np.cov(rows, rowvar=False))
    its = load_statistics(tmp_path / "its.npz")
    assert (its.n, its.metadata, its.features) == (None, None, None)
    # Two orders of summing 40 rows of size 1 in float64.
    torch.testing.assert_close(its.covariance, MOMENTS.covariance, rtol=0, atol=1e-13)
    assert its.caveat == (
        "nothing says which extractor made the reference statistics, nor of which images, nor of how many"
    )
    assert load_statistics(tmp_path / "ours.npz").caveat is None


def test_guided_diffusions_reference_is_read_without_its_images(tmp_path):
    path = tmp_path / "adm.npz"
    spatial = np.eye(3)
    np.savez(path, mu=np.zeros(D), sigma=np.eye(D), mu_s=np.zeros(3), sigma_s=spatial)
    assert load_statistics(path).dim == D
    assert is_statistics_file(path)


def test_float32_of_others_is_taken_and_a_little_asymmetry_evened_out(tmp_path):
    path = tmp_path / "its.npz"
    sigma = np.cov(FEATURES.numpy(), rowvar=False).astype(np.float32)
    sigma[0, 1] *= 1 + 1e-6
    np.savez(path, mu=np.zeros(D, ">f4"), sigma=np.asfortranarray(sigma))
    loaded = load_statistics(path)
    assert loaded.covariance.dtype == torch.float64
    assert torch.equal(loaded.covariance, loaded.covariance.T)
    assert float(loaded.covariance[0, 1]) == pytest.approx(
        (float(sigma[0, 1]) + float(sigma[1, 0])) / 2, rel=1e-12
    )


NOT_FINITE, NEGATIVE, SKEW = np.eye(D), np.eye(D), np.eye(D)
NOT_FINITE[1, 2] = np.nan
NEGATIVE[3, 3] = -0.1
SKEW[0, 1] = 1e-4

REFUSED = [
    ({"mu": np.zeros(D)}, "holds no statistics: there is no sigma in it"),
    ({"x": np.zeros(D)}, "there is no mu and no sigma in it"),
    ({"mu": np.zeros(D), "sigma": np.eye(D + 1)}, r"a covariance \(d, d\), got \(6,\) and \(7, 7\)"),
    ({"mu": np.zeros(D), "sigma": np.ones((D, D + 1))}, r"got \(6,\) and \(6, 7\)"),
    ({"mu": np.zeros((1, D)), "sigma": np.eye(D)}, "'mu' .* must hold floats along 1 axes"),
    ({"mu": np.zeros(D), "sigma": np.ones(D)}, "'sigma' .* must hold floats along 2 axes"),
    ({"mu": np.zeros(0), "sigma": np.zeros((0, 0))}, "'mu' .* must hold floats"),
    ({"mu": np.zeros(D, int), "sigma": np.eye(D)}, "'mu' .* must hold floats .*, got int64"),
    ({"mu": np.zeros(D), "sigma": NOT_FINITE}, "'sigma' .* must be finite"),
    ({"mu": np.full(D, np.inf), "sigma": np.eye(D)}, "'mu' .* must be finite"),
    ({"mu": np.zeros(D), "sigma": SKEW}, "'sigma' .* must be symmetric, and is off by 1.0e-04"),
    ({"mu": np.zeros(D), "sigma": NEGATIVE}, "has a negative variance, -0.1, so it is no covariance"),
    ({"mu": np.zeros(D), "sigma": np.eye(D), "n": np.float64(3)}, "'n' .* must be one integer, got float64"),
    ({"mu": np.zeros(D), "sigma": np.eye(D), "n": 1}, "must be of at least 2 images, got 1"),
    ({"mu": np.zeros(D), "sigma": np.eye(D), "features": FEATURES}, r"got torch.float32 of shape \(40, 6\)"),
    ({"mu": np.zeros(D), "sigma": np.eye(D), "n": 40, "features": FEATURES[:, :5]}, r"of shape \(40, 5\)"),
    ({"mu": np.array([None] * D), "sigma": np.eye(D)}, "'mu' .* holds Python objects"),
]


@pytest.mark.parametrize(("arrays", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_are_no_statistics_is_refused(arrays, words, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(MetricError, match=words) as refusal:
        load_statistics(tmp_path / "a.npz")
    assert str(tmp_path / "a.npz") in str(refusal.value)


def test_pickles_and_other_files_are_refused_unopened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("it was unpickled",))

    for name in ("stylegan.pkl", "fidelity.pt", "masked.npz"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        words = "is damaged, or no zip" if name.endswith("npz") else "a pickle .* could run any code"
        with pytest.raises(MetricError, match=words):
            load_statistics(tmp_path / name)
    with pytest.raises(MetricError, match="there is no file of statistics"):
        load_statistics(tmp_path / "gone.npz")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: {**d, "format": 2}, "is of format 2, and this version of gan-bench reads 1"),
        (lambda d: {**d, "n": 41}, "is of 40 images, and says that it is of 41"),
        (lambda d: {**d, "n": "40"}, "does not say in a way that can be read who made it"),
        (lambda d: {key: d[key] for key in d if key != "resize"}, "does not say in a way"),
        (lambda d: [d], "does not say in a way"),
    ],
)
def test_metadata_that_cannot_be_read_is_not_taken_for_none(change, words, tmp_path):
    save_statistics(tmp_path / "a.npz", statistics())
    with np.load(tmp_path / "a.npz") as arrays:
        saved = dict(arrays)
    saved["gan_bench"] = np.array(json.dumps(change(json.loads(str(saved["gan_bench"])))))
    np.savez(tmp_path / "a.npz", **saved)
    with pytest.raises(MetricError, match=words):
        load_statistics(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **{**saved, "gan_bench": np.zeros(3)})
    with pytest.raises(MetricError, match="does not say in a way"):
        load_statistics(tmp_path / "a.npz")


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_no_single_byte_of_damage_is_other_statistics(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("statistics") / "a.npz"
    save_statistics(path, statistics(features=FEATURES))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        loaded = load_statistics(path)
    except MetricError as error:
        assert str(path) in str(error)  # noqa: PT017  # no error is right, too
    else:  # in a date, or the name of a key that may be missing: what is there is as it was
        assert torch.equal(loaded.mean, MOMENTS.mean)
        assert torch.equal(loaded.covariance, MOMENTS.covariance)
        assert loaded.metadata in (METADATA, None)


def test_a_cut_file_is_damaged(tmp_path):
    path = tmp_path / "a.npz"
    save_statistics(path, statistics())
    content = path.read_bytes()
    for cut in (0, 20, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(MetricError, match="is damaged"):
            load_statistics(path)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"covariance": torch.eye(D + 1, dtype=torch.float64)}, "a covariance"),
        ({"mean": MOMENTS.mean.float()}, "in float64"),
        ({"covariance": torch.full((D, D), torch.nan, dtype=torch.float64)}, "must be finite"),
        ({"covariance": torch.ones(D, D).triu().double()}, "symmetric"),
        ({"n": 1}, "at least 2 images"),
        ({"features": FEATURES.double()}, "float32 features"),
        ({"n": 41}, "is of 41 images, and says that it is of 40"),
    ],
)
def test_what_does_not_fit_together_is_not_saved_and_what_was_there_stays(wrong, words, tmp_path):
    path = tmp_path / "a.npz"
    save_statistics(path, statistics())
    before = path.read_bytes()
    with pytest.raises(MetricError, match=words):
        save_statistics(path, statistics(**wrong))
    assert path.read_bytes() == before
    with pytest.raises(MetricError, match=r"ends in \.npz"):
        save_statistics(tmp_path / "a.pt", statistics())
    with pytest.raises(MetricError, match="cannot be written: No such file"):
        save_statistics(tmp_path / "gone/a.npz", statistics())


def test_a_writing_that_breaks_off_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    save_statistics(path, statistics())
    before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(MetricError, match=r"a\.npz cannot be written: No space left on device"):
        save_statistics(path, statistics(n=N, metadata=None))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_equal_statistics_give_equal_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        save_statistics(tmp_path / name, statistics(features=FEATURES))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "other", r"made with the extractor mine \(here: other\)$"),
        ("sha256", "9" * 64, f"made with weights {'1' * 64} .here: {'9' * 64}"),
        ("resize", "bicubic", r"the resize none \(here: bicubic\)$"),
        ("grayscale", "none", r"the gray rule repeated \(here: none\)$"),
        ("value_range", "[0, 1]", r"values \[-1, 1\] \(here: \[0, 1\]\)$"),
        ("dtype", "bfloat16", r"the precision float32 \(here: bfloat16\)$"),
        ("key", "8" * 64, "the key 2222"),
        ("dim", D + 1, "have 6 features, and mine makes 7"),
    ],
)
def test_features_of_another_extractor_are_refused_by_what_differs(field, value, words):
    statistics().matches(Made())
    with pytest.raises(MetricError, match=words):
        statistics().matches(dataclasses.replace(Made(), **{field: value}))
    foreign = statistics(metadata=None)
    if field == "dim":
        with pytest.raises(MetricError, match=words):
            foreign.matches(dataclasses.replace(Made(), dim=D + 1))
    else:
        foreign.matches(dataclasses.replace(Made(), **{field: value}))  # nothing is known: see `caveat`
