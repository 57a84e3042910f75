import itertools

import numpy as np
import pytest

from results.palette import DARK, DARK_SURFACE, LIGHT, LIGHT_SURFACE, MARKERS, styles

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ rgb.clip(0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    luminance = sorted(float(np.dot([0.2126, 0.7152, 0.0722], linear(c))) for c in (one, other))
    return (luminance[1] + 0.05) / (luminance[0] + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_colours_are_told_apart_with_any_colour_vision(colours: tuple[str, ...], vision: str) -> None:
    seen = [lab(np.array(VISIONS[vision]) @ linear(colour)) for colour in colours]
    # 2.3 in CIE Lab is just noticeable side by side; thin marks apart need several times that.
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 5 * 2.3


@pytest.mark.parametrize(("colours", "surface"), [(LIGHT, LIGHT_SURFACE), (DARK, DARK_SURFACE)])
def test_colours_stand_out_from_their_surface(colours: tuple[str, ...], surface: str) -> None:
    assert min(contrast(colour, surface) for colour in colours) >= 3  # WCAG 1.4.11


def test_a_variant_looks_the_same_whatever_the_order_and_no_two_look_alike() -> None:
    names = [f"v{number:02d}" for number in range(20)]
    made = styles(names)
    assert made == styles(reversed(names))
    assert len({(s.colour, s.marker, s.line) for s in made.values()}) == 20
    assert len({(s.colour, s.marker) for s in styles(names[:8]).values()}) == len(MARKERS) == len(LIGHT) == 8
