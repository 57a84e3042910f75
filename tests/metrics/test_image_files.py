"""A pile of image files: what is listed, what a survey knows, and decoding on several threads."""

import hashlib
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from metrics import ImageFiles, MetricError, UnreadableImageError, image_files, list_images, survey_images


def picture(path: Path, shade: int = 0, size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size[1], size[0]), shade, np.uint8)
    pixels[0, 0] = 255 - shade
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def paths(tmp_path):
    # More than two chunks, so that threads really share them.
    return [picture(tmp_path / f"{i:03d}.png", i % 256) for i in range(2 * image_files._CHUNK + 5)]


def test_listing_is_sorted_deep_and_of_pictures_alone(tmp_path):
    for name in ("b/deep/er/1.png", "a.png", "a b/ü.png", ".hidden.png", ".folder/x.png"):
        picture(tmp_path / name)
    picture(tmp_path / "b/2.png").rename(tmp_path / "b/2.PNG")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "b/Thumbs.db").write_text("x")
    (tmp_path / "folder.png").mkdir()
    assert list_images(tmp_path) == [
        ("a b", "ü.png"),
        ("a.png",),
        ("b", "2.PNG"),
        ("b", "deep", "er", "1.png"),
    ]


def test_links_are_followed_but_not_round_and_round(tmp_path):
    picture(tmp_path / "here/a.png")
    picture(tmp_path / "elsewhere/b.png")
    (tmp_path / "here/back").symlink_to(tmp_path / "here", target_is_directory=True)
    (tmp_path / "here/up").symlink_to("..", target_is_directory=True)
    (tmp_path / "here/other").symlink_to("../elsewhere", target_is_directory=True)
    (tmp_path / "here/lost.png").symlink_to("nowhere.png")
    found = list_images(tmp_path / "here")
    assert ("a.png",) in found
    assert ("other", "b.png") in found
    assert ("lost.png",) in found  # named when it is read, not passed over
    assert not any("back" in parts for parts in found)
    with pytest.raises(MetricError, match=r"lost\.png cannot be read: No such file"):
        survey_images([tmp_path / "here/lost.png"])


def test_a_survey_has_the_hash_of_the_bytes_and_says_what_is_wrong(paths, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"bad")
    surveyed = survey_images([*paths[:3], tmp_path / "bad.png"], workers=2)
    assert [one.sha256 for one in surveyed[:3]] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in paths[:3]
    ]
    assert isinstance(surveyed[3], UnreadableImageError)


def decoded(files: ImageFiles) -> torch.Tensor:
    images = torch.empty(files.shape, dtype=files.dtype)
    files.decode(images)
    return images


def test_streamed_and_loaded_are_the_same_bytes_in_the_same_order(paths):
    files = ImageFiles(paths, size=4, channels=3, workers=3)
    images = decoded(files)
    assert tuple(images.shape) == files.shape == (len(paths), 3, 4, 4)
    assert images[:, 0, 3, 3].tolist() == [i % 256 for i in range(len(paths))]
    order = torch.randperm(len(files), generator=torch.Generator().manual_seed(0))
    assert torch.equal(files.fetch(order), images[order])
    assert torch.equal(decoded(ImageFiles(paths, size=4, channels=3, workers=1)), images)
    assert tuple(files.fetch(torch.tensor([], dtype=torch.int64)).shape) == (0, 3, 4, 4)


def test_many_threads_may_fetch_at_once(paths):
    files = ImageFiles(paths, size=8, channels=1)
    expected = decoded(files)
    found: dict[int, torch.Tensor] = {}

    def fetch(start: int) -> None:
        found[start] = files.fetch(torch.arange(start, len(paths), 8))

    threads = [threading.Thread(target=fetch, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[start], expected[start::8]) for start in range(8))


def test_damage_is_named_at_once_and_can_be_counted_instead(paths):
    files = ImageFiles(paths, size=8, channels=1, workers=2)
    assert files.unreadable() == []
    for i in (1, 100):
        content = paths[i].read_bytes()
        paths[i].write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableImageError, match=r"001\.png is damaged"):
        files.decode()
    with pytest.raises(UnreadableImageError, match=r"100\.png is damaged"):
        files.fetch(torch.tensor([0, 100]))
    images = torch.zeros(files.shape, dtype=torch.uint8)
    assert files.unreadable(images) == [1, 100]
    assert images[:, 0, 7, 7].tolist() == [0 if i in (1, 100) else i % 256 for i in range(len(paths))]
    paths[2].unlink()
    with pytest.raises(MetricError, match=r"002\.png cannot be read"):
        files.unreadable()


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    def forbidden(path: Path) -> None:  # root, who may run these tests, may list everything
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", forbidden)
    with pytest.raises(MetricError, match=f"the folder {tmp_path} cannot be listed: Permission denied"):
        list_images(tmp_path)
