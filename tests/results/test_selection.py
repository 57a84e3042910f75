import json
import math
from pathlib import Path

import pandas as pd
import pytest
from rows_to_write import score
from trainings_to_write import curve, loaded, training

import results
from results import StoreError

TEST = {0: 90.0, 25: 40.0, 50: 10.0, 75: 20.0, 100: 30.0}
VALIDATION = {0: 91.0, 25: 15.0, 50: 16.0, 75: 21.0, 100: 31.0}


def only(frame: pd.DataFrame) -> dict[str, object]:
    (row,) = frame.to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_validation_chooses_and_test_reports(tmp_path: Path) -> None:
    training(tmp_path, *curve(TEST, VALIDATION))
    row = only(results.scores_at(results.load(tmp_path), "fid"))
    # The best test score, 10, is not what validation chose.
    assert (row["best"], row["best_kimg"], row["selected_on"]) == (40.0, 25.0, "validation")
    assert (row["final"], row["final_uncertainty"]) == (30.0, 0.25)
    assert (row["trailing"], row["trailing_n"], row["trailing_uncertainty"]) == (25.0, 2, 0.25)


def test_the_earliest_of_equals_and_the_metrics_direction(tmp_path: Path) -> None:
    training(tmp_path / "lower", *curve(TEST, dict.fromkeys(TEST, 5.0)))
    assert only(results.scores_at(results.load(tmp_path / "lower"), "fid"))["best_kimg"] == 0
    higher = [row | {"better": "higher"} for row in curve(TEST, VALIDATION)]
    training(tmp_path / "higher", *higher)
    assert only(results.scores_at(results.load(tmp_path / "higher"), "fid"))["best_kimg"] == 0
    assert only(results.scores_at(results.load(tmp_path / "higher"), "fid"))["best"] == 90.0


def test_nothing_is_chosen_on_test_data(tmp_path: Path) -> None:
    training(tmp_path, *curve(TEST, {}), seed=0)
    training(tmp_path, *curve(TEST, {100: 1.0}), seed=1)  # a final validation score is no curve
    rows = results.scores_at(results.load(tmp_path), "fid")
    assert rows["best"].isna().all()
    assert rows["selected_on"].isna().all()
    assert rows["final"].tolist() == [30.0, 30.0]


def test_one_late_score_is_no_trailing_mean(tmp_path: Path) -> None:
    training(tmp_path, *curve({0: 1.0, 50: 2.0, 100: 3.0}, {}))
    row = only(results.scores_at(results.load(tmp_path), "fid"))
    assert math.isnan(row["trailing"])  # type: ignore[arg-type]


def test_a_nan_on_the_way_is_never_the_best_and_never_averaged_away(tmp_path: Path) -> None:
    training(tmp_path, *curve(TEST | {75: math.nan}, VALIDATION | {25: math.nan}))
    row = only(results.scores_at(results.load(tmp_path), "fid"))
    assert row["best_kimg"] == 50
    assert math.isnan(row["trailing"])  # type: ignore[arg-type]
    assert row["trailing_n"] == 2


def test_a_failed_training_has_no_scores_but_is_there(tmp_path: Path) -> None:
    training(tmp_path, *curve(TEST, VALIDATION), seed=0)
    training(tmp_path, *curve(TEST, VALIDATION), seed=1, outcome="error")
    training(tmp_path, seed=2, outcome="diverged")
    training(tmp_path, seed=0, variant="wgan", outcome="oom")
    rows = results.scores_at(results.load(tmp_path), "fid").set_index(["variant", "seed"])
    assert rows["outcome"].to_dict() == {
        ("dcgan", 0): "ok", ("dcgan", 1): "error", ("dcgan", 2): "diverged", ("wgan", 0): "oom",
    }  # fmt: skip
    assert rows["final"].notna().sum() == rows["best"].notna().sum() == rows["scored"].sum() == 1
    assert rows["protocol_hash"].eq("p1").all()


def test_each_protocol_has_its_own_row_and_its_own_validation_curve(tmp_path: Path) -> None:
    def with_samples(n: int, rows: list[dict[str, object]]) -> list[dict[str, object]]:
        said = {}
        for row in rows:
            data = {"reference": f"digits/{row['split']}", "n_real": 7 if row["split"] == "test" else 5}
            said = {"protocol": json.dumps({"metric": "fid", "n_fake": n} | data)}
            row |= said | {"protocol_hash": f"{row['split']}{n}"}
        return rows

    other = {at: 100 - value for at, value in VALIDATION.items()}
    rows = [*with_samples(500, curve(TEST, VALIDATION)), *with_samples(1000, curve(TEST, other))]
    training(tmp_path, *rows)
    table = results.scores_at(results.load(tmp_path), "fid").set_index("protocol_hash")
    assert table["best_kimg"].to_dict() == {"test500": 25.0, "test1000": 0.0}


def test_curves_have_every_evaluation_of_every_outcome(tmp_path: Path) -> None:
    training(tmp_path, *curve(TEST, VALIDATION), seed=0)
    training(tmp_path, score(5.0, kimg=10, final=False), seed=1, outcome="diverged")
    training(tmp_path, score(1.0), seed=9, purpose="throughput")
    curves = results.curves(results.load(tmp_path))
    assert len(curves) == 11
    assert curves.groupby("outcome")["kimg"].count().to_dict() == {"diverged": 1, "ok": 10}
    one = curves[curves["split"].eq("test") & curves["seed"].eq(0)]
    assert one["kimg"].tolist() == sorted(TEST)
    assert one["value"].tolist() == list(TEST.values())


def test_the_score_that_is_compared_unasked(tmp_path: Path) -> None:
    parzen = score(150.0, metric="parzen", better="higher")
    training(tmp_path / "p", parzen)
    training(tmp_path / "f", parzen, score(1.0))
    assert results.default_metric(results.load(tmp_path / "p")) == "parzen"
    assert results.default_metric(results.load(tmp_path / "f")) == "fid"
    with pytest.raises(StoreError, match="no final scores"):
        results.default_metric(loaded(tmp_path / "n", {"dcgan": ["oom"]}))
    with pytest.raises(StoreError, match="not a loaded one"):
        results.curves(pd.DataFrame({"a": [1]}))
