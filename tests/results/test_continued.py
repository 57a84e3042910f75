"""Attempts that went on from a checkpoint: of each training, every value once, as if nothing had happened."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rows_to_write import header, score

import results
from results import Journal

BUDGET = 6  # kimg, with a score at each


def write(folder: Path, kimgs: list[int], outcome: str = "killed", **changes: object) -> None:
    """One attempt, its values telling which it was."""
    with Journal.open(folder, header(kimg_budget=BUDGET, **changes)) as journal:
        for kimg in kimgs:
            journal.append(**score(100 * journal.number + kimg, kimg=kimg, final=kimg == BUDGET))
        journal.seal(outcome, reason=f"of {journal.number}")


def values(store: Path) -> list[int]:
    return results.load(store)["value"].astype(int).tolist()


# An attempt goes on from a checkpoint taken before the score at `start` (None: from nothing) and takes
# `length` scores before it ends. One that only scores takes that of the end.
trainings = st.lists(
    st.tuples(st.sampled_from(["train", "score"]), st.none() | st.integers(0, BUDGET), st.integers(0, 4)),
    min_size=1,
    max_size=8,
)


def as_unbroken(attempts: list[tuple[str, int | None, int]]) -> list[int]:
    """What counts, by hand: each attempt overwrites what it measured anew, and one from nothing all."""
    counting: list[int] = []
    for number, (kind, start, length) in enumerate(attempts):
        if kind == "score":
            counting = [v for v in counting if v % 100 != BUDGET] + [100 * number + BUDGET]
            continue
        kept = [] if start is None else [v for v in counting if v % 100 < start]
        first = start or 0
        counting = kept + [100 * number + kimg for kimg in range(first, min(first + length, BUDGET + 1))]
    return counting


@settings(deadline=None, max_examples=30)  # how long a slow disk takes is not the subject
@given(trainings)
@example([("train", BUDGET, 1), ("score", None, 0)])
def test_each_value_counts_once_whatever_happened(attempts):
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        for kind, start, length in attempts:
            if kind == "score":
                write(run, [BUDGET], trained=False)
            else:
                first = start or 0
                write(run, [*range(first, min(first + length, BUDGET + 1))], resumed_kimg=start)
        frame = results.load(run)
        measured = frame.dropna(subset=["metric"])
        # In the order of writing; what was written again stands where it was written last.
        assert sorted(measured["value"].astype(int)) == sorted(as_unbroken(attempts))
        trained = frame[frame["trained"]]
        last = max((n for n, (kind, *_) in enumerate(attempts) if kind == "train"), default=None)
        reasons = {f"of {last}"} if last is not None else set()
        assert set(trained["reason"]) <= reasons
        # Where the only value of the trainings was scored again later, that one stands for it.
        if any(attempts[value // 100][0] == "train" for value in as_unbroken(attempts)):
            assert set(trained["reason"]) == reasons


def test_what_the_last_attempt_says_is_the_outcome_of_all(tmp_path):
    run = tmp_path / "run"
    write(run, [0, 1, 2, 3])
    write(run, [2, 3, 4], "timeout", resumed_kimg=2)
    write(run, [4, 5, 6], "ok", resumed_kimg=4)
    frame = results.load(tmp_path)
    assert frame["value"].tolist() == [0, 1, 102, 103, 204, 205, 206]
    assert frame["attempt"].tolist() == [0, 0, 1, 1, 2, 2, 2]  # where each was measured
    assert set(frame["outcome"]) == {"ok"}
    told = results.load(tmp_path, every_attempt=True).drop_duplicates("attempt")
    assert told["outcome"].tolist() == ["killed", "timeout", "ok"]
    assert told["resumed_kimg"].tolist()[1:] == [2, 4]
    assert pd.isna(told["resumed_kimg"].iloc[0])


def test_an_older_checkpoint_takes_back_what_was_measured_after_it(tmp_path):
    run = tmp_path / "run"
    write(run, [0, 1, 2])
    write(run, [3, 4], resumed_kimg=3)
    write(run, [1], resumed_kimg=1)  # the newer checkpoints were damaged
    assert values(tmp_path) == [0, 201]


def test_while_it_goes_on_it_has_no_outcome(tmp_path):
    run = tmp_path / "run"
    write(run, [0, 1])
    with Journal.open(run, header(resumed_kimg=1)) as journal:
        journal.append(**score(101, kimg=1))
        frame = results.load(tmp_path)
        assert frame["value"].tolist() == [0, 101]
        assert frame["outcome"].isna().all()


def test_rows_without_a_place_in_the_training_are_not_gone_on_from(tmp_path):
    with Journal.open(tmp_path / "run", header()) as journal:
        journal.append(**score(1, kimg=None))
        journal.seal("killed")
    write(tmp_path / "run", [3], resumed_kimg=2)
    assert values(tmp_path) == [103]


def test_the_same_training_in_another_folder_is_not_what_an_attempt_went_on_from(tmp_path):
    write(tmp_path / "one", [0, 1, 2], started_utc=datetime(2026, 1, 1, tzinfo=UTC))
    write(tmp_path / "two", [2, 3], resumed_kimg=2, started_utc=datetime(2026, 1, 2, tzinfo=UTC))
    assert values(tmp_path) == [2, 3]


def test_it_is_one_training_in_a_summary_and_a_curve(tmp_path):
    write(tmp_path / "run", [0, 1, 2, 3])
    write(tmp_path / "run", [2, 3, 4, 5, 6], "ok", resumed_kimg=2)
    frame = results.load(tmp_path)
    (row,) = results.summary(frame).to_dict("records")
    assert (row["seeds"], row["outcomes"]) == (1, "1 ok")
    curve = results.curves(frame)
    assert curve["kimg"].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert set(curve["outcome"]) == {"ok"}
