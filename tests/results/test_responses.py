import pandas as pd
import pytest
from PIL import Image

from results import StoreError, plot_responses


def frame(**columns):
    return pd.DataFrame(
        {
            "damage": ["noise", "noise", "blur", "blur"],
            "strength": ["weak", "strong", "weak", "strong"],
            "metric": ["fid"] * 4,
            "value": [1.0, 2000.0, float("nan"), 3.0],
            "deviations": [0.0, 400.0, float("nan"), -9.0],
        }
        | columns
    )


def test_a_seen_damage_is_blue_a_rewarded_one_orange_and_an_unseen_one_white(tmp_path):
    path = tmp_path / "figure.png"
    plot_responses(frame(), path, title="t", titles={"fid": "FID"})
    picture = Image.open(path).convert("RGB")
    colours = {colour for count, colour in picture.getcolors(2**20) if count > 500}
    assert (255, 255, 255) in colours
    assert any(blue > red + 40 for red, _, blue in colours)
    assert any(red > blue + 40 for red, _, blue in colours)


def test_bad_frames_are_refused(tmp_path):
    with pytest.raises(StoreError, match="no column 'value'"):
        plot_responses(frame().drop(columns="value"), tmp_path / "f.png", title="t", titles={})
    with pytest.raises(StoreError, match="no rows"):
        plot_responses(frame().iloc[:0], tmp_path / "f.png", title="t", titles={})
    assert not list(tmp_path.iterdir())
