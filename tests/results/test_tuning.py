import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from rows_to_write import score
from trainings_to_write import training

import results
from results.tuning import UNTUNED

LAUNCH = "python -m bench.run --variants dcgan --set dcgan.lr=1e-4,2e-4"


def setting(store: Path, validation: Sequence[float | str], **changes: object) -> None:
    for seed, value in enumerate(validation):
        if isinstance(value, str):
            training(store, outcome=value, seed=seed, **changes)
        else:
            on_validation = score(value, split="validation", protocol_hash="v")
            # The test scores prefer the other setting: they must not be asked.
            training(store, score(1000 - value), on_validation, seed=seed, **changes)


def tuned(store: Path, axes: str | None = "lr=1e-4,2e-4") -> pd.DataFrame:
    frame = results.load(store)
    if axes is not None:
        frame["tuning_axes"] = pd.array([axes] * len(frame), dtype="string")
    return results.tuned(frame, "fid")


def test_the_best_validation_mean_is_kept(tmp_path: Path) -> None:
    setting(tmp_path, [10.0, 12.0], changed="lr=0.0001")
    setting(tmp_path, [20.0, 22.0], changed="")
    found = tuned(tmp_path)
    assert set(found["changed"]) == {"lr=0.0001"}
    words = "best of 2 by validation fid@digits-classifier, mean over seeds"
    assert found["tuning"].unique().tolist() == [words]


def test_means_are_of_logs_where_all_are_positive(tmp_path: Path) -> None:
    setting(tmp_path, [1.0, 100.0], changed="lr=0.0001")  # geometric mean 10, arithmetic 50.5
    setting(tmp_path, [15.0, 15.0], changed="")
    assert set(tuned(tmp_path)["changed"]) == {"lr=0.0001"}


@pytest.mark.parametrize("failure", ["diverged", math.nan])
def test_a_setting_that_fails_less_goes_first(tmp_path: Path, failure: float | str) -> None:
    setting(tmp_path, [10.0, failure], changed="lr=0.0001")
    setting(tmp_path, [20.0, 22.0], changed="")
    assert set(tuned(tmp_path)["changed"]) == {""}


def test_what_was_set_by_hand_stays_apart(tmp_path: Path) -> None:
    by_hand = "python -m bench.run --variants dcgan --set dcgan.ngf=32"
    setting(tmp_path, [10.0], changed="ngf=32 noise.nz=64", command=by_hand)
    setting(tmp_path, [20.0], changed="noise.nz=64", command="python -m bench.run --variants dcgan")
    found = tuned(tmp_path, axes=None).set_index("changed")["tuning"]
    assert set(found["ngf=32 noise.nz=64"]) == {"set by hand: ngf=32"}
    assert set(found["noise.nz=64"]) == {f"{UNTUNED}, but for noise.nz=64, which the data set sets"}


def test_axes_and_hands_at_once(tmp_path: Path) -> None:
    for changed, values in (("lr=0.0001 ngf=32", [10.0]), ("ngf=32", [20.0])):
        setting(tmp_path, values, changed=changed, command=f"{LAUNCH} --set=ngf=32")
    found = tuned(tmp_path)
    words = "set by hand: ngf=32; best of 2 by validation fid@digits-classifier, mean over seeds"
    assert found["tuning"].unique().tolist() == [words]


def test_without_validation_scores_none_is_chosen(tmp_path: Path) -> None:
    training(tmp_path, score(1.0), changed="lr=0.0001")
    training(tmp_path, score(2.0), changed="")
    found = tuned(tmp_path)
    assert set(found["changed"]) == {"", "lr=0.0001"}
    assert found["tuning"].str.contains("one of 2 settings, none chosen: no validation scores").all()


def test_variants_do_not_compete_with_one_another(tmp_path: Path) -> None:
    setting(tmp_path, [10.0], changed="", variant="wgan")
    setting(tmp_path, [20.0], changed="", variant="dcgan")
    assert set(tuned(tmp_path)["variant"]) == {"dcgan", "wgan"}


def test_the_rate_of_one_player_is_an_axis_of_its_own(tmp_path: Path) -> None:
    changes = {"optimiser_d.lr=0.004": 20.0, "optimiser_g.lr=0.001 optimiser_d.lr=0.004": 10.0, "": 1.0}
    for changed, value in changes.items():
        command = f"{LAUNCH} --set dcgan.optimiser_d.lr=0.004"
        setting(tmp_path, [value], changed=changed, command=command)
    found = tuned(tmp_path, axes="optimiser_g.lr=2e-4,1e-3").set_index("changed")["tuning"]
    # The third has D's own rate, so that it is no point of this axis.
    assert set(found.index) == {"optimiser_g.lr=0.001 optimiser_d.lr=0.004", ""}
    assert set(found[""]) == {UNTUNED}


def test_seeds_that_have_not_ended_are_no_failures(tmp_path: Path) -> None:
    setting(tmp_path, [91.0, 92.0, 93.0], changed="lr=1e-4")
    setting(tmp_path, [50.0, 51.0], changed="lr=2e-4")
    setting(tmp_path, ["running"], changed="lr=2e-4")
    found = tuned(tmp_path)
    assert set(found["changed"]) == {"lr=2e-4"}
