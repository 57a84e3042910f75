from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import results
from results import StoreError

REAL = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
CENTRES = np.array([[0.0, 0.0], [1.0, 1.0]])


def picture(path: Path, fake: np.ndarray, **more: object) -> np.ndarray:
    results.plot_points(fake, REAL, path, title="points", **more)
    return matplotlib.image.imread(path)[:, :, :3]


def blue(pixels: np.ndarray) -> np.ndarray:
    """Where generated points are: the other colours have no more blue than red."""
    return pixels[:, :, 2] - pixels[:, :, 0] > 0.2


def test_generated_points_lie_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "progress.png"
    corner = picture(path, np.full((50, 2), REAL.max(), dtype=np.float32))
    assert corner.shape[:2] == (900, 900)
    rows, columns = np.nonzero(blue(corner))
    assert rows[rows > 200].size == 0  # above, below the legend at most
    left = picture(path, np.array([[REAL[:, 0].min(), 0.0]]))
    rows, columns = np.nonzero(blue(left)[:, :450])
    assert rows.size > 0
    assert columns.max() < 300
    assert [entry.name for entry in tmp_path.iterdir()] == ["progress.png"]


def test_circles_and_points_beyond_the_axes_change_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    plain = picture(path, REAL)
    circled = picture(path, REAL, centres=CENTRES, radius=0.3)
    assert (plain != circled).any()
    named = picture(path, REAL, centres=CENTRES, radius=0.3, circle_label="3 σ of a mode")
    assert (named != circled)[:, 450:].any()  # in the legend, on the right
    far = picture(path, np.concatenate([REAL, [[1e6, 0.0]]]))
    assert (far != plain).any()  # it says how many lie outside
    assert np.mean(far != plain) < 0.01  # and the axes stay


@pytest.mark.parametrize("bad", [np.zeros((3, 3)), np.zeros((0, 2)), np.full((3, 2), np.nan)])
@pytest.mark.parametrize("what", ["generated", "real"])
def test_anything_but_points_is_a_sentence(tmp_path: Path, bad: np.ndarray, what: str) -> None:
    path = tmp_path / "a.png"
    fake, real = (bad, REAL) if what == "generated" else (REAL, bad)
    with pytest.raises(StoreError, match=rf"The {what} points must be finite and of shape \(n, 2\)"):
        results.plot_points(fake, real, path, title="")
    assert not path.exists()
