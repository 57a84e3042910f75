import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rows_to_write import score

import results
from results import StoreError
from results.table import WIDTH, _width

FID = "fid@digits-classifier"
Write = Callable[..., Path]


def cost(metric: str, value: float) -> dict[str, object]:
    return {"phase": "training", "metric": metric, "value": value}


def test_means_spread_and_uncertainty_over_ok_seeds(tmp_path: Path, write: Write) -> None:
    for seed, value in enumerate([1.0, 2.0, 6.0]):
        speed = cost("images_per_sec", 100 * value)
        write(score(value, uncertainty=seed), speed, training_id=f"t{seed}", seed=seed)
    diverged = score(1000.0), cost("images_per_sec", 1e6)
    write(*diverged, training_id="t3", outcome="diverged", flags=("collapsed",))
    write(training_id="t4", outcome="oom")
    (row,) = results.summary(results.load(tmp_path / "runs")).to_dict("records")
    assert row[f"{FID}_mean"] == 3.0
    assert row[f"{FID}_sd"] == pytest.approx(math.sqrt(7))
    assert (row[f"{FID}_within"], row[f"{FID}_n"]) == (1.0, 3)
    assert (row["seeds"], row["seeds_ok"], row["seeds_failed"]) == (5, 3, 2)
    assert row["outcomes"] == "3 ok, 1 diverged, 1 oom"
    assert row["flags"] == "collapsed 1/5"
    assert row["images_per_sec"] == 200.0


def test_a_measured_nan_is_not_averaged_away(tmp_path: Path, write: Write) -> None:
    write(score(1.0), training_id="t0")
    write(score(math.nan), training_id="t1")
    table = results.summary(results.load(tmp_path / "runs"))
    assert table[f"{FID}_mean"].isna().all()
    assert table[f"{FID}_n"].tolist() == [2]
    assert results.compact_table(results.load(tmp_path / "runs"))[0].iloc[0, 2] == "NaN"


def test_protocols_are_never_averaged(tmp_path: Path, write: Write) -> None:
    write(score(1.0), cost("images_per_sec", 5.0), training_id="t0")
    write(score(3.0), training_id="t1")
    write(score(100.0, protocol_hash="p2"), training_id="t2")
    table = results.summary(results.load(tmp_path / "runs"))
    assert table[f"{FID}_mean"].tolist() == [2.0, 100.0]
    assert table["protocol"].tolist() == [pd.NA, "p2"]
    assert table["images_per_sec"].isna().tolist() == [False, True]
    text, caption = results.compact_table(results.load(tmp_path / "runs"))
    assert text["protocol"].tolist() == ["–", "p2"]
    assert "protocol: hash of other conditions" in caption


def test_each_data_set_has_its_own_usual_protocol(tmp_path: Path, write: Write) -> None:
    parzen = {"metric": "parzen", "better": "higher"}
    for dataset, protocol in (("digits", "p1"), ("ring8", "p2")):
        for variant in ("dcgan", "wgan"):
            one = score(1.0, protocol_hash=protocol, **parzen)
            write(one, training_id=f"{dataset}-{variant}", dataset=dataset, variant=variant)
    frame = results.load(tmp_path / "runs")
    table = results.summary(frame)
    assert len(table) == 4
    assert table["protocol"].isna().all()
    assert table["parzen_n"].tolist() == [1] * 4
    assert "protocol" not in results.compact_table(frame)[0]


@pytest.mark.parametrize(
    "changes",
    [{"variant_version": "2"}, {"dataset_fingerprint": "f"}, {"batch_size": 8}, {"compile": "step"},
     {"precision": "bf16"}, {"kimg_budget": 5}, {"changed": "lr=1"}, {"device": "cuda"}],
)  # fmt: skip
def test_other_conditions_are_other_rows(tmp_path: Path, write: Write, changes: dict[str, object]) -> None:
    write(score(1.0), training_id="t0")
    write(score(3.0), training_id="t1", **changes)
    table = results.summary(results.load(tmp_path / "runs"))
    assert sorted(table[f"{FID}_mean"]) == [1.0, 3.0]


def test_splits_and_unfinished_scores_stay_apart(tmp_path: Path, write: Write) -> None:
    write(score(1.0), score(5.0, split="validation"), score(9.0, kimg=5, final=False))
    (row,) = results.summary(results.load(tmp_path / "runs")).to_dict("records")
    assert (row[f"{FID}_mean"], row[f"{FID} (validation)_mean"]) == (1.0, 5.0)


def test_a_failed_scoring_does_not_undo_a_training(tmp_path: Path, write: Write) -> None:
    write(score(1.0))
    write(trained=False, outcome="error")
    assert results.summary(results.load(tmp_path / "runs"))["outcomes"].tolist() == ["1 ok"]


def test_no_costs_from_different_machines(tmp_path: Path, write: Write) -> None:
    write(score(1.0), cost("images_per_sec", 5.0), training_id="t0")
    write(score(1.0), cost("images_per_sec", 9.0), training_id="t1", device_name="other")
    table = results.summary(results.load(tmp_path / "runs"))
    assert table["images_per_sec"].isna().all()
    assert table["device_name"].tolist() == ["mixed"]


def test_only_loaded_frames_are_summed_up() -> None:
    with pytest.raises(StoreError, match="no column 'variant'"):
        results.summary(pd.DataFrame({"a": [1]}))


def test_the_table_tells_both_uncertainties_apart(tmp_path: Path, write: Write) -> None:
    for seed, value in enumerate([1.0, 3.0]):
        write(score(value), training_id=f"t{seed}", flags=("collapsed",) if seed else ())
    write(training_id="t2", outcome="diverged")
    write(score(5.0), training_id="u0", variant="r3gan")
    write(training_id="v0", variant="wgan", outcome="timeout")
    table, caption = results.compact_table(results.load(tmp_path / "runs"))
    assert list(table) == ["variant", "seeds", "FID@digits-classifier ↓", "flags"]
    assert table.to_numpy().tolist() == [
        ["dcgan", "2/3: 1 diverged", "2.0 ± 1.4", "a 1/3"],
        ["r3gan", "1/1", "5.00 [± 0.25]", ""],
        ["wgan", "0/1: 1 timeout", "–", ""],
    ]
    assert "dataset digits, kimg 100, batch 64" in caption
    assert "± standard deviation between seeds" in caption
    assert "within that run:\n  FID: standard error" in caption
    assert "a collapsed" in caption


def test_a_wide_table_gives_up_costs_and_says_so(tmp_path: Path, write: Write) -> None:
    scores = [score(1.0, metric=f"metric-{n}@inception") for n in range(5)]
    costs = [cost(name, 1e9) for name in ("images_per_sec", "training_sec", "peak_memory_bytes")]
    write(*scores, *costs)
    table, caption = results.compact_table(results.load(tmp_path / "runs"))
    assert _width(table) <= WIDTH
    assert "metric-0@… ↓" in table
    assert "on the features of inception" in caption
    assert "Left out for width: " in caption
    assert "peak GiB" in caption
    assert "peak GiB" not in table
