"""Arrays in files: which of their axes is which, and which are refused."""

import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from written_piles import noise, patch_directory

from metrics import MetricError, npz, open_pile

COLOUR, GRAY = noise(5, 7, 6), noise(5, 7, 6, 1)


def fetched(path, **options) -> np.ndarray:
    pile = open_pile(path, **options)
    return pile.fetch(torch.arange(len(pile))).numpy()


def save(path, array, **others):
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        np.savez(path, arr_0=array, **others)
    return path


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (COLOUR, COLOUR.transpose(0, 3, 1, 2)),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR.transpose(0, 3, 1, 2)),
        (GRAY, GRAY[:, None]),
        (GRAY[:, None], GRAY[:, None]),
        (GRAY[:, :, :, None], GRAY[:, None]),
        (COLOUR[:1], COLOUR[:1].transpose(0, 3, 1, 2)),
        (GRAY[:1], GRAY[:1, None]),
    ],
    ids=["nhwc", "nchw", "nhw", "n1hw", "nhw1", "one image", "one gray image"],
)
def test_axes_are_told_by_their_length(array, expected, order, suffix, tmp_path):
    path = save(tmp_path / f"a.{suffix}", np.asarray(array, order=order))
    found = fetched(path)
    assert np.array_equal(found, expected)
    assert found.flags.c_contiguous
    found[:] = 0  # what is fetched is the caller's own
    assert np.array_equal(fetched(path), expected)


REFUSED = [
    (np.zeros((4, 3, 8, 3), np.uint8), r"\(N, C, H, W\) as well as \(N, H, W, C\)"),
    (np.zeros((4, 8, 8, 4), np.uint8), "has no axis of 1 or 3 channels"),
    (np.zeros((8, 8, 3), np.uint8), "may be one colour image, or gray ones"),
    (np.zeros((3, 8, 8), np.uint8), "may be one colour image, or gray ones"),
    (np.zeros((4, 8), np.uint8), r"must have the shape .*, got \(4, 8\)"),
    (np.zeros(8, np.uint8), r"got \(8,\)"),
    (np.uint8(3), r"got \(\)"),
    (np.zeros((2, 4, 8, 8, 3), np.uint8), r"got \(2, 4, 8, 8, 3\)"),
    (np.zeros((0, 8, 8, 3), np.uint8), "holds no images"),
    (np.zeros((4, 0, 8, 3), np.uint8), "holds no images"),
    (np.zeros((4, 8, 8, 3), np.float32), r"holds float32, .*\[0, 1\], \[−1, 1\] or 0\.\.255 is meant"),
    (np.full((4, 8, 8, 3), np.nan), r"holds float64 \(and is not finite in its first image\)"),
    (np.full((4, 8, 8, 3), np.inf, np.float16), "holds float16 .and is not finite"),
    (np.zeros((4, 8, 8, 3), np.int64), r"holds int64; where all values lie in 0\.\.255, save"),
    (np.zeros((4, 8, 8, 3), np.uint16), "holds uint16"),
    (np.zeros((4, 8, 8, 3), bool), "holds bool; save 0 and 255"),
    (np.zeros((4, 8, 8, 3), np.complex64), "holds complex64"),
    (np.array([["a", "b"]] * 2), r"got \(2, 2\)"),
    (np.zeros((4, 8, 8, 3), [("r", "u1")]), "holds "),
    (np.array([noise(1), None], object), "holds Python objects, which could run any code"),
]


@pytest.mark.parametrize(("array", "words"), REFUSED, ids=[f"{a.dtype}{a.shape}" for a, _ in REFUSED])
def test_an_array_that_is_not_clear_is_refused(array, words, tmp_path):
    with pytest.raises(MetricError, match=words) as refusal:
        open_pile(save(tmp_path / "a.npy", array))
    assert str(tmp_path / "a.npy") in str(refusal.value)
    np.savez(tmp_path / "a.npz", images=array)
    expected = words if array.ndim in (3, 4) or array.dtype.hasobject else "no array holds images"
    with pytest.raises(MetricError, match=expected):
        open_pile(tmp_path / "a.npz")


def test_the_one_array_of_images_is_found_whatever_its_name(tmp_path):
    path = tmp_path / "a.npz"
    for key in ("arr_0", "images", "samples", "fake", "whatever"):
        np.savez(path, **{key: COLOUR, "mu": np.zeros(4), "sigma": np.eye(4)})
        assert np.array_equal(fetched(path), COLOUR.transpose(0, 3, 1, 2))
    np.savez(path, x=GRAY, meta=np.array("text"))
    assert fetched(path).shape == (5, 1, 7, 6)
    np.savez(path, real=COLOUR, fake=COLOUR)
    with pytest.raises(
        MetricError, match=r"several arrays may be the images: real, fake; .* real \(5, 7, 6, 3\)"
    ):
        open_pile(path)
    np.savez(path, mu=np.zeros(4), sigma=np.eye(4))
    with pytest.raises(MetricError, match="it holds statistics of images, not images"):
        open_pile(path)
    np.savez(path)
    with pytest.raises(MetricError, match="no array holds images"):
        open_pile(path)


@pytest.mark.parametrize("key", ["labels", "label", "y", "arr_1"])
def test_labels_beside_images_are_found(key, tmp_path):
    path = save(tmp_path / "a.npz", COLOUR, **{key: np.array([3, 0, 0, 1, 2], np.uint8)})
    pile = open_pile(path)
    assert pile.labels.dtype == torch.int64
    assert pile.labels.tolist() == [3, 0, 0, 1, 2]
    assert pile.class_names is None


def test_labels_that_are_none_are_refused_unless_numpy_named_them(tmp_path):
    for labels in (np.zeros(4, int), np.zeros(5), np.zeros((5, 1), int)):
        with pytest.raises(MetricError, match=r"'y' in .* must be the 5 images' classes as integers, got"):
            open_pile(save(tmp_path / "a.npz", COLOUR, y=labels))
        assert open_pile(save(tmp_path / "a.npz", COLOUR, arr_1=labels)).labels is None
    with pytest.raises(MetricError, match="must hold classes from 0 on, got -1"):
        open_pile(save(tmp_path / "a.npz", COLOUR, y=np.array([0, 1, -1, 0, 0])))


def test_what_is_done_to_images_is_recorded(tmp_path):
    pile = open_pile(save(tmp_path / "a.npy", COLOUR), size=3, channels=1)
    assert pile.shape == (5, 1, 3, 3)
    assert pile.formats == {"array": 5}
    assert pile.warnings == (
        "images, 6 × 7, are cut to squares and resized to 3 × 3",
        "colour pictures are reduced to ITU-R 601 luma: 5 of 5",
    )
    gray = open_pile(save(tmp_path / "g.npy", GRAY), channels=3)
    assert gray.warnings == ("gray pictures are repeated to three channels: 5 of 5",)
    plain = open_pile(save(tmp_path / "a.npy", COLOUR))
    # Bytes that are read in another way are other images: a cache must not take one for the other.
    converted = open_pile(save(tmp_path / "g.npy", GRAY)).content
    assert len({plain.content, pile.content, gray.content, converted}) == 4


def test_arrays_are_mapped_not_loaded_unless_they_are_compressed(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "memory_bytes", lambda: 100)  # of a machine that could hold none of these
    expected = COLOUR.transpose(0, 3, 1, 2)
    assert np.array_equal(fetched(save(tmp_path / "a.npy", COLOUR)), expected)
    assert np.array_equal(fetched(save(tmp_path / "a.npz", COLOUR)), expected)
    np.savez_compressed(tmp_path / "c.npz", COLOUR)
    with pytest.raises(
        MetricError, match=r"unpacks to 0\.0 GiB, too much for this machine's memory; save it"
    ):
        open_pile(tmp_path / "c.npz")


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "c.npz"])
def test_a_file_that_is_cut_off_is_damaged(name, tmp_path):
    path = tmp_path / name
    (np.savez_compressed if name[0] == "c" else save)(path, COLOUR)
    content = path.read_bytes()
    for cut in (0, 4, 60, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(MetricError, match=rf"{name} is damaged"):
            open_pile(path)
    path.write_bytes(b"junk" * 100)
    with pytest.raises(MetricError, match=rf"{name} is damaged"):
        open_pile(path)


@pytest.mark.parametrize("fields", [{"crc": 1}, {"size": 200}, {"size": 1 << 31}, {"flags": 1}])
@pytest.mark.parametrize("save_as", [np.savez, np.savez_compressed])
def test_an_npz_is_guarded_as_a_zip_is(fields, save_as, tmp_path):
    save_as(tmp_path / "a.npz", COLOUR)
    with pytest.raises(MetricError, match=r"is damaged|is encrypted|as a zip bomb's do"):
        open_pile(patch_directory(tmp_path / "a.npz", **fields))


def test_a_header_that_promises_the_moon_is_damage(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        moon = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 64, 64, 3)}
        np.lib.format.write_array_header_1_0(file, moon)
        file.write(bytes(1000))
    with pytest.raises(MetricError, match="takes 12,288,000,000,000 bytes, and there are 1,000"):
        open_pile(path)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_no_single_byte_of_damage_is_an_exception_of_another_kind_nor_other_images(data, tmp_path_factory):
    packed = data.draw(st.booleans())
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    (np.savez_compressed if packed else np.savez)(path, images=COLOUR)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        found = fetched(path)
    except MetricError as error:
        assert str(path) in str(error)  # noqa: PT017  # no error is right, too
    else:  # where it does not matter, as in a date; else the checksum tells
        assert np.array_equal(found, COLOUR.transpose(0, 3, 1, 2))
