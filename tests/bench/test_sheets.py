import pytest
import torch
from PIL import Image

from bench.errors import InputError
from bench.sheets import class_sheet, neighbour_sheet, require_viewable, save_sheet, walk_sheet

WHITE = 255


def images(n, *, side=8, channels=1, first=0):
    """Image i is all grey level `first` + i."""
    levels = torch.arange(first, first + n, dtype=torch.uint8)
    return levels.view(n, 1, 1, 1).expand(n, channels, side, side)


def cells(sheet, side=8):
    """Level at the top left of each 8 × 8 image of a sheet, row by row: {(top, left): level}."""
    inside = sheet[0] != WHITE
    rows = [i for i in range(sheet.shape[1]) if inside[i].any()]
    tops = [i for i in rows if i - 1 not in rows]
    found = {}
    for top in tops:
        columns = inside[top].nonzero().squeeze(1).tolist()
        lefts = [j for j in columns if j - 1 not in columns]
        for left in lefts:
            cell = sheet[:, top : top + side, left : left + side]
            assert (cell == cell[0, 0, 0]).all()
            found[top, left] = cell[0, 0, 0].item()
    return found


def test_one_class_fills_a_square():
    assert cells(class_sheet([images(7)])) == {
        (1 + 9 * row, 1 + 9 * column): 3 * row + column
        for row in range(3)
        for column in range(3)
        if 3 * row + column < 7
    }


def test_a_row_a_class_however_many_each_has():
    sheet = class_sheet([images(3), images(1, first=10), images(2, first=20)])
    assert sheet.shape == (1, 3 * 9 + 1, 3 * 9 + 1)
    assert cells(sheet) == {(1, 1): 0, (1, 10): 1, (1, 19): 2, (10, 1): 10, (19, 1): 20, (19, 10): 21}


def test_a_class_of_many_goes_on_and_the_next_begins_after_a_gap():
    sheet = class_sheet([images(20), images(20, first=100)])
    tops = sorted({top for top, _ in cells(sheet)})
    # ⌈√40⌉ = 7: 14 columns; a quarter of an image between the classes.
    assert tops == [1, 10, 10 + 9 + 2 + 1, 10 + 9 + 2 + 1 + 9]
    assert [cells(sheet)[top, 1] for top in tops] == [0, 14, 100, 114]
    assert sheet.shape[2] == 14 * 9 + 1


def test_a_row_a_walk():
    assert cells(walk_sheet(images(6).unflatten(0, (2, 3)))) == {
        (1, 1): 0, (1, 10): 1, (1, 19): 2, (10, 1): 3, (10, 10): 4, (10, 19): 5
    }  # fmt: skip


def test_neighbours_stand_after_a_gap_and_long_lists_in_panels():
    sheet = neighbour_sheet(images(2), images(6, first=10).unflatten(0, (2, 3)))
    # A panel is 10 + 2 + 28 wide; two such rows are no higher than that.
    assert cells(sheet) == {
        (1, 1): 0, (1, 13): 10, (1, 22): 11, (1, 31): 12,
        (10, 1): 1, (10, 13): 13, (10, 22): 14, (10, 31): 15,
    }  # fmt: skip
    many = neighbour_sheet(images(50), images(50, first=100)[:, None])
    assert sorted(cells(many).values()) == [*range(50), *range(100, 150)]
    assert 0.5 < many.shape[1] / many.shape[2] < 2
    assert all(
        cells(many)[top, left + 12] == level + 100 for (top, left), level in cells(many).items() if level < 50
    )


def test_colours_stay_in_their_channels(tmp_path):
    red = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    red[0, 0] = 200
    save_sheet(class_sheet([red]), tmp_path / "red.png")
    with Image.open(tmp_path / "red.png") as picture:
        # 10 pixels with the lines, 120 times.
        assert (picture.mode, picture.size) == ("RGB", (1200, 1200))
        assert picture.getpixel((600, 600)) == (200, 0, 0)
        assert picture.getpixel((0, 0)) == (255, 255, 255)


def test_a_large_sheet_is_not_enlarged(tmp_path):
    save_sheet(class_sheet([images(4, side=400)]), tmp_path / "large.png")
    with Image.open(tmp_path / "large.png") as picture:
        assert picture.size == (803, 803)


def test_what_no_viewer_would_open_is_refused():
    require_viewable(10_000, (3, 64, 64))
    with pytest.raises(InputError, match="One picture of 100000 images of 64 × 64 is more than viewers open"):
        require_viewable(100_000, (3, 64, 64))
