import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rows_to_write import score

import results
from results import StoreError
from results.throughput_table import METRICS

Write = Callable[..., Path]


def timed(metric: str, value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    row: dict[str, Any] = {"phase": "throughput", "metric": metric, "value": value}
    if low is not None:
        row["details"] = json.dumps({"low": low, "high": high, "rounds": 30})
    return row


@pytest.fixture
def cell(write: Write) -> Callable[..., Path]:
    def write_cell(*values: dict[str, Any], **changes: Any) -> Path:
        return write(*values, purpose="throughput", kimg_budget=None, image_shape="3x64x64", **changes)

    return write_cell


def load(tmp_path: Path) -> pd.DataFrame:
    return results.load(tmp_path / "runs")


def test_one_row_a_cell_in_the_order_of_modes(tmp_path: Path, cell: Write) -> None:
    cell(timed("images_per_sec", 300, 290, 310), training_id="t0", precision="amp-bf16")
    cell(training_id="t1", precision="fp32", compile="max-autotune", outcome="oom")
    cell(timed("images_per_sec", 100, 99, 102), training_id="t2")
    cell(timed("images_per_sec", 90, 89, 92), training_id="t3", batch_size=256)
    table = results.throughput_table(load(tmp_path))
    assert table[["batch_size", "precision", "compile", "outcome"]].to_numpy().tolist() == [
        [64, "fp32", "off", "ok"],
        [64, "fp32", "max-autotune", "oom"],
        [64, "amp-bf16", "off", "ok"],
        [256, "fp32", "off", "ok"],
    ]
    assert table["images_per_sec_low"].tolist()[::2] == [99, 290]
    assert math.isnan(table["images_per_sec"].iloc[1])
    assert table.dtypes[list(METRICS)].eq("float64").all()


def test_trainings_and_timings_do_not_mix(tmp_path: Path, cell: Write, write: Write) -> None:
    cell(timed("images_per_sec", 100, 99, 102), training_id="t0")
    cell(training_id="t1", precision="tf32", outcome="unsupported")
    write(score(1.0), training_id="t2")
    frame = load(tmp_path)
    assert len(results.throughput_table(frame)) == 2
    assert results.summary(frame)["seeds"].tolist() == [1]
    text, _ = results.compact_table(frame)
    assert len(text) == 1


def test_the_text_says_what_ended_how_and_what_to_doubt(tmp_path: Path, cell: Write) -> None:
    doubt = timed("images_per_sec", 1234.5, 1200, 1270) | {"warnings": "Other processes used 45 %."}
    cell(doubt, timed("features_per_sec@digits-classifier", 5000.0), training_id="t0")
    cell(timed("images_per_sec", 3000, 2900, 3100), timed("ratio_to_eager_fp32", 2.43, 2.4, 2.5),
         training_id="t1", precision="amp-bf16")  # fmt: skip
    cell(timed("agreement", 7.0), training_id="t2", compile="default", outcome="fast-but-wrong")
    table, caption = results.compact_throughput_table(load(tmp_path))
    assert table["img/s"].tolist() == ["1,234 ± 35", "–", "3,000 ± 100"]
    assert table["× eager fp32"].tolist() == ["1", "–", "2.43 [2.40, 2.50]"]
    assert table["outcome"].tolist() == ["ok", "fast-but-wrong", "ok"]
    assert "warning: dcgan batch 64: Other processes used 45 %." in caption
    assert "features, digits-classifier: 5,000 images/s of digits." in caption
    assert "dataset digits" in caption
    assert "J/1000" not in table  # nothing was measured


def test_a_running_cell_is_told(tmp_path: Path, cell: Write) -> None:
    from rows_to_write import header

    from results import Journal

    with Journal.open(tmp_path / "runs" / "t0", header(purpose="throughput")) as journal:
        journal.append(**timed("images_per_sec", 100, 99, 101))
    table, _ = results.compact_throughput_table(load(tmp_path))
    assert table["outcome"].tolist() == ["not ended"]


def test_no_timing_is_an_empty_table(tmp_path: Path, write: Write) -> None:
    write(score(1.0))
    assert results.throughput_table(load(tmp_path)).empty
    assert results.compact_throughput_table(load(tmp_path))[0].empty


def test_only_a_loaded_frame() -> None:
    with pytest.raises(StoreError, match="has no column 'training_id': it is not a loaded one"):
        results.throughput_table(pd.DataFrame({"metric": ["images_per_sec"]}))
