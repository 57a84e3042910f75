import json
import math
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from rows_to_write import header, score

import results
from results import COLUMNS, Journal, StoreError
from results.schema import Kind

TEXT = st.one_of(
    st.sampled_from(["", "NA", "nan", "null", "None", '"', ",", "\n", "\r\n", " ", "1", "é→中", "|"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
KINDS: dict[Kind, st.SearchStrategy[Any]] = {
    "text": TEXT,
    "integer": st.integers(-(2**63), 2**63 - 1),
    "real": st.floats(),
    "flag": st.booleans(),
    "time": st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
}


def rows(scope: str) -> st.SearchStrategy[dict[str, Any]]:
    columns = [column for column in COLUMNS if column.scope == scope]
    required = {c.name: KINDS[c.kind] for c in columns if c.required}
    optional = {c.name: KINDS[c.kind] for c in columns if not c.required}
    return st.fixed_dictionaries(required, optional=optional)


@settings(deadline=None, max_examples=15)
@given(run=rows("run"), values=st.lists(rows("value"), max_size=3), reason=TEXT)
def test_rows_and_exports_lose_nothing(
    run: dict[str, Any], values: list[dict[str, Any]], reason: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with Journal.open(Path(folder) / "run", run) as journal:
            for value in values:
                journal.append(**value)
            journal.seal("ok", reason=reason)
        frame = results.load(folder, every_attempt=True)
        assert len(frame) == max(len(values), 1)
        assert set(frame["reason"]) == {reason}
        for name, written in run.items():
            read = frame[name][0]
            assert read == written or (math.isnan(read) and math.isnan(written))
        for index, value in enumerate(values):
            for column in (column for column in COLUMNS if column.scope == "value"):
                read, written = frame[column.name][index], value.get(column.name)
                if written is None or written != written:
                    assert pd.isna(read)
                else:
                    assert read == written
        for suffix in (".csv", ".parquet", ".json"):
            path = Path(folder) / f"rows{suffix}"
            results.export(frame, path)
            assert_frame_equal(results.read_export(path), frame, check_exact=True)


def nan_and_missing(write: Callable[..., Path], tmp_path: Path) -> pd.DataFrame:
    write(score(math.nan, uncertainty=None, unit=""))
    write(outcome="oom", training_id="t1")
    return results.load(tmp_path / "runs")


def test_a_measured_nan_differs_from_nothing_measured_in_the_files(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    frame = nan_and_missing(write, tmp_path)
    results.export(frame, tmp_path / "rows.csv")
    cells = pd.read_csv(tmp_path / "rows.csv", dtype=str, keep_default_na=False)
    assert cells["value"].tolist() == ["nan", ""]
    assert cells["uncertainty"].tolist() == ["", ""]
    results.export(frame, tmp_path / "rows.json")
    records = json.loads((tmp_path / "rows.json").read_text())
    assert [record["value"] for record in records] == ["NaN", None]
    assert [record["unit"] for record in records] == ["", None]


def test_markdown_keeps_its_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a|b": ["x|y", "two\nlines", None], "n": [1.23456789, math.nan, 1e9]})
    results.export(frame, tmp_path / "table.md")
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert [len(line.replace("\\|", "").split("|")) for line in lines] == [4] * 5
    assert "two<br>lines" in lines[3]
    assert "1.23457" in lines[2]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json", ".md"])
def test_summaries_and_tables_export(tmp_path: Path, write: Callable[..., Path], suffix: str) -> None:
    write(score(1.0))
    frame = results.load(tmp_path / "runs")
    for name, table in [("s", results.summary(frame)), ("t", results.compact_table(frame)[0])]:
        path = tmp_path / (name + suffix)
        results.export(table, path)
        if suffix != ".md":
            back = results.read_export(path)
            assert list(back) == list(table)
            assert back["variant"].tolist() == ["dcgan"]


def test_bad_formats_and_places_are_sentences(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(StoreError, match="suffix of a"):
        results.export(frame, tmp_path / "a.xls")
    with pytest.raises(StoreError, match="no format 'xls'"):
        results.export(frame, tmp_path / "a.csv", "xls")  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="can't be written"):
        results.export(frame, tmp_path / "nowhere" / "a.csv")
    with pytest.raises(StoreError, match="can't be read as csv"):
        results.read_export(tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(TypeError):
        results.export(pd.DataFrame({"a": [object()]}), path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_an_undecodable_text_is_escaped(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run", header(command="a\udcff")) as journal:
        journal.seal("ok")
    assert results.load(tmp_path)["command"].tolist() == ["a\\udcff"]
