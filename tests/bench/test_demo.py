"""`python -m bench.demo`: what it trains, draws and refuses."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import bench.demo
from bench import cli
from bench.theory import drawing, figure1


@pytest.fixture(scope="module")
def seen():
    """A game of 60 steps: enough for G to reach the data."""
    return figure1.moments(60, [0, 1, 30, 60], seed=0)


def test_figure_1_goes_from_far_apart_towards_the_data(seen):
    assert [moment.step for moment in seen] == [0, 1, 30, 60]
    first, last = seen[0], seen[-1]
    assert first.jensen_shannon > 0.4  # of at most log 2 = .69: a fresh G makes next to one number
    assert last.jensen_shannon < 0.1
    width = first.x[1] - first.x[0]
    for moment in seen:
        # The axis holds all of the data but a thousandth.
        assert moment.data.sum() * width == pytest.approx(1, abs=2e-3)
        assert moment.generated.sum() * width <= 1 + 1e-9
        assert ((moment.discriminator > 0) & (moment.discriminator < 1)).all()
        known = ~np.isnan(moment.optimal)
        expected = moment.data / (moment.data + moment.generated)
        assert (moment.optimal[known] == expected[known]).all()


def test_the_same_seed_plays_the_same_game(seen):
    again = figure1.moments(60, [30], seed=0)[0]
    assert (again.discriminator == seen[2].discriminator).all()
    assert (figure1.moments(60, [1], seed=1)[0].discriminator != seen[1].discriminator).any()


def test_jensen_shannon_of_moments_is_zero_only_where_the_bins_agree(seen):
    moment = seen[-1]
    same = figure1.Moment(**{**vars(moment), "generated": moment.data})
    apart = figure1.Moment(**{**vars(moment), "generated": np.zeros_like(moment.data)})
    assert same.jensen_shannon == pytest.approx(0, abs=1e-12)
    # All of G beyond the axis, where a thousandth of the data lies, too.
    assert apart.jensen_shannon == pytest.approx(np.log(2), abs=0.01)


def test_the_command_writes_a_picture_an_animation_and_its_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench.demo, "FRAMES", 4)
    assert cli.call(bench.demo.main, ["--steps", "9", "--output", str(tmp_path / "demo")]) == cli.OK
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "figure1.csv",
        "figure1.gif",
        "figure1.png",
    ]
    steps = pd.read_csv(tmp_path / "demo" / "figure1.csv")["step"].tolist()
    assert steps == drawing.frames_at(9, 4) == [0, 1, 4, 9]
    with Image.open(tmp_path / "demo" / "figure1.gif") as animation:
        assert animation.n_frames == 4
        frames = []
        for i in range(4):
            animation.seek(i)
            frames.append(np.asarray(animation.convert("RGB")))
    assert all((frames[i] != frames[i + 1]).any() for i in range(3))
    with Image.open(tmp_path / "demo" / "figure1.png") as picture:
        assert picture.size == (1320, 390)  # of so few moments one row of panels
    assert "Jensen-Shannon divergence" in capsys.readouterr().out


def test_the_theory_writes_what_the_page_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench.demo, "DISCRIMINATOR_STEPS", 1)
    monkeypatch.setattr(bench.demo, "EARLY_STEPS", 2)
    monkeypatch.setattr(bench.demo, "EARLY_SEEDS", 1)
    monkeypatch.setattr(bench.theory.gradients, "HEAD_START", 1)
    monkeypatch.setattr(bench.theory.optimum, "PAIRS", dict(list(bench.theory.optimum.PAIRS.items())[-1:]))
    assert cli.call(bench.demo.main, ["--theory", "--output", str(tmp_path / "demo")]) == cli.OK
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "gradients-at-the-optimum.csv",
        "gradients-early.csv",
        "gradients.png",
        "optimum.csv",
        "theory.md",
    ]
    words = (tmp_path / "demo" / "theory.md").read_text()
    assert words.strip() in capsys.readouterr().out
    assert "bench.demo --theory" in words
    assert "not in 2" in words


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--steps", "0"], "'0' is not a whole number above 0"),
        (["--seed", "-1"], "'-1' is not a whole number from 0 on"),
        (["--theory", "--steps", "5"], "--steps is of Figure 1, and --theory does not draw it"),
    ],
)
def test_bad_input_is_a_sentence(tmp_path, capsys, arguments, sentence):
    output = tmp_path / "demo"
    assert cli.call(bench.demo.main, [*arguments, "--output", str(output)]) == cli.BAD
    assert sentence in capsys.readouterr().err
    assert not output.exists()
