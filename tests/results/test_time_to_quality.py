"""When a score passed its target and stayed: over seeds, with those that never did."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows_to_write import header, score

import results
from results import StoreError
from results.time_to_quality import reached

FID = "fid@digits-classifier"
Write = Callable[..., Path]


def curve(*values: float, every: float = 2.0, **changes: Any) -> list[dict[str, Any]]:
    """Scores at 0, `every`, 2 · `every`, … kimg, 10 s a kimg; the last one is final."""
    rows = []
    for i, value in enumerate(values):
        kimg = i * every
        where = {"kimg": kimg, "training_sec": 10 * kimg, "final": i == len(values) - 1}
        rows.append(score(value, **(where | changes)))
    return rows


def only(frame: pd.DataFrame, **targets: float) -> dict[str, Any]:
    (row,) = results.time_to_quality(frame, targets or {FID: 60}).to_dict("records")
    return row


@pytest.fixture
def load(tmp_path: Path) -> Callable[[], pd.DataFrame]:
    return lambda: results.load(tmp_path / "runs")


@given(st.lists(st.booleans(), max_size=12))
def test_reached_is_the_first_from_which_all_pass(passes: list[bool]) -> None:
    found = reached(passes)
    right = [i for i in range(len(passes)) if all(passes[i:])]
    assert found == (right[0] if right else None)


def test_it_must_stay(write: Write, load: Callable[[], pd.DataFrame]) -> None:
    write(*curve(100, 50, 70, 60, 55))
    row = only(load())
    assert (row["kimg"], row["training_sec"], row["resolution_kimg"]) == (6, 60, 2)
    assert (row["seeds"], row["seeds_reached"], row["not_reached"]) == (1, 1, "")


def test_higher_may_be_better(write: Write, load: Callable[[], pd.DataFrame]) -> None:
    write(*curve(1, 8, 9, metric="is@digits-classifier", better="higher"))
    assert only(load(), **{"is": 8})["kimg"] == 2
    assert only(load(), **{"is": 9.5})["seeds_reached"] == 0


def test_a_nan_does_not_pass(write: Write, load: Callable[[], pd.DataFrame]) -> None:
    write(*curve(50, math.nan, 50))
    assert only(load())["kimg"] == 4


def test_seeds_that_did_not_are_counted_and_never_dropped(
    write: Write, load: Callable[[], pd.DataFrame]
) -> None:
    for seed, values in enumerate([(100, 50, 50), (100, 100, 50), (50, 50, 50)]):
        write(*curve(*values), training_id=f"t{seed}", seed=seed)
    row = only(load())
    assert (row["kimg_low"], row["kimg"], row["kimg_high"]) == (0, 2, 4)
    write(*curve(100, 50, 70), training_id="t3", seed=3)  # it did not stay
    write(*curve(100, 50)[:1], curve(100, 50)[1], training_id="t4", seed=4, outcome="diverged")
    write(training_id="t5", seed=5, outcome="oom")
    row = only(load())
    assert (row["seeds"], row["seeds_reached"]) == (6, 3)
    assert row["not_reached"] == "1 diverged, 1 not within the budget, 1 oom"
    assert (row["kimg_low"], row["kimg"], row["kimg_high"]) == (0, math.inf, math.inf)
    assert row["training_sec_low"] == 0


def test_a_median_is_finite_where_more_than_half_reached_it(
    write: Write, load: Callable[[], pd.DataFrame]
) -> None:
    for seed, values in enumerate([(100, 50, 50), (100, 100, 50), (100, 100, 100)]):
        write(*curve(*values), training_id=f"t{seed}", seed=seed)
    row = only(load())
    assert (row["kimg_low"], row["kimg"], row["kimg_high"]) == (2, 4, math.inf)
    assert (row["training_sec"], row["seeds_reached"]) == (40, 2)


curves = st.lists(st.integers(0, 10), min_size=1, max_size=6)


@settings(deadline=None, max_examples=20)  # what a slow machine takes is not the subject
@given(seeds=st.lists(curves, min_size=1, max_size=5), target=st.integers(0, 10))
def test_a_harder_target_is_never_reached_earlier(seeds: list[list[int]], target: int) -> None:
    common = header() | {"attempt": 0, "outcome": "ok"}
    rows = [
        common | row | {"training_id": f"t{seed}", "seed": seed}
        for seed, values in enumerate(seeds)
        for row in curve(*map(float, values))
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in results.COLUMNS]).astype(
        {column.name: results.schema.DTYPES[column.kind] for column in results.COLUMNS}
    )
    easy, hard = (only(frame, **{FID: target + more}) for more in (1, 0))
    for part in ("kimg", "kimg_low", "kimg_high", "training_sec"):
        assert easy[part] <= hard[part]
    assert easy["seeds_reached"] >= hard["seeds_reached"]
    assert easy["seeds"] == hard["seeds"] == len(seeds)


def test_protocols_are_split(write: Write, load: Callable[[], pd.DataFrame]) -> None:
    write(*curve(100, 50), training_id="t0")
    write(*curve(100, 50, protocol_hash="p2"), training_id="t1", seed=1)
    write(training_id="t2", seed=2, outcome="error")
    table = results.time_to_quality(load(), {"fid": 60})
    assert table["protocol"].tolist() == ["p1", "p2"]
    assert table["seeds"].tolist() == [2, 2]  # the failed one is in both
    text, _ = results.quality_table(load(), {"fid": 60})
    assert text["protocol"].tolist() == ["p1", "p2"]


def test_what_costs_otherwise_stands_in_a_row_of_its_own(
    write: Write, load: Callable[[], pd.DataFrame]
) -> None:
    write(*curve(100, 50), training_id="t0")
    write(*curve(100, 100, 50), training_id="t1", precision="amp-bf16")
    write(*curve(100, 100, 50), training_id="t2", compile="default", variant="lsgan")
    text, caption = results.quality_table(load(), {"fid": 60})
    assert text[["variant", "precision", "compile", "kimg", "gap"]].to_numpy().tolist() == [
        ["dcgan", "fp32", "off", "2", "2"],
        ["dcgan", "amp-bf16", "off", "4", "2"],
        ["lsgan", "fp32", "default", "4", "2"],
    ]
    assert set(text["target"]) == {f"{FID} ≤ 60"}
    assert "All rows: dataset digits, kimg 100, batch 64" in caption
    assert "stayed there at every later evaluation" in caption


def test_seconds_of_several_machines_are_not_put_together(
    write: Write, load: Callable[[], pd.DataFrame]
) -> None:
    write(*curve(100, 50), training_id="t0")
    write(*curve(100, 50), training_id="t1", device_name="another")
    row = only(load())
    assert (row["device_name"], row["kimg"]) == ("mixed", 2)
    assert math.isnan(row["training_sec"])
    text, caption = results.quality_table(load(), {"fid": 60})
    assert text["train s"].tolist() == ["–"]
    assert "No seconds where seeds ran on different machines." in caption


def test_the_table_shows_who_never_did(write: Write, load: Callable[[], pd.DataFrame]) -> None:
    for seed, values in enumerate([(100, 50, 50), (100, 100, 50), (100, 100, 100)]):
        write(*curve(*values), training_id=f"t{seed}", seed=seed)
    write(*curve(100, 90), training_id="u0", variant="lsgan")
    text, _ = results.quality_table(load(), {"fid": 60})
    assert text[["seeds", "kimg", "gap", "train s"]].to_numpy().tolist() == [
        ["2/3: 1 not within the budget", "4 (2 to never)", "2", "40 (20 to never)"],
        ["0/1: 1 not within the budget", "–", "–", "–"],
    ]


def test_scores_of_no_training_and_of_no_moment_are_left_alone(
    write: Write, load: Callable[[], pd.DataFrame]
) -> None:
    write(*curve(100, 50), training_id="t0")
    write(score(1.0, kimg=None, final=None), training_id="t0", trained=False)
    write(score(1.0, kimg=None, final=None), training_id="pile", trained=False, variant="faces.zip")
    assert only(load())["kimg"] == 2


def test_data_without_that_score_are_not_failures_of_it(
    write: Write, load: Callable[[], pd.DataFrame]
) -> None:
    write(*curve(100, 50), training_id="t0")
    write(score(3.0, metric="modes", better="higher"), training_id="r0", dataset="ring8")
    write(training_id="r1", dataset="ring8", outcome="error")
    assert only(load(), fid=60)["dataset"] == "digits"


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        ({}, "No target was given"),
        ({"fdi": 60}, "did you mean 'fid'"),
        ({"fid@digit-classifier": 60}, "did you mean 'fid@digits-classifier'"),
        ({"zzz": 60}, "there are fid@digits-classifier, fid@inception, mode_kl"),
        ({"fid": 60}, "may be any of fid@digits-classifier, fid@inception: name the one"),
        ({FID: math.inf}, "must be a finite number"),
        ({"mode_kl": 1}, "no way is the better one"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(
    targets: dict[str, float], sentence: str, write: Write, load: Callable[[], pd.DataFrame]
) -> None:
    write(score(1.0), score(1.0, metric="fid@inception"), score(1.0, metric="mode_kl", better=None))
    with pytest.raises(StoreError, match=sentence):
        results.time_to_quality(load(), targets)


def test_only_loaded_frames_are_asked() -> None:
    with pytest.raises(StoreError, match="no column 'variant'"):
        results.time_to_quality(pd.DataFrame({"a": [1]}), {"fid": 1})
