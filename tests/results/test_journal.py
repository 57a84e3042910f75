import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rows_to_write import header, score

import results
from results import DamagedRowsWarning, Journal, StoreError

WRITER = """
import sys
from pathlib import Path
from results import Journal
journal = Journal.open(Path(sys.argv[1]), {
    "training_id": "t0", "trained": True, "variant": "dcgan", "dataset": "digits"})
for index in range(10**9):
    journal.append(phase="training", metric="loss_d", value=index, details="x" * 2000)
    print(index, flush=True)
"""


def start_writer(run: Path, rows: int) -> tuple[subprocess.Popen[str], int]:
    environment = os.environ | {"PYTHONPATH": str(Path(results.__file__).parents[1])}
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(run)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert child.stdout is not None
    last = -1
    for _ in range(rows):
        last = int(child.stdout.readline())
    return child, last


def kill(child: subprocess.Popen[str], last: int) -> int:
    child.send_signal(signal.SIGKILL)
    assert child.stdout is not None
    for line in child.stdout:
        if line.endswith("\n"):
            last = int(line)
    child.stdout.close()
    child.wait()
    return last


def test_a_killed_writer_loses_no_appended_row(tmp_path: Path) -> None:
    run = tmp_path / "run"
    child, last = start_writer(run, 20)
    try:
        with pytest.raises(StoreError, match="another process"):
            results.seal_abandoned(run)
        with pytest.raises(StoreError, match="another process"):
            Journal.open(run, header())
        assert [path.name for path in run.iterdir()] == ["journal-000.jsonl"]
        live = results.read_run(run)
        assert len(live) >= 20
        assert live["outcome"].isna().all()
    finally:
        last = kill(child, last)
    assert results.seal_abandoned(run) == [run / "rows-000.jsonl"]
    frame = results.load(run, every_attempt=True)
    assert frame["value"].tolist()[: last + 1] == list(range(last + 1))
    assert len(frame) <= last + 2  # the one being written when the signal came
    assert set(frame["outcome"]) == {"killed"}
    assert results.seal_abandoned(run) == []


@pytest.mark.parametrize("torn", [b'{"phase":"sco', b'{"phase":"sco\n', b"\0" * 50, b"\0\0\n"])
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    journal = Journal.open(tmp_path, header())
    journal.append(**score(1.0))
    journal.close()
    with journal.path.open("ab") as file:
        file.write(torn)
    assert results.load(tmp_path)["value"].tolist() == [1.0]
    assert results.seal_abandoned(tmp_path) == [tmp_path / "rows-000.jsonl"]
    frame = results.load(tmp_path)
    assert frame["value"].tolist() == [1.0]
    assert frame["outcome"].tolist() == ["killed"]


def test_a_journal_without_a_header_is_removed(tmp_path: Path) -> None:
    (tmp_path / "journal-000.jsonl").write_bytes(b'{"schema')
    assert results.seal_abandoned(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_journal_whose_writer_died_before_the_renaming_keeps_its_outcome(tmp_path: Path) -> None:
    with Journal.open(tmp_path, header()) as journal:
        sealed = journal.seal("oom", reason="no memory")
    sealed.rename(journal.path)
    assert results.seal_abandoned(tmp_path) == [sealed]
    assert results.load(tmp_path)["outcome"].tolist() == ["oom"]


def test_opening_seals_what_a_dead_writer_left_and_takes_the_next_number(tmp_path: Path) -> None:
    first = Journal.open(tmp_path, header())
    first.append(**score(1.0))
    first.close()
    (tmp_path / "rows-006.jsonl.damaged").touch()
    with Journal.open(tmp_path, header()) as second:
        assert second.path.name == "journal-007.jsonl"
        assert (tmp_path / "rows-000.jsonl").exists()


def test_a_damaged_journal_is_set_aside_not_sealed(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, header())
    journal.append(**score(1.0))
    journal.append(**score(2.0))
    journal.close()
    journal.path.write_bytes(journal.path.read_bytes().replace(b'"value":1.0', b'"value":1.0.0'))
    with pytest.warns(DamagedRowsWarning, match=r"journal-000\.jsonl is damaged"):
        assert results.seal_abandoned(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["journal-000.jsonl.damaged"]


def test_a_full_disk_loses_only_the_row_that_did_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.open(tmp_path, header())
    journal.append(**score(1.0))
    real_write = os.write
    calls = []

    def short_write(descriptor: int, content: bytes) -> int:
        calls.append(len(content))
        if len(calls) == 1:
            return real_write(descriptor, content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short_write)
        with pytest.raises(OSError, match="No space"):
            journal.append(**score(2.0))
    assert len(calls) == 2
    journal.append(**score(3.0, kimg=50))
    journal.seal("ok")
    assert results.load(tmp_path)["value"].tolist() == [1.0, 3.0]


def test_bad_rows_are_refused_and_leave_no_trace(tmp_path: Path) -> None:
    for changes, sentence in [
        ({"nonsense": 1}, "no run column 'nonsense'"),
        ({"attempt": 1}, "no run column 'attempt'"),
        ({"seed": True}, "'seed' holds an integer"),
        ({"seed": 2**63}, "'seed' holds an integer"),
        ({"seed": 1.0}, "'seed' holds an integer"),
        ({"trained": None}, "'trained' must be given"),
        ({"started_utc": "now"}, "'started_utc' holds a time"),
    ]:
        with pytest.raises(StoreError, match=sentence):
            Journal.open(tmp_path, header(**changes))
    assert list(tmp_path.iterdir()) == []
    with Journal.open(tmp_path, header()) as journal:
        for changes, sentence in [
            ({"value": "3"}, "'value' holds a real"),
            ({"value": 10**400}, "'value' holds a real"),
            ({"value": None}, "'value' must be given"),
            ({"seed": 0}, "no value column 'seed'"),
            ({"final": 1}, "'final' holds true or false"),
            ({"unit": 5}, "'unit' holds a text"),
        ]:
            with pytest.raises(StoreError, match=sentence):
                journal.append(**score(1.0) | changes)
        with pytest.raises(StoreError, match="no outcome 'fine'"):
            journal.seal("fine")
        journal.append(**score(1.0))
        journal.seal("ok")
    assert len(results.load(tmp_path)) == 1
    with pytest.raises(StoreError, match="closed"):
        journal.append(**score(2.0))


def test_a_reserved_place_is_nobody_elses_and_vanishes_unused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with Journal.reserve(run) as journal:
        assert [path.name for path in run.iterdir()] == ["journal-000.jsonl"]
        for take in (Journal.reserve, results.seal_abandoned):
            with pytest.raises(results.InUseError, match="another process"):
                take(run)
        with pytest.raises(StoreError):  # nothing has been measured, which is not damage
            results.load(run)
        assert journal.number == 0
    assert list(run.iterdir()) == []


def test_a_reserved_journal_is_written_as_an_opened_one(tmp_path: Path) -> None:
    with Journal.reserve(tmp_path / "a") as reserved, Journal.open(tmp_path / "b", header()) as opened:
        reserved.begin(header())
        for journal in (reserved, opened):
            journal.append(**score(1.0))
            journal.seal("ok")
    assert (tmp_path / "a" / "rows-000.jsonl").read_bytes() == (
        tmp_path / "b" / "rows-000.jsonl"
    ).read_bytes()


def test_a_header_that_does_not_fit_can_be_followed_by_one_that_does(tmp_path: Path) -> None:
    with Journal.reserve(tmp_path) as journal:
        with pytest.raises(StoreError, match="no run column 'nonsense'"):
            journal.begin({**header(), "nonsense": 1})
        assert not journal.begun
        journal.begin(header())
        journal.seal("error", reason="x")
    assert results.load(tmp_path)["outcome"].tolist() == ["error"]


def test_a_number_whose_file_was_missed_is_not_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A listing of a folder in which another process renames journal-000 may show neither name.
    with Journal.open(tmp_path, header()) as journal:
        journal.append(**score(1.0))
        journal.seal("ok")
    iterdir = Path.iterdir
    listings = []

    def blind_at_first(folder: Path):
        listings.append(folder)
        return iter(()) if len(listings) == 1 else iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", blind_at_first)
    with Journal.open(tmp_path, header()) as journal:
        assert journal.number == 1
        journal.seal("ok")
    assert results.load(tmp_path, every_attempt=True)["value"].tolist()[0] == 1.0


def test_what_abandoned_rows_are_sealed_as_is_for_who_knows(tmp_path: Path) -> None:
    Journal.open(tmp_path, header()).close()
    results.seal_abandoned(tmp_path, "oom", "The kernel ended it.")
    assert results.load(tmp_path)[["outcome", "reason"]].to_numpy().tolist() == [
        ["oom", "The kernel ended it."]
    ]
