"""What every comparison with another library needs: a record of it, and one random Inception for all."""

import pytest
from PIL import Image
from random_inception import random_inception_weights, smooth_images
from scipy import linalg

_COMPARISONS = []


@pytest.fixture
def parity():
    """Assert that two libraries agree, and put the comparison into the table at the end of the run.

    ``parity(library, metric, ours, theirs, bound, scale)`` asserts |ours − theirs| ≤ bound · scale, where
    scale is |theirs| if none is given.
    """

    def compare(library, metric, ours, theirs, bound, scale=None):
        difference = abs(ours - theirs)
        scale = abs(theirs) if scale is None else scale
        _COMPARISONS.append((library, metric, ours, theirs, difference / scale, bound))
        assert difference <= bound * scale, f"{metric}: ours {ours!r}, {library}'s {theirs!r}"

    return compare


def pytest_terminal_summary(terminalreporter):
    if not _COMPARISONS:
        return
    terminalreporter.section("parity with other libraries")
    head = ("library", "metric", "ours", "theirs", "relative difference", "bound")
    rows = [head]
    for library, metric, ours, theirs, difference, bound in _COMPARISONS:
        rows.append((library, metric, f"{ours:.8g}", f"{theirs:.8g}", f"{difference:.1e}", f"{bound:.0e}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        terminalreporter.write_line("  ".join(map(str.ljust, row, widths)).rstrip())


@pytest.fixture(scope="session")
def inception_weights(tmp_path_factory):
    """Path of a weights file of torch-fidelity's Inception, filled at random."""
    return random_inception_weights(tmp_path_factory.mktemp("inception") / "random.pth")


@pytest.fixture
def old_sqrtm(monkeypatch):
    """`scipy.linalg.sqrtm(…, disp=False)` as scipy had it before 1.18: other libraries still call it so."""
    root = linalg.sqrtm
    monkeypatch.setattr(
        linalg, "sqrtm", lambda matrix, disp=True: root(matrix) if disp else (root(matrix), 0.0)
    )


@pytest.fixture(scope="session")
def piles():
    """Two small piles of smooth colour images, uint8 (5, 3, 32, 32) and (4, 3, 32, 32)."""
    return smooth_images(5, 1, 1.0), smooth_images(4, 2, 0.7)


@pytest.fixture
def folders(piles, tmp_path):
    """The piles as two folders of PNG files, which is what some libraries take."""
    paths = []
    for which, pile in enumerate(piles):
        folder = tmp_path / f"pile{which}"
        folder.mkdir()
        for i, image in enumerate(pile):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{i:03}.png")
        paths.append(str(folder))
    return paths
