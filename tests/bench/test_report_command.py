from pathlib import Path

import pytest

import results
from bench import cli, report
from results import Journal


def store_of(folder: Path) -> Path:
    about = {"training_id": "t", "trained": True, "variant": "dcgan", "dataset": "digits", "seed": 0}
    with Journal.open(folder / "t", about) as journal:
        journal.append(phase="score", metric="fid@x", value=3.0, better="lower", final=True, kimg=1.0)
        journal.seal("ok")
    return folder


def test_the_report_lies_beside_the_store_or_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = store_of(tmp_path / "runs")
    assert cli.call(report.main, [str(store)]) == cli.OK
    assert str(tmp_path / "runs-report.html") in capsys.readouterr().out
    assert (tmp_path / "runs-report.html").read_text().startswith("<!DOCTYPE html>")
    asked = tmp_path / "new" / "r.md"
    assert cli.call(report.main, [str(store), "-o", str(asked), "--format", "markdown"]) == cli.OK
    assert asked.read_text().startswith("# dcgan on digits: 1 training\n")
    assert len(results.load(store)) == 1  # nothing of the report is taken for a run


def test_no_store_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.call(report.main, [str(tmp_path / "none")]) == cli.BAD
    assert "is not a folder" in capsys.readouterr().err
