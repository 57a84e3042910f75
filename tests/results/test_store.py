import hashlib
import json
import math
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pytest
from process_server import process_server
from rows_to_write import header, score

import results
from results import COLUMNS, DamagedRowsWarning, Journal, StoreError
from results.schema import DTYPES, SCHEMA_VERSION

Write = Callable[..., Path]
VERSION = b'"schema_version":%d' % SCHEMA_VERSION


def test_every_column_is_there_with_its_dtype(tmp_path: Path, write: Write) -> None:
    write(score(1.5, n_real=np.int64(7), warnings="few"), flags=("a", "b"), seed=np.int32(3))
    frame = results.load(tmp_path / "runs")
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        column.name: DTYPES[column.kind] for column in COLUMNS
    }
    row = frame.iloc[0]
    assert (row["run_folder"], row["attempt"], row["seed"], row["n_real"]) == ("t0", 0, 3, 7)
    assert (row["outcome"], row["reason"], row["flags"]) == ("ok", "", "a,b")
    assert row["started_utc"] == datetime(2026, 1, 2, tzinfo=UTC)
    assert frame["git_commit"].isna().all()


def test_non_finite_values_survive_as_strict_json(tmp_path: Path, write: Write) -> None:
    values = [math.nan, math.inf, -math.inf, np.float32(0.1)]
    path = write(*(score(value, kimg=kimg) for kimg, value in enumerate(values)))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=refuse)
    np.testing.assert_array_equal(results.load(tmp_path / "runs")["value"], values)


def test_a_run_that_measured_nothing_is_a_row(tmp_path: Path, write: Write) -> None:
    write(outcome="oom")
    frame = results.load(tmp_path / "runs")
    assert frame["outcome"].tolist() == ["oom"]
    assert frame["metric"].isna().all()


def test_the_last_training_and_scorings_after_it_count(tmp_path: Path, write: Write) -> None:
    write(score(1.0), trained=False)
    write(score(2.0), score(9.0, kimg=50))
    write(score(3.0), score(4.0, kimg=20))
    write(score(5.0), score(6.0, protocol_hash="p2"), trained=False)
    write(score(7.0), training_id="t1")
    store = tmp_path / "runs"
    assert results.load(store)["value"].tolist() == [4.0, 5.0, 6.0, 7.0]
    assert results.load(store / "t0")["value"].tolist() == [4.0, 5.0, 6.0]
    everything = results.load(store, every_attempt=True)
    assert everything["value"].tolist() == [1.0, 2.0, 9.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert results.read_run(store / "t0")["attempt"].tolist() == [0, 1, 1, 2, 2, 3, 3]


def test_of_one_training_in_two_folders_the_later_counts(tmp_path: Path, write: Write) -> None:
    write(score(1.0), folder="a", started_utc=datetime(2026, 5, 1, tzinfo=UTC))
    write(score(2.0), folder="b")
    assert results.load(tmp_path / "runs")["value"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("field", "other"),
    [("metric", "parzen"), ("kimg", 7), ("protocol_hash", "p9"), ("split", "validation"),
     ("phase", "training")],
)  # fmt: skip
def test_only_the_same_value_is_a_duplicate(tmp_path: Path, write: Write, field: str, other: object) -> None:
    write(score(1.0), score(2.0), score(3.0, **{field: other}))
    assert results.load(tmp_path / "runs")["value"].tolist() == [2.0, 3.0]


def cut(content: bytes) -> bytes:
    return content[:-20]


def without_seal(content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[:-1])


def without_header(content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[1:])


def changed_digit(content: bytes) -> bytes:
    return content.replace(b'"value":1.0', b'"value":2.0')


def unparsable(content: bytes) -> bytes:
    return content.replace(b'"value":1.0', b'"value":1.0.0')


def resealed_with_unknown_column(content: bytes) -> bytes:
    body = without_seal(content).replace(b'"unit"', b'"value"').replace(b'"kimg"', b'"gimk"')
    seal = {"outcome": "ok", "rows": 1, "sha256": hashlib.sha256(body).hexdigest()}
    return body + json.dumps(seal).encode() + b"\n"


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (cut, "truncated"),
        (without_seal, "truncated"),
        (without_header, "no header"),
        (changed_digit, "checksum"),
        (unparsable, "not JSON"),
        (resealed_with_unknown_column, "no value column 'gimk'"),
        (lambda _: b"", "no header"),
    ],
)
def test_a_damaged_file_is_set_aside_and_the_rest_loads(
    tmp_path: Path, write: Write, damage: Callable[[bytes], bytes], what: str
) -> None:
    path = write(score(1.0))
    write(score(5.0), training_id="t1")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(DamagedRowsWarning, match=rf"rows-000\.jsonl is damaged .*{what}"):
        frame = results.load(tmp_path / "runs")
    assert frame["value"].tolist() == [5.0]
    assert [entry.name for entry in path.parent.iterdir()] == ["rows-000.jsonl.damaged"]
    assert results.load(tmp_path / "runs")["value"].tolist() == [5.0]  # and no warning


def test_a_damaged_file_in_a_read_only_folder_is_skipped(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(score(1.0))
    write(score(5.0), training_id="t1")
    path.write_bytes(changed_digit(path.read_bytes()))

    def refuse(*_: object) -> None:  # root, who may run these tests, ignores folder permissions
        raise PermissionError

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.warns(DamagedRowsWarning, match="could not be renamed"):
        assert results.load(tmp_path / "runs")["value"].tolist() == [5.0]
    assert path.exists()


def test_a_newer_schema_is_refused(tmp_path: Path, write: Write) -> None:
    path = write(score(1.0))
    path.write_bytes(path.read_bytes().replace(VERSION, b'"schema_version":%d' % (SCHEMA_VERSION + 1)))
    with pytest.raises(StoreError, match="install a newer"):
        results.load(tmp_path / "runs")
    assert path.exists()


ADDED = {
    2: {"images_skipped": 3},
    3: {"backend": "{}", "purpose": ""},
    4: {"tuning_axes": "lr=1,2"},
    5: {"resumed_kimg": 25.0},
    6: {"processes": 2},
}


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_an_older_schema_is_read_and_what_it_lacks_is_missing(
    version: int, tmp_path: Path, write: Write
) -> None:
    assert max(ADDED) == SCHEMA_VERSION
    known = {name: value for at, added in ADDED.items() if at <= version for name, value in added.items()}
    path = write(score(1.0), score(2.0, kimg=50), **known)
    *body, seal = path.read_bytes().replace(VERSION, b'"schema_version":%d' % version).splitlines(True)
    assert not [name for at in ADDED if at > version for name in ADDED[at] if name.encode() in body[0]]
    seal = json.loads(seal) | {"sha256": hashlib.sha256(b"".join(body)).hexdigest()}
    path.write_bytes(b"".join(body) + json.dumps(seal).encode() + b"\n")
    write(
        score(3.0),
        training_id="t1",
        **{name: value for added in ADDED.values() for name, value in added.items()},
    )
    frame = results.load(tmp_path / "runs")
    assert frame["value"].tolist() == [1.0, 2.0, 3.0]
    for at, added in ADDED.items():
        for name, value in added.items():
            found = [
                None if missing else x for x, missing in zip(frame[name], frame[name].isna(), strict=True)
            ]
            assert found == [value if at <= version else None] * 2 + [value]
    assert results.summary(frame)["seeds"].tolist() == [2]


def write_three_attempts(folder: str, was_read: Event) -> None:
    """Append 100 rows to each, seal it and begin the next; wait on the way until somebody has read."""
    for attempt in range(3):
        with Journal.open(Path(folder) / "run", header(trained=attempt == 0)) as journal:
            for i in range(100):
                if (attempt, i) == (1, 50):
                    was_read.wait(60)
                journal.append(**score(100 * attempt + i, kimg=i, protocol_hash=f"p{attempt}"))
            journal.seal("ok")


def test_a_store_is_read_while_another_process_writes_it(tmp_path: Path) -> None:
    context = process_server()
    was_read = context.Event()
    writer = context.Process(target=write_three_attempts, args=(str(tmp_path), was_read))
    writer.start()
    seen = []
    while writer.is_alive():
        with suppress(StoreError):  # nothing is there yet
            frame = results.load(tmp_path)  # a warning that a file is damaged would fail the test
            values = frame["value"].dropna().tolist()
            assert values == list(range(len(values)))  # all that was complete, in order
            assert frame.groupby("attempt")["outcome"].first().iloc[:-1].eq("ok").all()
            seen.append(len(values))
            if values:
                was_read.set()
    assert writer.exitcode == 0
    assert seen == sorted(seen)
    assert any(0 < n < 300 for n in seen)
    assert results.load(tmp_path)["value"].tolist() == list(range(300))


def test_a_live_journal_is_seen_while_it_is_written(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with Journal.open(run, header()) as journal:
        assert results.load(tmp_path)["metric"].isna().all()
        journal.append(**score(1.0))
        frame = results.load(tmp_path)
        assert frame["value"].tolist() == [1.0]
        assert frame["outcome"].isna().all()
        journal.seal("ok")
    assert results.load(tmp_path)["outcome"].tolist() == ["ok"]


def test_no_store_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a folder"):
        results.load(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="no runs"):
        results.load(tmp_path)
    with pytest.raises(StoreError, match="not the folder of a run"):
        results.read_run(tmp_path)
