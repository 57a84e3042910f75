"""Files inside a zip: read as zipfile reads them, by any number of threads, or refused with a reason."""

import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from written_piles import LOCAL, encoded, noise, patch_directory, pictures, write_zip

from metrics import ImagePile, MetricError, archives, open_pile
from metrics.archives import Archive


@settings(max_examples=60, deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=3000),
        st.builds(lambda byte, n: bytes([byte]) * n, st.integers(0, 255), st.integers(0, 20_000)),
    ),
    piece=st.integers(1, 700),
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    length=st.integers(0, 21_000),
)
def test_bytes_are_those_that_were_packed_however_few_are_unpacked_at_a_time(
    content, piece, method, length, tmp_path_factory
):
    path = write_zip(tmp_path_factory.mktemp("zip") / "a.zip", {"before": b"x", "x": content}, method)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archives, "_PIECE_BYTES", piece)
        archive = Archive(path)
        assert archive.read("x") == content
        assert archive.head("x", length) == content[:length]


def test_an_archive_behind_other_bytes_is_read_where_it_lies(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"x": b"abc"})
    path.write_bytes(b"#!/bin/sh\n" * 50 + path.read_bytes())
    assert Archive(path).read("x") == b"abc"


def test_many_threads_may_read_at_once(tmp_path):
    files = {f"{i}": bytes([i]) * (10_000 + i) for i in range(40)}
    archive = Archive(write_zip(tmp_path / "a.zip", files))
    wrong: list[str] = []

    def read(start: int) -> None:
        for _ in range(5):
            wrong.extend(name for name in list(files)[start::4] if archive.read(name) != files[name])

    threads = [threading.Thread(target=read, args=(i % 4,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_names_are_plain_and_one_that_climbs_is_a_name_like_any_other(tmp_path):
    pixels = noise(3)
    names = ("../../../up.png", "/absolute.png", "here\\windows.png")
    (tmp_path / "deep/er").mkdir(parents=True)
    path = write_zip(
        tmp_path / "deep/er/a.zip",
        dict(zip(names, map(encoded, pixels), strict=True)),
    )
    assert Archive(path).names == ("../../../up.png", "absolute.png", "here/windows.png")
    before = set(tmp_path.rglob("*"))
    pile = open_pile(path)
    assert np.array_equal(pile.fetch(indices(pile)).permute(0, 2, 3, 1).numpy(), pixels)
    assert set(tmp_path.rglob("*")) == before


def indices(pile: ImagePile) -> torch.Tensor:
    return torch.arange(len(pile))


def damaged(tmp_path: Path, **fields: int) -> Path:
    return patch_directory(write_zip(tmp_path / "a.zip", {"a.png": encoded(noise(1)[0])}), **fields)


BIG = 64 << 20

REFUSED = [
    ("encrypted", {"flags": 1}, "'a.png' in .*a.zip is encrypted"),
    ("strongly encrypted", {"flags": 0x40}, "is encrypted"),
    ("lzma", {"method": zipfile.ZIP_LZMA}, "compressed by a method that is not read"),
    (
        "larger than a picture can be",
        {"size": 8 * 89_478_485 + 1},
        "refused: it unpacks to 715,827,881 bytes",
    ),
    ("a bomb", {"size": BIG + 1}, "bytes that unpack to 67,108,865, as a zip bomb's do"),
    ("longer than it says", {"size": 10}, "'a.png' in .* is damaged"),
    ("shorter than it says", {"size": 1000}, "'a.png' in .* is damaged"),
    ("wrong checksum", {"crc": 1}, "'a.png' in .* is damaged"),
    ("stored, it says", {"method": zipfile.ZIP_STORED}, "'a.png' in .* is damaged"),
]


@pytest.mark.parametrize(("fields", "words"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_is_wrong_with_an_entry_is_said_before_pixels_are_asked_for(fields, words, tmp_path):
    path = damaged(tmp_path, **fields)
    with pytest.raises(MetricError, match=words):
        open_pile(path)


def test_a_bomb_that_says_it_is_small_is_not_unpacked(tmp_path):
    path = patch_directory(write_zip(tmp_path / "a.zip", {"a.png": bytes(30 << 20)}), size=100)
    archive = Archive(path)
    assert len(archive.head("a.png", 101)) == 101  # not the 30 MiB: see `read`
    with pytest.raises(MetricError, match="damaged"):
        archive.read("a.png")


def test_one_name_twice_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile's, of what is done here on purpose
        archive.writestr("a.png", encoded(noise(1)[0]))
        archive.writestr("./a.png", encoded(noise(2)[1]))
    with pytest.raises(MetricError, match=r"'a\.png' in .* is there twice"):
        open_pile(path)


def test_an_archive_that_is_cut_off_or_none_at_all_is_named(tmp_path):
    path = write_zip(tmp_path / "a.zip", pictures(noise(4)))
    content = path.read_bytes()
    for cut in (0, 10, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:cut])
        with pytest.raises(MetricError, match=r"a\.zip is damaged, or no zip"):
            open_pile(path)
    path.write_bytes(content.replace(LOCAL, b"PK\x00\x00"))
    with pytest.raises(MetricError, match=r"'0000\.png' in .* is damaged"):
        open_pile(path)
    with pytest.raises(MetricError, match="nothing at"):
        open_pile(tmp_path / "gone.zip")


def test_a_change_behind_an_open_pile_is_noticed(tmp_path):
    path = write_zip(tmp_path / "a.zip", pictures(noise(4)), zipfile.ZIP_STORED)
    pile = open_pile(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 9] ^= 0x55
    with path.open("r+b") as file:  # the same file, not another of its name
        file.write(content)
    with pytest.raises(MetricError, match=r"'0000\.png' in .* is damaged, or has changed"):
        pile.fetch(indices(pile))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_no_single_byte_of_damage_is_an_exception_of_another_kind(data, tmp_path_factory):
    path = write_zip(tmp_path_factory.mktemp("zip") / "a.zip", pictures(noise(2, 3, 3)))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        pile = open_pile(path)
        pile.fetch(indices(pile))
    except MetricError as error:
        assert str(path) in str(error)  # noqa: PT017  # no error is right, too
