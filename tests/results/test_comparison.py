import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rows_to_write import score
from scipy import stats
from trainings_to_write import curve, loaded, training, trainings

import results
from results import StoreError

DCGAN = [200.0, 210.0, 190.0, 205.0, 195.0]
WGAN = [130.0, 140.0, 128.0, 133.0, 135.0]
LSGAN = [198.0, 230.0, 170.0, 215.0, 180.0]


def only(table: pd.DataFrame) -> dict[str, object]:
    (row,) = table.to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_a_better_variant_is_said_to_be_better(tmp_path: Path) -> None:
    row = only(results.compare(loaded(tmp_path, {"dcgan": DCGAN, "wgan": WGAN})))
    assert (row["a"], row["b"], row["verdict"], row["scale"]) == ("dcgan", "wgan", "better", "log")
    scipys = stats.ttest_ind(np.log(WGAN), np.log(DCGAN), equal_var=False)
    interval = scipys.confidence_interval()
    assert row["p"] == pytest.approx(scipys.pvalue)
    ends = math.exp(interval.low), math.exp(interval.high)
    assert (row["effect_low"], row["effect_high"]) == pytest.approx(ends)
    assert row["effect"] == pytest.approx(stats.gmean(WGAN) / stats.gmean(DCGAN))
    assert row["value_a"] == pytest.approx(stats.gmean(DCGAN))
    assert (row["improvement"], row["p_rank"], row["p_rank_smallest"]) == pytest.approx((1, 2 / 252, 2 / 252))
    assert math.isnan(row["seeds_needed"])  # type: ignore[arg-type]
    assert str(row["words"]).startswith(
        "wgan is better than dcgan: FID 133 against 200, 0.666 times as high ["
    )


def test_the_direction_is_that_of_the_metric(tmp_path: Path) -> None:
    higher = {"metric": "is@digits-classifier", "better": "higher", "split": None}
    for variant, values in {"dcgan": DCGAN, "wgan": WGAN}.items():
        for seed, value in enumerate(values):
            training(tmp_path, score(value, **higher), variant=variant, seed=seed)
    row = only(results.compare(results.load(tmp_path), metric="is"))
    assert (row["verdict"], row["improvement"]) == ("worse", 0.0)


def test_what_cannot_be_told_apart_says_how_many_seeds_would(tmp_path: Path) -> None:
    row = only(results.compare(loaded(tmp_path, {"dcgan": DCGAN, "lsgan": LSGAN})))
    assert row["verdict"] == "cannot be told apart"
    assert row["seeds_needed"] > 100  # type: ignore[operator]
    words = str(row["words"])
    assert words.startswith("lsgan and dcgan cannot be told apart with 5 and 5 seeds: ")
    assert f"About {row['seeds_needed']:,.0f} seeds each would be needed" in words


def test_the_correction_is_for_what_was_asked(tmp_path: Path) -> None:
    frame = loaded(tmp_path, {"dcgan": DCGAN, "lsgan": LSGAN, "wgan": WGAN})
    with_baseline, all_pairs = results.compare(frame), results.compare(frame, pairs="all")
    assert with_baseline[["a", "b"]].to_numpy().tolist() == [["dcgan", "lsgan"], ["dcgan", "wgan"]]
    assert all_pairs[["a", "b"]].to_numpy().tolist()[2] == ["lsgan", "wgan"]
    for table, m in ((with_baseline, 2), (all_pairs, 3)):
        assert table["comparisons"].eq(m).all()
        assert table["p_holm"].min() == pytest.approx(m * table["p"].min())
    wgan = results.compare(frame, baseline="wgan")
    assert wgan["verdict"].tolist() == ["worse", "worse"]


def test_a_difference_that_the_correction_takes_is_said_with_both_ps(tmp_path: Path) -> None:
    near = [185.0, 193.0, 180.0, 197.0, 184.0]
    p = stats.ttest_ind(np.log(near), np.log(DCGAN), equal_var=False).pvalue
    assert 0.025 < p < 0.05
    frame = loaded(tmp_path, {"dcgan": DCGAN, "lsgan": LSGAN, "near": near})
    row = results.compare(frame).set_index("b").loc["near"]
    assert row["verdict"] == "cannot be told apart"
    assert f"(p = {p:.2g} alone)" in row["words"]


def test_failed_seeds_count_against_a_variant(tmp_path: Path) -> None:
    # Better where it ends well, but it rarely does: no "better" by the survivors.
    failing = [130.0, 140.0, "diverged", "oom", "diverged"]
    row = only(results.compare(loaded(tmp_path, {"dcgan": DCGAN, "wgan": failing})))
    assert (row["seeds_b"], row["failed_b"], row["decided_by"]) == (5, 3, "ranks")
    assert row["verdict"] == "cannot be told apart"
    assert row["p"] < 0.05  # type: ignore[operator]
    assert row["improvement"] == pytest.approx(2 / 5)
    said = "3 of 5 seeds of wgan failed (2 diverged, 1 oom) and count as worse than any score."
    assert said in str(row["words"])


def test_a_variant_that_always_fails_is_worse(tmp_path: Path) -> None:
    row = only(results.compare(loaded(tmp_path, {"dcgan": DCGAN, "wgan": ["diverged"] * 5})))
    assert (row["verdict"], row["p_rank"]) == ("worse", pytest.approx(2 / 252))
    assert math.isnan(row["value_b"])  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_a_failure(tmp_path: Path, value: float) -> None:
    row = only(results.compare(loaded(tmp_path, {"dcgan": DCGAN, "wgan": [*WGAN[:4], value]})))
    assert (row["seeds_b"], row["failed_b"]) == (5, 1)
    assert row["value_b"] == pytest.approx(stats.gmean(WGAN[:4]))
    assert f"(1 {'NaN' if math.isnan(value) else 'infinite'})" in str(row["words"])


def test_what_runs_or_cannot_run_here_counts_neither_way(tmp_path: Path) -> None:
    frame = loaded(tmp_path, {"dcgan": DCGAN, "wgan": [*WGAN, "running", "unsupported"]})
    row = only(results.compare(frame))
    assert (row["seeds_b"], row["failed_b"], row["verdict"]) == (5, 0, "better")
    assert "Of wgan, 2 seeds are not counted (1 running, 1 unsupported)." in str(row["words"])
    none = loaded(tmp_path / "none", {"dcgan": DCGAN, "wgan": ["unsupported"]})
    with pytest.raises(StoreError, match=r"wgan can't be compared: 1 seed is not counted \(1 unsupported\)"):
        results.compare(none)


def test_one_seed_each_is_too_few(tmp_path: Path) -> None:
    row = only(results.compare(loaded(tmp_path, {"dcgan": [200.0], "wgan": [100.0]})))
    assert row["verdict"] == "too few seeds"
    assert math.isnan(row["p_holm"])  # type: ignore[arg-type]
    assert "an interval needs two finite scores on each side" in str(row["words"])


def test_three_seeds_that_ranks_must_decide_are_too_few(tmp_path: Path) -> None:
    row = only(results.compare(loaded(tmp_path, {"dcgan": [1.0, 2.0, 3.0], "wgan": ["oom"] * 3})))
    assert (row["verdict"], row["p_rank_smallest"]) == ("too few seeds", pytest.approx(0.1))
    assert "their p cannot get below 0.1 here" in str(row["words"])


def test_a_verdict_on_three_seeds_says_that_ranks_cannot_confirm_it(tmp_path: Path) -> None:
    row = only(results.compare(loaded(tmp_path, {"dcgan": DCGAN[:3], "wgan": WGAN[:3]})))
    assert row["verdict"] == "better"
    assert "cannot confirm it with so few seeds (its smallest p is 0.1)" in str(row["words"])


def test_scores_that_never_vary_are_left_to_ranks(tmp_path: Path) -> None:
    modes = {"dcgan": [8.0] * 5, "wgan": [7.0] * 5, "lsgan": [8.0] * 5}
    table = results.compare(loaded(tmp_path, modes)).set_index("b")
    assert table["decided_by"].eq("ranks").all()
    assert table.loc["wgan", "verdict"] == "better"  # lower is better in these rows
    assert table.loc["lsgan", "verdict"] == "cannot be told apart"
    assert table.loc["lsgan", "effect"] == 1.0


def test_what_is_not_positive_is_compared_by_differences(tmp_path: Path) -> None:
    row = only(results.compare(loaded(tmp_path, {"dcgan": [-1.0, 0.0, 1.0], "wgan": [9.0, 10.0, 11.0]})))
    assert (row["scale"], row["effect"]) == ("linear", 10.0)
    assert "a difference of +10.0 [" in str(row["words"])
    assert "Not all scores are above 0: differences, not ratios." in str(row["words"])


def test_log_likelihoods_are_never_ratios(tmp_path: Path) -> None:
    for seed in range(3):
        for variant, value in (("dcgan", 150.0), ("wgan", 160.0)):
            row = score(value + seed, metric="parzen", better="higher")
            training(tmp_path, row, variant=variant, seed=seed)
    found = only(results.compare(results.load(tmp_path), metric="parzen"))
    assert (found["scale"], found["effect"], found["verdict"]) == ("linear", 10.0, "better")


def test_not_worse_is_a_test_of_its_own(tmp_path: Path) -> None:
    alike = [199.0, 211.0, 191.0, 203.0, 197.0]
    frame = loaded(tmp_path, {"dcgan": DCGAN, "alike": alike, "lsgan": LSGAN})
    table = results.compare(frame, margin=0.1, baseline="dcgan").set_index("b")
    assert table.loc["alike", "verdict"] == "not worse"
    assert "alike is not worse than dcgan by 10 % or more" in table.loc["alike", "words"]
    assert table.loc["lsgan", "verdict"] == "cannot be told apart"
    assert results.compare(frame, margin=0.001, baseline="dcgan")["verdict"].eq("cannot be told apart").all()


def test_who_fails_more_often_is_never_not_worse(tmp_path: Path) -> None:
    alike = [199.0, 211.0, 191.0, 203.0, 197.0]
    frame = loaded(tmp_path, {"dcgan": DCGAN, "alike": [*alike, "diverged"]})
    assert only(results.compare(frame, margin=0.5, baseline="dcgan"))["verdict"] == "cannot be told apart"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kimg_budget": 50}, "kimg 50 of wgan and 100 of dcgan"),
        ({"batch_size": 8}, "batch size 8 of wgan and 64 of dcgan"),
        ({"precision": "amp-bf16"}, "precision amp-bf16 of wgan and fp32 of dcgan"),
        ({"compile": "default"}, "compile default of wgan"),
        ({"device": "cuda"}, "device cuda of wgan"),
        ({"dataset_fingerprint": "f"}, "content of the data f of wgan"),
        ({"image_shape": "1x8x8"}, "image shape 1x8x8 of wgan"),
    ],
)
def test_other_conditions_are_refused_with_what_differs(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    trainings(tmp_path, {"dcgan": DCGAN})
    trainings(tmp_path, {"wgan": WGAN}, **changes)
    with pytest.raises(StoreError) as refused:
        results.compare(results.load(tmp_path), baseline="dcgan")
    assert words in str(refused.value)


def test_other_protocols_are_refused_with_what_differs(tmp_path: Path) -> None:
    for variant, n in (("dcgan", 500), ("wgan", 1000)):
        row = score(1.0, protocol=json.dumps({"metric": "fid", "n_fake": n}), protocol_hash=f"p{n}")
        training(tmp_path, row, variant=variant)
    with pytest.raises(StoreError, match="n_fake 1000 of wgan and 500 of dcgan"):
        results.compare(results.load(tmp_path), baseline="dcgan")


def test_conditions_that_both_have_are_split(tmp_path: Path) -> None:
    for kimg, factor in ((50, 2.0), (100, 1.0)):
        scaled = {"dcgan": [factor * x for x in DCGAN], "wgan": [factor * x for x in WGAN]}
        trainings(tmp_path, scaled, kimg_budget=kimg)
    trainings(tmp_path, {"lsgan": LSGAN}, kimg_budget=100)
    table = results.compare(results.load(tmp_path), baseline="dcgan")
    assert sorted(table["value_a"].round()) == [200, 200, 400]
    assert table["comparisons"].eq(3).all()
    assert table.attrs["notes"] == []


def test_versions_and_settings_are_named_apart(tmp_path: Path) -> None:
    trainings(tmp_path, {"dcgan": DCGAN})
    trainings(tmp_path, {"dcgan": LSGAN}, changed="lr=0.001")
    trainings(tmp_path, {"wgan": WGAN}, variant_version="2")
    frame = results.load(tmp_path)
    assert set(results.compare(frame, baseline="wgan")["b"]) == {"dcgan", "dcgan lr=0.001"}
    assert set(results.compare(frame, baseline="dcgan")["b"]) == {"dcgan lr=0.001", "wgan"}
    trainings(tmp_path, {"dcgan": WGAN}, variant_version="2")
    with pytest.raises(StoreError, match="'dcgan' may be any of"):
        results.compare(results.load(tmp_path), baseline="dcgan")


def test_what_a_label_leaves_out_of_the_settings_is_noted(tmp_path: Path) -> None:
    trainings(tmp_path, {"dcgan": DCGAN})
    trainings(tmp_path, {"lsgan": LSGAN}, changed="network=mlp")
    trainings(tmp_path, {"lsgan": WGAN}, changed="network=mlp lr=0.001")
    table = results.compare(results.load(tmp_path), baseline="dcgan")
    assert table["b"].tolist() == ["lsgan", "lsgan lr=0.001"]
    notes = ["lsgan has network=mlp.", "lsgan lr=0.001 has network=mlp lr=0.001."]
    assert table.attrs["notes"] == notes


def test_other_columns_can_be_compared_by(tmp_path: Path) -> None:
    trainings(tmp_path, {"dcgan": DCGAN, "wgan": WGAN})
    trainings(tmp_path, {"dcgan": LSGAN, "wgan": WGAN[::-1]}, precision="amp-bf16")
    table = results.compare(results.load(tmp_path), by="precision", baseline="fp32")
    assert table[["a", "b"]].drop_duplicates().to_numpy().tolist() == [["fp32", "amp-bf16"]]
    assert [text.split(",")[0] for text in table["conditions"]] == ["dcgan", "wgan"]
    with pytest.raises(StoreError, match="not by 'dataset'"):
        results.compare(results.load(tmp_path), by="dataset")


def test_costs_come_from_one_machine(tmp_path: Path) -> None:
    def cost(value: float) -> dict[str, object]:
        return {"phase": "training", "metric": "training_sec", "value": value, "better": "lower", "unit": "s"}

    for seed, second in enumerate([10.0, 11.0, 12.0]):
        training(tmp_path, cost(second), variant="dcgan", seed=seed)
        training(tmp_path, cost(2 * second), variant="wgan", seed=seed)
    row = only(results.compare(results.load(tmp_path), metric="training_sec"))
    assert (row["verdict"], row["effect"], row["decided_by"]) == ("worse", pytest.approx(2), "welch")
    training(tmp_path / "two", cost(1.0), variant="dcgan")
    training(tmp_path / "two", cost(1.0), variant="wgan", device_name="another")
    with pytest.raises(StoreError, match="machine another of wgan and cpu model of dcgan"):
        results.compare(results.load(tmp_path / "two"), metric="training_sec", baseline="dcgan")


def test_best_is_reported_where_validation_chose_it(tmp_path: Path) -> None:
    for seed in range(3):
        for variant, factor in (("dcgan", 1.0), ("wgan", 3.0)):
            values = {50: factor * (10 + seed), 100: factor * (20 + seed)}
            training(tmp_path, *curve(values, {50: 5.0, 100: 9.0}), variant=variant, seed=seed)
    frame = results.load(tmp_path)
    best = only(results.compare(frame, at="best"))
    assert best["value_a"] == pytest.approx(stats.gmean([10, 11, 12]))
    assert only(results.compare(frame))["value_a"] == pytest.approx(stats.gmean([20, 21, 22]))


def test_best_without_validation_scores_is_final_and_says_so(tmp_path: Path) -> None:
    table = results.compare(loaded(tmp_path, {"dcgan": DCGAN, "wgan": WGAN}), at="best")
    assert table["at"].tolist() == ["final"]
    assert "nothing was selected" in table.attrs["notes"][0]


def test_bad_requests_are_refused(tmp_path: Path) -> None:
    frame = loaded(tmp_path, {"dcgan": DCGAN, "wgan": WGAN})
    for request, words in (
        ({"metric": "fod"}, "did you mean 'fid'"),
        ({"baseline": "r3gan"}, "no baseline 'r3gan'; there are 'dcgan', 'wgan'"),
        ({"pairs": "some"}, "'baseline' or 'all', not 'some'"),
        ({"at": "last"}, "not at 'last'"),
        ({"level": 95}, "as 0.95, not 95"),
    ):
        with pytest.raises(StoreError, match=words):
            results.compare(frame, **request)
    alone = frame[frame["variant"].eq("wgan")]
    with pytest.raises(StoreError, match="by variant there is only wgan"):
        results.compare(alone)


def test_the_table_says_what_its_numbers_mean(tmp_path: Path) -> None:
    frame = loaded(tmp_path, {"dcgan": DCGAN, "lsgan": ["oom", *LSGAN[1:]], "wgan": WGAN})
    table, caption = results.comparison_table(results.compare(frame))
    assert table["compared"].tolist() == ["lsgan", "wgan"]
    assert table["verdict"].tolist() == ["cannot be told apart", "better"]
    assert table.iloc[:, -1].tolist() == ["5 (1 failed), 5", "5, 5"]
    assert table["p\nHolm"].str.endswith("ʳ").tolist() == [True, False]
    assert "All rows: digits, 100 kimg" in caption
    assert "Holm's correction for the 2 comparisons" in caption
    assert "ʳ: by ranks" in caption
    assert list(results.compare(frame).columns) == results.COMPARISON_COLUMNS


def test_one_finite_score_on_a_side_has_no_interval(tmp_path: Path) -> None:
    row = only(results.compare(loaded(tmp_path, {"dcgan": [200.0, 210.0, 190.0], "wgan": [180.0]})))
    assert row["verdict"] == "too few seeds"
    assert math.isnan(row["effect_low"])  # type: ignore[arg-type]
    assert math.isnan(row["effect_high"])  # type: ignore[arg-type]
    assert "∞" not in str(row["words"])


def test_a_table_of_costs_says_their_units(tmp_path: Path) -> None:
    memory = {"phase": "training", "metric": "peak_memory_bytes", "unit": "bytes", "better": "lower"}
    memory |= {"split": None, "protocol_hash": None}
    frame = loaded(
        tmp_path, {"dcgan": DCGAN, "wgan": WGAN}, score(2.0 * 2**30, **memory), device_name="cpu model"
    )
    table, caption = results.comparison_table(results.compare(frame, metric="peak_memory_bytes"))
    assert caption.splitlines()[1] == "peak memory [GiB] ↓: peak_memory_bytes."
    assert table["peak memory [GiB] ↓\nwgan"].tolist() == ["2.00 [2.00, 2.00]"]


def test_differences_of_memory_are_in_the_unit_of_the_values(tmp_path: Path) -> None:
    memory = {"phase": "training", "metric": "peak_memory_bytes", "unit": "bytes", "better": "lower"}
    memory |= {"split": None, "protocol_hash": None}
    for variant, gibibytes in {"dcgan": (0.0, 2.0), "wgan": (3.0, 5.0)}.items():
        for seed, value in enumerate(gibibytes):
            row = score(value * 2**30, **memory)
            training(tmp_path, row, variant=variant, seed=seed, device_name="cpu model")
    table = results.compare(results.load(tmp_path), metric="peak_memory_bytes", margin=0.05)
    words = str(only(table)["words"])
    assert "4.00 against 1.00 GiB, a difference of +3.00 [" in words
    assert "The margin is a share, and says nothing of differences." in words
    shown, _ = results.comparison_table(table)
    assert shown.filter(like="wgan\n").iloc[0, 0].startswith("3.00 [")


def test_wide_intervals_are_infinite_not_an_error(tmp_path: Path) -> None:
    row = only(results.compare(loaded(tmp_path, {"a": [50.0, 500.0], "b": [90.0, 95.0]}), level=0.999))
    assert row["value_a_high"] == math.inf


def test_settings_are_compared_under_names(tmp_path: Path) -> None:
    for changed in ("", "lr=1"):
        trainings(tmp_path, {"dcgan": DCGAN}, changed=changed)
    row = only(results.compare(results.load(tmp_path), by="changed"))
    assert {row["a"], row["b"]} == {"unchanged", "lr=1"}
