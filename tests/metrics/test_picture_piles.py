"""Folders and zips of pictures: their classes, and what is noticed about them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from written_piles import encoded, noise, pictures, write_folder, write_zip

from metrics import MetricError, UnreadableImageError, open_pile
from metrics.images import read_header

RGB, GRAY = noise(1)[0], noise(1, channels=1)[0]


@pytest.fixture(params=["folder", "zip"])
def written(request, tmp_path):
    """Writes files to where they are to be read from, once as a folder, once as a zip."""

    def write(files, name="pile"):
        if request.param == "folder":
            return write_folder(tmp_path / name, files)
        return write_zip(tmp_path / f"{name}.zip", files)

    return write


def test_a_pile_is_in_the_order_of_its_sorted_paths(written):
    # As a name, "a b" lies behind "a/z"; as the parts of a path before it is compared with anything in "a".
    names = ["b.png", "a/z.png", "a b/1.png", "a/deep/er/1.PNG", "ü.png"]
    pixels = noise(len(names))
    pile = open_pile(written(dict(zip(names, map(encoded, pixels), strict=True))))
    order = sorted(range(len(names)), key=lambda i: names[i].split("/"))
    found = pile.fetch(torch.arange(len(pile))).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(found, pixels[order])
    assert np.array_equal(pile.fetch(torch.tensor([4, 0])).permute(0, 2, 3, 1).numpy(), pixels[order][[4, 0]])


def test_other_and_hidden_files_are_passed_over_and_the_former_are_counted(written):
    others = {"notes.txt": b"x", "a/Thumbs.db": b"x", "log.json": b"{}", "a/readme": b""}
    hidden = {".DS_Store": b"x", "a/._0001.png": b"no picture", ".git/x.png": b"no picture"}
    pile = open_pile(written({"a/0.png": encoded(RGB), "a/1.png": encoded(RGB[::-1]), **others, **hidden}))
    assert len(pile) == 2
    (warning,) = pile.warnings
    assert warning == "files passed over, as they are no pictures: 4, such as a/Thumbs.db"


def test_what_a_mac_adds_to_a_zip_is_no_picture_and_not_worth_a_word(tmp_path):
    files = {"my/0.png": encoded(RGB), "__MACOSX/my/._0.png": b"x", "__MACOSX/my/0.png": encoded(GRAY)}
    pile = open_pile(write_zip(tmp_path / "a.zip", files))
    assert (len(pile), pile.warnings) == (1, ())


CLASSES = {
    "a subfolder a class": (["cat/1.png", "cat/deep/2.png", "dog/1.png"], [0, 0, 1], ("cat", "dog")),
    "below folders of no meaning": (["my/pile/b/1.png", "my/pile/a/1.png"], [0, 1], ("a", "b")),
    "none": (["1.png", "2.png"], None, None),
    "a single folder is none": (["cat/1.png", "cat/2.png"], None, None),
    "one picture": (["cat/1.png"], None, None),
    "a class may be called train": (["train/1.png", "bus/1.png"], [0, 1], ("bus", "train")),
}


@pytest.mark.parametrize(("names", "labels", "class_names"), CLASSES.values(), ids=CLASSES)
def test_classes_are_the_first_folders_that_differ(names, labels, class_names, written):
    pile = open_pile(written(dict(zip(names, map(encoded, noise(len(names))), strict=True))))
    assert pile.class_names == class_names
    assert (None if pile.labels is None else pile.labels.tolist()) == labels
    assert labels is None or pile.labels.dtype == torch.int64
    assert pile.warnings == ()


def test_folders_beside_pictures_are_no_classes_and_that_is_said(written):
    pile = open_pile(written({"1.png": encoded(RGB), "cat/1.png": encoded(RGB[::-1])}))
    assert pile.labels is None
    assert pile.warnings == (
        "pictures lie beside subfolders with pictures, so that subfolders are taken for no classes",
    )


def test_splits_are_not_scored_as_one(written):
    path = written({"train/1.png": encoded(RGB), "Test/1.png": encoded(RGB)})
    with pytest.raises(MetricError, match="holds the splits Test, train, and a score is of one of them"):
        open_pile(path)


def stylegan(labels: object, at: str = "") -> dict[str, bytes]:
    files = {f"{at}0000{i // 2}/img{i:08d}.png": encoded(one) for i, one in enumerate(noise(4))}
    return {**files, f"{at}dataset.json": json.dumps({"labels": labels}).encode()}


NAMES = [f"0000{i // 2}/img{i:08d}.png" for i in range(4)]


@pytest.mark.parametrize("at", ["", "packed/"])
def test_labels_as_stylegan_writes_them_go_before_folders(at, written):
    labels = [[name, label] for name, label in zip(NAMES, [7, 0, 2, 7], strict=True)]
    pile = open_pile(written(stylegan(labels[::-1], at)))
    assert pile.labels.tolist() == [7, 0, 2, 7]
    assert pile.class_names is None
    assert pile.warnings == ()
    # Without labels its folders, a thousand pictures each, are no classes either.
    assert open_pile(written(stylegan(None, at), "unlabelled")).labels is None


def test_labels_that_are_no_classes_or_of_other_files_are_said(written):
    vectors = open_pile(written(stylegan([[name, [0.5, 1.0]] for name in NAMES]), "vectors"))
    assert vectors.labels is None
    assert vectors.warnings == (
        "the labels in dataset.json are no classes, integers from 0 on, and play no part",
    )
    more = open_pile(written(stylegan([[name, 1] for name in [*NAMES, "gone.png"]]), "more"))
    assert more.labels.tolist() == [1, 1, 1, 1]
    assert more.warnings == ("pictures named in dataset.json that are not there: 1",)
    with pytest.raises(
        MetricError, match=r"has to label all pictures, and does not: 1, such as 00001/img00000003\.png"
    ):
        open_pile(written(stylegan([[name, 1] for name in NAMES[:3]]), "fewer"))
    with pytest.raises(MetricError, match=r"dataset\.json is damaged, or not as StyleGAN writes it"):
        open_pile(written({**stylegan(None), "dataset.json": b'{"labels": ['}, "cut"))
    with pytest.raises(MetricError, match="not as StyleGAN writes it"):
        open_pile(written(stylegan([1, 2, 3]), "odd"))
    other = open_pile(written({"1.png": encoded(RGB), "dataset.json": b'{"name": "mine"}'}, "other"))
    assert other.warnings == ("files passed over, as they are no pictures: 1, such as dataset.json",)


def test_mixed_and_lossy_formats_are_recorded(written):
    png, jpeg = pictures(noise(5)), pictures(noise(2, seed=1), "JPEG")
    mixed = open_pile(written({**png, **{f"j{name}": content for name, content in jpeg.items()}}, "mixed"))
    assert mixed.formats == {"PNG": 5, "JPEG": 2}
    assert mixed.warnings == ("formats are mixed, 5 PNG and 2 JPEG: the loss of JPEG shows in features",)
    lossy = open_pile(written(jpeg, "lossy"))
    (warning,) = lossy.warnings
    assert warning.startswith("all pictures (2 JPEG) are of a lossy format")
    # By what is in a file, not its name.
    misnamed = open_pile(written({"a.png": encoded(RGB, "JPEG"), "b.png": encoded(RGB)}, "misnamed"))
    assert misnamed.formats == {"JPEG": 1, "PNG": 1}
    both = open_pile(written({"a.png": encoded(RGB), "b.bmp": encoded(RGB, "BMP")}, "lossless"))
    assert both.warnings == ("formats are mixed, 1 PNG and 1 BMP",)
    assert open_pile(written(png, "plain")).warnings == ()


def test_copies_are_counted(written):
    files = {**pictures(noise(4)), "copy.png": encoded(noise(4)[2]), "again.png": encoded(noise(4)[2])}
    assert open_pile(written(files)).warnings == (
        "pictures that are byte-for-byte copies of another: 2 of 6",
    )


def test_gray_and_colour_are_brought_together_and_that_is_recorded(written):
    files = {"a.png": encoded(GRAY), "b.png": encoded(RGB), "c.png": encoded(RGB[::-1])}
    path = written(files)
    pile = open_pile(path)
    assert pile.shape == (3, 3, 6, 6)
    assert pile.warnings == ("gray pictures are repeated to three channels: 1 of 3",)
    assert np.array_equal(pile.fetch(torch.tensor([0]))[0].numpy(), np.stack([GRAY] * 3))
    one = open_pile(path, channels=1)
    assert one.warnings == ("colour pictures are reduced to ITU-R 601 luma: 2 of 3",)
    luma = RGB.astype(float) @ [0.299, 0.587, 0.114]
    assert np.abs(one.fetch(torch.tensor([1]))[0, 0].numpy() - luma).max() <= 0.51  # rounding to a level
    gray = open_pile(written({"a.png": encoded(GRAY)}, "gray"))
    assert (gray.shape, gray.warnings) == ((1, 1, 6, 6), ())


def test_pictures_of_several_sizes_need_a_size_and_then_it_is_recorded(written):
    wide, tall, small = noise(1, 20, 30)[0], noise(1, 40, 24)[0], noise(1, 10, 10)[0]
    path = written({"a.png": encoded(wide), "b.png": encoded(tall), "c.png": encoded(small)})
    with pytest.raises(MetricError, match=r"3 sizes \(10 × 10 … 30 × 20\): give the side .*, such as 20"):
        open_pile(path)
    pile = open_pile(path, size=20)
    assert pile.shape == (3, 3, 20, 20)
    assert pile.warnings == (
        "pictures of 3 sizes, 10 × 10 … 30 × 20, are cut to squares and resized to 20 × 20",
    )
    assert np.array_equal(pile.fetch(torch.tensor([0]))[0].permute(1, 2, 0).numpy(), wide[:, 5:25])
    squares = open_pile(written({"c.png": encoded(small)}, "squares"), size=5)
    assert squares.warnings == ("pictures, 10 × 10, are resized to 5 × 5",)
    assert open_pile(written({"c.png": encoded(small)}, "same"), size=10).warnings == ()


def test_pictures_of_one_size_keep_it_square_or_not(written):
    pixels = noise(2, 5, 9)
    pile = open_pile(written(pictures(pixels)))
    assert pile.shape == (2, 3, 5, 9)
    assert np.array_equal(pile.fetch(torch.arange(2)).permute(0, 2, 3, 1).numpy(), pixels)


def turned(folder, kind: str, *, late: bool = False) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter clockwise
    path = folder / f"turned.{kind}"
    Image.fromarray(noise(1, 5, 9)[0]).save(path, exif=exif)
    content = path.read_bytes()
    if late:  # the eXIf chunk behind the pixels, as the PNG specification allows
        at = content.index(b"eXIf") - 4
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        content = content[:at] + content[end:-12] + content[at:end] + content[-12:]
    return content


@pytest.mark.parametrize(("kind", "late"), [("png", False), ("png", True), ("jpg", False), ("webp", False)])
def test_the_size_is_that_of_the_picture_upright(kind, late, tmp_path):
    content = turned(tmp_path, kind, late=late)
    header = read_header(content, "x")
    assert (header.width, header.height, header.upright) == (9, 5, (5, 9))
    pile = open_pile(write_folder(tmp_path / "a", {f"a.{kind}": content}))
    assert pile.shape == (1, 3, 9, 5)
    assert pile.fetch(torch.tensor([0])).shape == (1, 3, 9, 5)
    upright = {f"a.{kind}": content, "b.png": encoded(noise(1, 9, 5)[0])}
    assert open_pile(write_folder(tmp_path / "b", upright)).shape == (2, 3, 9, 5)


def test_a_damaged_picture_is_named(written):
    files = pictures(noise(3))
    with pytest.raises(UnreadableImageError, match=r"0001\.png is damaged"):
        open_pile(written({**files, "0001.png": b"no picture"}, "none"))
    # Cut off behind the header, it is found when it is decoded.
    pile = open_pile(written({**files, "0001.png": files["0001.png"][:60]}, "cut"))
    with pytest.raises(UnreadableImageError, match=r"0001\.png is damaged"):
        pile.fetch(torch.arange(3))


def test_a_picture_that_changes_its_size_is_noticed(tmp_path):
    path = write_folder(tmp_path, pictures(noise(3)))
    pile = open_pile(path)
    (path / "0001.png").write_bytes(encoded(noise(1, 6, 7)[0]))
    with pytest.raises(MetricError, match=r"0001\.png has changed since"):
        pile.fetch(torch.arange(3))
    (path / "0000.png").unlink()
    with pytest.raises(MetricError, match=r"0000\.png cannot be read: No such file"):
        pile.fetch(torch.arange(3))


def test_one_picture_is_a_pile(written):
    pile = open_pile(written({"a.png": encoded(RGB)}))
    assert (len(pile), pile.shape, pile.dtype) == (1, (1, 3, 6, 6), torch.uint8)
    assert pile.fetch(torch.tensor([], dtype=torch.int64)).shape == (0, 3, 6, 6)
