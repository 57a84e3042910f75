"""Any pile is streamed in order and whole, and its hash tells what is in it."""

import threading
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from written_piles import noise, pictures, write_folder, write_zip

from metrics import (
    ImageFiles,
    MetricError,
    as_pile,
    batches,
    content_sha256,
    image_warnings,
    open_pile,
    read_image,
)


class Counting:
    """A pile of numbered images that keeps count of what was fetched, and by whom."""

    dtype = torch.uint8

    def __init__(self, n: int, fails_at: int | None = None) -> None:
        self.shape = (n, 1, 1, 2)
        self.fails_at = fails_at
        self.fetched: list[int] = []
        self.threads: set[int] = set()
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return self.shape[0]

    def fetch(self, indices: torch.Tensor) -> torch.Tensor:
        with self.lock:
            self.fetched.extend(indices.tolist())
            self.threads.add(threading.get_ident())
        if self.fails_at in indices.tolist():
            raise MetricError("this one is damaged")
        return torch.stack([indices % 256, indices // 256], dim=1).to(torch.uint8)[:, None, None]


def everything(pile) -> torch.Tensor:
    return pile.fetch(torch.arange(len(pile)))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 300), size=st.integers(1, 320), workers=st.integers(1, 9))
def test_batches_are_all_samples_in_order_whatever_their_size_and_the_threads(n, size, workers):
    pile = Counting(n)
    given_out = list(batches(pile, size, workers=workers))
    assert [len(batch) for batch in given_out] == [size] * (n // size) + [n % size] * (n % size > 0)
    assert sorted(pile.fetched) == list(range(n))  # each one decoded once
    assert torch.equal(torch.cat(given_out), everything(pile))


@pytest.mark.parametrize(("size", "workers"), [(1, 1), (8, 3), (100, 4), (100, 1), (33, 2)])
def test_no_more_is_fetched_ahead_than_was_promised(size, workers):
    pile = Counting(5_000)
    stream = batches(pile, size, workers=workers)
    for n_given in range(1, 20):
        next(stream)
        # The bound that `batches` states, with what rounding up to whole pieces adds.
        assert len(pile.fetched) - size * n_given <= 2 * size + 16 * workers + workers
    stream.close()  # a caller who has seen enough: the threads end, what is left is never fetched
    assert len(pile.fetched) < 5_000


def test_the_first_error_is_raised_in_its_place(tmp_path):
    stream = batches(Counting(100, fails_at=50), 20, workers=3)
    assert len(next(stream)) == len(next(stream)) == 20
    with pytest.raises(MetricError, match="this one is damaged"):
        next(stream)


def test_a_tensor_is_cut_without_a_thread_or_a_copy():
    images = torch.from_numpy(noise(10)).permute(0, 3, 1, 2)
    parts = list(batches(images, 4))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert all(part.untyped_storage().data_ptr() == images.untyped_storage().data_ptr() for part in parts)
    pile = as_pile(images)
    assert as_pile(pile) is pile
    assert torch.equal(pile.fetch(torch.tensor([3, 1])), images[[3, 1]])


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (torch.zeros(4, 3, 8, 8), "uint8 image .* got torch.float32"),
        (torch.full((4, 2), torch.nan), "points must be finite"),
        (torch.zeros(4, 2, dtype=torch.float64), "float32 point .* got torch.float64"),
        (torch.zeros(4, 8, 8, 3, dtype=torch.uint8), r"got torch.uint8 of shape \(4, 8, 8, 3\)"),
        (torch.zeros(0, 3, 8, 8, dtype=torch.uint8), "at least one"),
        (torch.zeros(4, dtype=torch.uint8), "got torch.uint8 of shape"),
        (torch.zeros(4, 3, 8, 8, dtype=torch.bool), "got torch.bool"),
    ],
)
def test_what_is_no_pile_is_refused(samples, words):
    with pytest.raises(MetricError, match=words):
        as_pile(samples)
    with pytest.raises(MetricError, match=words):
        batches(samples, 2)
    with pytest.raises(MetricError, match=words):
        content_sha256(samples)


def test_batches_of_nothing_are_refused():
    for size, workers in ((0, 1), (1, 0)):
        with pytest.raises(MetricError, match="at least 1"):
            batches(Counting(3), size, workers=workers)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(4, 40),  # three gray images may be one of three channels: refused, see test_arrays
    height=st.integers(5, 8),
    width=st.integers(5, 8),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 1000),
    size=st.sampled_from([None, 3, 8]),
    asked=st.sampled_from([None, 1, 3]),
)
def test_the_same_pictures_are_the_same_pile_wherever_they_lie(
    n, height, width, channels, seed, size, asked, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("piles")
    pixels = noise(n, height, width, channels, seed)
    files = pictures(pixels)
    shuffled = dict(sorted(files.items(), key=lambda item: hash((seed, item[0]))))
    np.save(folder / "npy.npy", pixels)
    np.savez(folder / "npz.npz", images=pixels)
    np.savez_compressed(folder / "packed.npz", np.asfortranarray(pixels))
    nchw = pixels[:, None] if channels == 1 else pixels.transpose(0, 3, 1, 2)
    np.save(folder / "nchw.npy", nchw)
    in_files = [
        open_pile(path, size=size, channels=asked, workers=2)
        for path in (
            write_folder(folder / "folder", shuffled),
            write_zip(folder / "deflated.zip", shuffled),
            write_zip(folder / "stored.zip", shuffled, zipfile.ZIP_STORED),
        )
    ]
    in_arrays = [
        open_pile(folder / name, size=size, channels=asked, workers=2)
        for name in ("npy.npy", "npz.npz", "packed.npz", "nchw.npy")
    ]
    images = everything(in_files[0])
    if size is None and asked in (None, channels):
        assert np.array_equal(images.numpy(), nchw)
        assert in_arrays[0].content == content_sha256(images)
    for pile in (*in_files, *in_arrays):
        assert pile.shape == images.shape
        assert torch.equal(everything(pile), images)
        assert torch.equal(torch.cat(list(batches(pile, 7, workers=3))), images)
    assert len({pile.content for pile in in_files}) == 1
    assert len({pile.content for pile in in_arrays}) == 1


def test_a_content_hash_tells_shape_dtype_values_and_order_and_nothing_else():
    images = torch.from_numpy(noise(6, 4, 4)).permute(0, 3, 1, 2)
    known = content_sha256(images)
    assert content_sha256(images.contiguous()) == known == content_sha256(as_pile(images))
    changed = images.clone()
    changed[5, 2, 3, 3] ^= 1
    others = [changed, images.flip(0), images[:5], images.reshape(6, 3, 2, 8), images.reshape(18, 1, 4, 4)]
    points = torch.from_numpy(noise(6, 4, 4)[:, 0, :2, :1].reshape(6, 2).astype(np.float32))
    hashes = [known, *(content_sha256(other) for other in others), content_sha256(points)]
    assert len(set(hashes)) == len(hashes)
    # Hashed in blocks of 4 MiB, it does not matter how many: here of two images each, by other threads.
    large = torch.from_numpy(noise(5, 1200, 1200, 1))[:, None]
    assert content_sha256(large, workers=1) == content_sha256(large, workers=3)
    assert content_sha256(large) != content_sha256(large[[1, 0, 2, 3, 4]])


def test_a_content_hash_of_files_is_of_bytes_order_and_how_they_are_read(tmp_path):
    pixels = noise(5)
    files = pictures(pixels)
    folder = write_folder(tmp_path / "a", files)
    known = open_pile(folder).content
    renamed = {f"x{name}": content for name, content in files.items()}
    assert open_pile(write_folder(tmp_path / "renamed", renamed)).content == known
    paths = [folder / name for name in files]
    assert content_sha256(ImageFiles(paths, size=6, channels=3)) == known
    other_bytes = {**files, "0002.png": pictures(pixels[2:3], "BMP")["0000.bmp"]}
    swapped = {**files, "0002.png": files["0003.png"], "0003.png": files["0002.png"]}
    others = [
        open_pile(write_folder(tmp_path / "fewer", dict(list(files.items())[:4]))),
        open_pile(write_folder(tmp_path / "bytes", other_bytes)),
        open_pile(write_folder(tmp_path / "swapped", swapped)),
        open_pile(folder, size=4),
        open_pile(folder, channels=1),
    ]
    hashes = [known, *(pile.content for pile in others)]
    assert len(set(hashes)) == len(hashes)


def test_copies_and_single_colours_are_counted_in_tensors_as_in_files(tmp_path):
    pixels = noise(8)
    pixels[5] = pixels[2]
    pixels[6] = 17
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    copies = "pictures that are byte-for-byte copies of another: 1 of 8"
    assert image_warnings(images) == (copies, "images of one colour throughout: 1 of 8")
    np.save(tmp_path / "a.npy", pixels)
    assert image_warnings(open_pile(tmp_path / "a.npy")) == image_warnings(images)
    assert image_warnings(open_pile(write_folder(tmp_path / "a", pictures(pixels)))) == (copies,)
    assert image_warnings(torch.from_numpy(noise(8)).permute(0, 3, 1, 2)) == ()
    constant = torch.zeros(8, 3, 4, 4, dtype=torch.uint8)
    assert image_warnings(constant) == (
        "pictures that are byte-for-byte copies of another: 7 of 8",
        "images of one colour throughout: 8 of 8",
    )
    assert image_warnings(torch.arange(8.0).reshape(4, 2)) == ()


def test_a_picture_in_a_pile_is_what_read_image_reads(tmp_path):
    folder = write_folder(tmp_path, pictures(noise(3, 20, 31), "JPEG"))
    for size, channels in ((None, 3), (12, 1), (40, 3)):
        images = everything(open_pile(folder, size=size, channels=channels))
        for i, image in enumerate(images):
            assert torch.equal(image, read_image(folder / f"{i:04d}.jpeg", size=size, channels=channels))
    assert images.shape[1:] == (3, 40, 40)


@pytest.mark.parametrize("asked", [{"size": 0}, {"size": -1}, {"channels": 2}, {"workers": 0}])
def test_sizes_and_channels_that_are_none_are_refused(asked, tmp_path):
    with pytest.raises(MetricError, match="must be at least 1 and channels 1 or 3"):
        open_pile(tmp_path, **asked)


def test_what_is_no_pile_of_files_is_refused(tmp_path):
    with pytest.raises(MetricError, match=r"there is nothing at .*gone"):
        open_pile(tmp_path / "gone")
    (tmp_path / "samples.tar").write_bytes(b"x")
    with pytest.raises(MetricError, match=r"samples\.tar is no folder, \.zip, \.npz or \.npy"):
        open_pile(tmp_path / "samples.tar")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").write_text("x")
    with pytest.raises(MetricError, match="empty holds no pictures"):
        open_pile(tmp_path / "empty")
    with pytest.raises(MetricError, match=r"a\.zip holds no pictures"):
        open_pile(write_zip(tmp_path / "a.zip", {"notes.txt": b"x"}))
