"""`--target`: when a score passed a value and stayed, below the main table, of finished runs too."""

import pytest
from commands import VANILLA, contents

from bench import cli

ON_THE_WAY = VANILLA + " --eval-every 0.064"
HEADING = "Time to quality: when the score first passed the target and stayed there"


def test_the_table_stands_below_the_main_one_and_another_target_trains_nothing(run, tmp_path):
    done = run(ON_THE_WAY + " --target parzen=-1e9")
    assert done.code == cli.OK
    assert done.out.index("Parzen [nats] ↑") < done.out.index("train s") < done.out.index(HEADING)
    assert "parzen ≥ -1e+09" in done.out
    assert " 1/1 " in done.out
    before = contents(tmp_path / "here" / "runs")
    done = run(ON_THE_WAY + " --target parzen=1e9")
    assert done.code == cli.OK
    assert "is done already" in done.err
    assert "0/1: 1 not within the budget" in done.out
    assert contents(tmp_path / "here" / "runs") == before
    assert HEADING not in run(ON_THE_WAY).out


def test_a_cell_that_failed_has_not_reached_it(run):
    done = run(ON_THE_WAY + " --set vanilla.lr=1e30 --target parzen=-1e9")
    assert done.code == cli.FAILURES
    assert "0/1: 1 diverged" in done.out


def test_nothing_scored_is_a_sentence(run, monkeypatch):
    monkeypatch.setattr("bench.training.trainer_of", lambda *_, **__: 1 / 0)
    done = run(ON_THE_WAY + " --target parzen=1")
    assert done.code == cli.FAILURES
    assert "Time to quality: No training was scored by 'parzen': there are none at all." in done.out


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (VANILLA + " --target parzen=1", "--target needs --eval-every"),
        (ON_THE_WAY + " --target parsen=1", "nothing is scored by that name; did you mean 'parzen'?"),
        (ON_THE_WAY + " --target fid=1", "--target fid: nothing is scored by that name; there are parzen."),
        (ON_THE_WAY + " --target parzen", "'parzen' is not METRIC=NUMBER, as fid=60"),
        (ON_THE_WAY + " --target parzen=nan", "is not METRIC=NUMBER"),
        (ON_THE_WAY + " --target parzen=1,parzen=2", "--target gives parzen twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_one_sentence_before_anything_is_trained(command, sentence, run, tmp_path):
    done = run(command)
    assert done.code == cli.BAD
    assert done.err.startswith("error: ")
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "here" / "runs").exists()
