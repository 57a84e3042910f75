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

BEFORE = [200.0, 210.0, 190.0, 205.0, 195.0]
SLOWER = {"phase": "training", "metric": "training_sec", "better": "lower", "unit": "s"}


def timed(store: Path, seconds: list[float], **changes: object) -> pd.DataFrame:
    for seed, second in enumerate(seconds):
        training(store, score(BEFORE[seed]), SLOWER | {"value": second}, seed=seed, **changes)
    return results.load(store)


def test_what_got_worse_is_said(tmp_path: Path) -> None:
    before = loaded(tmp_path / "a", {"dcgan": BEFORE, "wgan": BEFORE})
    after = loaded(tmp_path / "b", {"dcgan": [1.5 * x for x in BEFORE], "wgan": BEFORE})
    table = results.compare_stores(before, after).set_index("conditions")
    (dcgan, wgan) = table.index
    assert dcgan.startswith("dcgan, digits, 100 kimg")
    assert table["verdict"].tolist() == ["worse", "cannot be told apart"]
    assert table.loc[dcgan, "effect"] == pytest.approx(1.5)
    assert "every seed has the very same value in both" in table.loc[wgan, "words"]
    assert table["comparisons"].eq(2).all()
    assert (table.attrs["notes"], table.attrs["missing"]) == ([], [])


def test_seeds_of_scores_are_not_paired(tmp_path: Path) -> None:
    before = loaded(tmp_path / "a", {"dcgan": BEFORE})
    after = loaded(tmp_path / "b", {"dcgan": [x + 5 for x in BEFORE]})
    (row,) = results.compare_stores(before, after).to_dict("records")
    assert row["decided_by"] == "welch"
    welch = stats.ttest_ind(np.log(BEFORE), np.log(np.array(BEFORE) + 5), equal_var=False)
    assert row["p"] == pytest.approx(welch.pvalue)


def test_costs_are_paired_by_seed(tmp_path: Path) -> None:
    seconds = [10.0, 20.0, 30.0, 40.0, 50.0]
    slower = [11.0, 22.1, 32.9, 44.0, 55.2]
    before, after = timed(tmp_path / "a", seconds), timed(tmp_path / "b", slower)
    (row,) = results.compare_stores(before, after, metrics=["training_sec"]).to_dict("records")
    paired = stats.ttest_rel(np.log(slower), np.log(seconds))
    assert (row["verdict"], row["decided_by"]) == ("worse", "paired")
    assert row["p"] == pytest.approx(paired.pvalue)
    ends = paired.confidence_interval()
    assert (row["effect_low"], row["effect_high"]) == pytest.approx((math.exp(ends.low), math.exp(ends.high)))
    assert row["p_rank"] == pytest.approx(2 / 32)
    assert "Paired by the 5 seeds that both have." in row["words"]
    assert "Timed at different times" in row["words"]


@pytest.mark.parametrize("change", [{"device_name": "another"}, {"cpu_threads": 2}])
def test_costs_of_other_machines_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    before, after = timed(tmp_path / "a", [1.0, 2.0]), timed(tmp_path / "b", [1.0, 2.0], **change)
    with pytest.raises(StoreError, match=r"training_sec can't be compared.*(machine|CPU threads)"):
        results.compare_stores(before, after, metrics=["training_sec"])
    table = results.compare_stores(before, after)  # scores do not depend on the machine
    assert table["metric"].tolist() == ["fid@digits-classifier"]
    assert "same conditions" in table.attrs["missing"][0]


def test_what_is_gone_or_new_is_said(tmp_path: Path) -> None:
    before = loaded(tmp_path / "a", {"dcgan": BEFORE, "wgan": BEFORE})
    after = loaded(tmp_path / "b", {"dcgan": BEFORE, "lsgan": BEFORE})
    table = results.compare_stores(before, after)
    assert table.attrs["missing"] == ["wgan, digits is not in the store after."]
    assert table.attrs["notes"] == ["Only after: lsgan, digits, 100 kimg, batch 64, fp32, cpu."]


def test_a_metric_that_is_gone_is_said(tmp_path: Path) -> None:
    parzen = score(150.0, metric="parzen", better="higher")
    before = loaded(tmp_path / "a", {"dcgan": BEFORE}, parzen)
    table = results.compare_stores(before, loaded(tmp_path / "b", {"dcgan": BEFORE}))
    assert table["metric"].tolist() == ["fid@digits-classifier"]
    (said,) = table.attrs["missing"]
    assert said.startswith("dcgan, digits")
    assert said.endswith("after: 5 seeds are not counted (5 without this score).")


def test_other_conditions_are_refused_with_what_differs(tmp_path: Path) -> None:
    before = loaded(tmp_path / "a", {"dcgan": BEFORE})
    after = loaded(tmp_path / "b", {"dcgan": BEFORE}, kimg_budget=50)
    with pytest.raises(StoreError, match="kimg 100 before and 50 after"):
        results.compare_stores(before, after)


def test_a_new_version_is_compared_with_the_former_one(tmp_path: Path) -> None:
    before = loaded(tmp_path / "a", {"dcgan": BEFORE})
    after = loaded(tmp_path / "b", {"dcgan": [2 * x for x in BEFORE]}, variant_version="2")
    (row,) = results.compare_stores(before, after).to_dict("records")
    assert row["conditions"].endswith("version 1 before and 2 after")
    both = results.load(trainings(tmp_path / "b", {"dcgan": BEFORE}))
    (row,) = results.compare_stores(before, both).to_dict("records")
    assert row["effect"] == pytest.approx(1.0)  # version 1 beside version 1
    third = loaded(tmp_path / "c", {"dcgan": BEFORE}, variant_version="3")
    with pytest.raises(StoreError, match="version 3 is not in the store after"):
        results.compare_stores(third, both)


def test_a_recipe_that_now_fails_is_worse(tmp_path: Path) -> None:
    before = loaded(tmp_path / "a", {"dcgan": BEFORE})
    after = loaded(tmp_path / "b", {"dcgan": ["error"] * 5})
    # Nobody was scored after: the failures must not vanish with the metric.
    table = results.compare_stores(before, after)
    assert table["verdict"].tolist() == ["worse"]
    assert table["failed_b"].tolist() == [5]


def test_one_store_with_a_choice_and_one_without_are_not_compared(tmp_path: Path) -> None:
    for name, validation in (("a", {50: 1.0, 100: 2.0}), ("b", {})):
        for seed in range(2):
            training(tmp_path / name, *curve({50: 1.0, 100: 2.0}, validation), seed=seed)
    stores = results.load(tmp_path / "a"), results.load(tmp_path / "b")
    with pytest.raises(StoreError, match="only one of the stores has validation scores"):
        results.compare_stores(*stores, at="best")


def test_what_is_lost_is_missing_whatever_the_ranks_could_tell(tmp_path: Path) -> None:
    before = loaded(tmp_path / "a", {"dcgan": BEFORE[:3], "wgan": BEFORE[:3]})
    after = loaded(tmp_path / "b", {"dcgan": ["diverged"] * 3, "wgan": BEFORE[:3]})
    table = results.compare_stores(before, after)
    assert "too few seeds" in set(table["verdict"])
    (lost,) = table.attrs["missing"]
    assert lost.startswith("dcgan")
    assert "every seed failed in the store after" in lost
    both = results.load(trainings(tmp_path / "a", {"dcgan": BEFORE[:3]}, variant_version="2"))
    second = loaded(tmp_path / "c", {"dcgan": BEFORE[:3]}, variant_version="2")
    gone = results.compare_stores(both, second).attrs["missing"]
    assert any("dcgan" in said and "version 1 is not in the store after" in said for said in gone)
