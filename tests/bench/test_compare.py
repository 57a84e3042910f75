"""`bench.compare` on stores made up here: what is printed, and exit codes."""

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest import mock

import pytest

import bench.compare
import results
from bench import cli

DCGAN = [200.0, 210.0, 190.0, 205.0, 195.0]
WGAN = [130.0, 140.0, 128.0, 133.0, 135.0]


def store(path: Path, scores: Mapping[str, Sequence[float]], *datasets: str) -> Path:
    """One training a score: seeds from 0 on."""
    for dataset in datasets or ("digits",):
        for variant, values in scores.items():
            for seed, value in enumerate(values):
                identity = hashlib.sha256(f"{dataset} {variant} {seed}".encode()).hexdigest()[:16]
                header = {
                    "training_id": identity, "trained": True, "variant": variant, "dataset": dataset,
                    "seed": seed, "kimg_budget": 100.0, "batch_size": 64,
                    "precision": "fp32", "device": "cpu",
                }  # fmt: skip
                fid = {"phase": "score", "metric": "fid@x", "value": value, "better": "lower"}
                where = {"final": True, "kimg": 100.0, "split": "test", "protocol_hash": "p1"}
                with mock.patch("os.fsync"), results.Journal.open(path / identity, header) as journal:
                    journal.append(**fid, **where)
                    journal.seal("ok")
    return path


def call(*arguments: object) -> int:
    return cli.call(bench.compare.main, [str(argument) for argument in arguments])


def test_verdicts_come_first_and_the_table_after(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = store(tmp_path / "runs", {"dcgan": DCGAN, "wgan": WGAN})
    assert call(runs, "--baseline", "dcgan") == cli.OK
    out = capsys.readouterr().out
    assert out.startswith("wgan is better than dcgan: FID 133 against 200, 0.666 times as high")
    assert "All rows: digits, 100 kimg, batch 64, fp32, cpu." in out
    assert "FID ↓: fid@x on test data, at the end of the budget." in out


def test_stores_and_what_fails_ci(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = store(tmp_path / "a", {"dcgan": WGAN})
    after = store(tmp_path / "b", {"dcgan": DCGAN})
    assert call(before, after) == cli.OK
    assert call(before, after, "--fail-on", "worse") == cli.FAILURES
    captured = capsys.readouterr()
    assert "after is worse than before" in captured.out
    assert "Failed on worse: 1 comparison." in captured.out
    assert call(after, before, "--fail-on", "worse") == cli.OK


def test_what_is_gone_fails_ci_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = store(tmp_path / "a", {"dcgan": DCGAN, "wgan": WGAN})
    after = store(tmp_path / "b", {"dcgan": DCGAN})
    assert call(before, after, "--fail-on", "worse") == cli.FAILURES
    assert "Missing: wgan, digits is not in the store after." in capsys.readouterr().out


def test_several_data_sets_are_put_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = store(tmp_path / "runs", {"dcgan": DCGAN, "wgan": WGAN}, "digits", "mnist")
    assert call(runs) == cli.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["2 comparisons: 2 better.", ""]
    assert [line.split(":")[0] for line in lines[2:4]] == ["digits", "mnist"]
    (over,) = (line for line in lines if line.startswith("Over 2 data sets"))
    assert "fid of wgan 0.66" in over
    assert "bootstrap interval covers" in over


def test_the_comparisons_are_exported(tmp_path: Path) -> None:
    runs = store(tmp_path / "runs", {"dcgan": DCGAN, "wgan": WGAN})
    for format_ in ("csv", "markdown"):
        assert call(runs, "--format", format_) == cli.OK
    back = results.read_export(tmp_path / "runs-comparison.csv")
    assert list(back) == results.COMPARISON_COLUMNS
    assert back["verdict"].tolist() == ["better"]
    assert "| better" in (tmp_path / "runs-comparison.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--baseline", "r3gan"], "There is no baseline 'r3gan'; there are 'dcgan', 'wgan'."),
        (["--metrics", "fud"], "did you mean 'fid'"),
        (["--by", "colour"], "not by 'colour'"),
        (["--level", "95"], "between 0 and 1"),
        (["--margin", "0"], "not a number above 0"),
        (["--fail-on", "worse", "b", "c"], "not more"),
        (["b", "--baseline", "dcgan"], "for one store, not for two"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = store(tmp_path / "runs", {"dcgan": DCGAN, "wgan": WGAN})
    paths = [str(runs) if argument in ("b", "c") else argument for argument in arguments]
    assert call(runs, *paths) == cli.BAD
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert captured.err.count("\n") == 1


def test_a_reader_that_stops_early_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = store(tmp_path / "runs", {"dcgan": DCGAN, "wgan": WGAN})
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert call(runs) == cli.PIPE_CLOSED
        pipe.flush()  # as Python does at its exit: into the void by now
