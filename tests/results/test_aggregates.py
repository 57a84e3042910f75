import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows_to_write import score
from scipy import stats
from trainings_to_write import loaded, training, trainings

import results
from results import StoreError
from results.aggregates import interquartile_mean


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=10))
def test_the_interquartile_mean_is_scipys_trimmed_mean(values: list[float]) -> None:
    # scipy trims whole values; four copies of each make quarters whole.
    four = np.repeat(values, 4)
    mine = interquartile_mean([np.array([values])])[0]
    # Sums of up to 40 values of up to 100 round to about 1e-12.
    assert mine == pytest.approx(stats.trim_mean(four, 0.25), abs=1e-9)


def test_data_sets_weigh_the_same_however_many_seeds_they_have() -> None:
    few, many = np.zeros((1, 2)), np.ones((1, 50))
    assert interquartile_mean([few, many])[0] == pytest.approx(0.5)


def test_failures_are_trimmed_until_they_are_a_quarter() -> None:
    three, five = [math.inf] * 3, [math.inf] * 5
    assert interquartile_mean([np.array([[1.0] * 13 + three])])[0] == pytest.approx(1.0)
    assert interquartile_mean([np.array([[1.0] * 11 + five])])[0] == math.inf


def test_one_ratio_over_data_sets(tmp_path: Path) -> None:
    for dataset, scale in (("digits", 1.0), ("mnist", 50.0)):
        scores = {
            "dcgan": [scale * x for x in (9.0, 10.0, 11.0)],
            "wgan": [scale * x for x in (4.5, 5.0, 5.5)],
        }
        trainings(tmp_path, scores, dataset=dataset)
    frame = results.load(tmp_path)
    over = results.aggregate(frame, "fid", "dcgan", np.random.default_rng(0))
    (row,) = over.to_dict("records")
    assert row["ratio"] == pytest.approx(0.5, rel=0.01)  # logs of 9, 10, 11 are not quite symmetric
    assert row["ratio_low"] < 0.5 < row["ratio_high"]
    assert (row["datasets"], row["seeds_least"], row["a"], row["b"]) == (2, 3, "dcgan", "wgan")
    again = results.aggregate(frame, "fid", "dcgan", np.random.default_rng(0))
    assert again.equals(over)
    words = results.aggregate_words(row, level=0.95)
    assert words.startswith("Over 2 data sets (digits, mnist): fid of wgan 0.")
    assert f"covers {100 * row['coverage']:.0f} % with 3 seeds" in words


def test_a_variant_that_mostly_fails_is_infinitely_worse(tmp_path: Path) -> None:
    trainings(tmp_path, {"dcgan": [9.0, 10.0, 11.0], "wgan": ["oom", "oom", 1.0]})
    (row,) = results.aggregate(results.load(tmp_path), "fid", None, np.random.default_rng(0)).to_dict(
        "records"
    )
    assert (row["ratio"], row["failed"]) == (math.inf, 2)


def test_ratios_need_positive_scores(tmp_path: Path) -> None:
    trainings(tmp_path, {"dcgan": [-1.0], "wgan": [1.0]})
    with pytest.raises(StoreError, match="above 0"):
        results.aggregate(results.load(tmp_path), "fid", None, np.random.default_rng(0))


def test_protocols_are_not_put_together(tmp_path: Path) -> None:
    for variant, value in (("dcgan", 100.0), ("wgan", 50.0)):
        for seed in range(2):
            rows = [score(value + seed, protocol_hash=name) for name in ("p1", "p2")]
            training(tmp_path, *rows, variant=variant, seed=seed)
    with pytest.raises(StoreError, match="fid of digits was scored under several protocols"):
        results.aggregate(results.load(tmp_path), "fid", None, np.random.default_rng(0))


def test_coverage_is_told_of_the_level_that_was_simulated(tmp_path: Path) -> None:
    frame = loaded(tmp_path, {"dcgan": [200.0, 210.0, 190.0], "wgan": [130.0, 140.0, 128.0]})
    for level, said in ((0.95, "covers 87 %"), (0.9, "was not measured")):
        over = results.aggregate(frame, "fid", None, np.random.default_rng(0), level=level)
        assert said in results.aggregate_words(over.to_dict("records")[0], level=level)
