"""What a training cost: speeds with intervals, what was left out, and meters that fail."""

import json
import math

import pytest
from commands import VANILLA
from hypothesis import given, settings
from hypothesis import strategies as st
from zoo import trainer_of

import bench.costs
import results
from bench import cli
from bench.costs import TrainingCosts, ratio_error


def rows_of(costs: TrainingCosts, *, final: bool = True) -> dict[str, dict]:
    return {row["metric"]: row for row in costs.rows(final=final)}


def costs_of(name: str = "dcgan", *, windows: int = 0, seconds=lambda i: 2.0, until=None) -> TrainingCosts:
    """Of a training of 50-step windows that took these seconds, though none was trained."""
    costs = TrainingCosts(trainer_of(name))
    batch, clock = costs.trainer.settings.batch_size, 0.0
    with costs:
        costs.stretch()
        for i in range(windows):
            clock += seconds(i)
            steps = 50 * (i + 1)
            costs.window(
                {
                    "step": steps,
                    "kimg": steps * batch / 1000,
                    "training_sec": clock,
                    "real_images": steps * batch,
                }
            )
    return costs


def test_speed_leaves_out_the_first_window_which_stands_apart():
    rows = rows_of(costs_of(windows=4, seconds=lambda i: 100.0 if i == 0 else 2.0))
    assert rows["first_window_sec"]["value"] == 100.0
    assert rows["images_per_sec"]["value"] == pytest.approx(200)  # 50 steps × 8 images in 2 s
    details = json.loads(rows["images_per_sec"]["details"])
    assert details["windows"] == 3
    assert details["low"] == pytest.approx(200)
    assert details["high"] == pytest.approx(200)
    assert details["conditions"]["other_cpu_share"] is None
    assert rows["images_per_sec"]["uncertainty"] == pytest.approx(0, abs=1e-9)


def test_one_window_is_a_speed_without_an_interval():
    rows = rows_of(costs_of(windows=1))
    assert rows["images_per_sec"]["value"] == 200.0
    assert rows["images_per_sec"]["uncertainty"] is None
    assert "low" not in json.loads(rows["images_per_sec"]["details"])


def test_a_training_without_a_window_has_its_time_all_the_same():
    assert list(rows_of(costs_of(windows=0))) == ["training_sec"]


@settings(deadline=None, max_examples=40)  # what a slow machine takes is not the subject
@given(st.lists(st.floats(0.5, 2.0), min_size=2, max_size=30))
def test_the_interval_holds_the_speed_and_grows_with_the_windows_spread(seconds):
    rows = rows_of(costs_of(windows=len(seconds) + 1, seconds=lambda i: 1.0 if i == 0 else seconds[i - 1]))
    speed, details = rows["images_per_sec"]["value"], json.loads(rows["images_per_sec"]["details"])
    assert 0 < details["low"] <= speed * (1 + 1e-12)
    assert details["high"] >= speed * (1 - 1e-12)
    assert speed == pytest.approx(400 * len(seconds) / sum(seconds))


def test_the_error_of_a_ratio_is_that_of_a_mean_where_windows_are_equally_long():
    amounts = [9.0, 10.0, 11.0, 14.0]
    mean = sum(amounts) / 4
    sd = math.sqrt(sum((a - mean) ** 2 for a in amounts) / 3)
    assert ratio_error([(a, 1.0) for a in amounts]) == pytest.approx(sd / 2)
    assert ratio_error([(5.0, 1.0)]) is None
    assert ratio_error([(5.0, 1.0), (10.0, 2.0)]) == 0.0  # the same speed, one window twice as long


def test_energy_is_that_of_the_windows_that_count_and_scoring_is_left_out(monkeypatch):
    used = iter([100.0, 104.0, 1.0, 6.0])  # since each stretch began

    class Meter:
        def __init__(self, _) -> None:
            pass

        def joules(self) -> float:
            return next(used)

    monkeypatch.setattr(bench.costs, "EnergyMeter", Meter)
    costs = TrainingCosts(trainer_of("dcgan"))
    with costs:
        for i in range(4):
            if i in (0, 2):
                costs.stretch()
            costs.window({"step": i + 1, "kimg": 1.0 * (i + 1), "training_sec": 1.0 + i, "real_images": i})
    row = rows_of(costs)["joules_per_1000_images"]
    assert row["value"] == pytest.approx((4.0 + 1.0 + 5.0) / 3)


def gone_on(first: TrainingCosts, *, windows: int) -> TrainingCosts:
    """Go on from what was saved, with windows of 4 s after one of 100 s."""
    costs = TrainingCosts(trainer_of("dcgan"))
    costs.load_state_dict(first.state_dict(), first.columns)
    with costs:
        costs.stretch()
        for i in range(windows):
            last = costs.records[-1]
            steps, batch = last["step"] + 50, costs.trainer.settings.batch_size
            costs.window(
                {
                    "step": steps,
                    "kimg": steps * batch / 1000,
                    "training_sec": last["training_sec"] + (4.0 if i else 100.0),
                    "real_images": steps * batch,
                }
            )
    return costs


def test_costs_go_on_over_a_resume_and_speed_leaves_out_its_first_window_too():
    costs = gone_on(costs_of(windows=3), windows=2)  # of 2 s each; of 100 s and 4 s
    rows = rows_of(costs)
    assert rows["images_per_sec"]["value"] == pytest.approx(3 * 400 / (2 + 2 + 4))
    details = json.loads(rows["images_per_sec"]["details"])
    assert (details["windows"], details["resumed"]) == (3, 1)
    assert rows["first_window_sec"]["value"] == 2.0
    again = rows_of(gone_on(costs, windows=2))
    assert json.loads(again["images_per_sec"]["details"])["resumed"] == 2
    assert "resumed" not in json.loads(rows_of(costs_of(windows=3))["images_per_sec"]["details"])


def test_where_every_window_is_the_first_of_its_attempt_all_count_and_have_no_interval():
    row = rows_of(gone_on(costs_of(windows=1), windows=1))["images_per_sec"]
    assert row["value"] == pytest.approx(2 * 400 / (2 + 100))
    assert row["uncertainty"] is None
    assert json.loads(row["details"])["windows"] == 2


def test_what_was_gathered_comes_back_as_it_was():
    costs = costs_of(windows=2)
    for record in costs.records:
        record |= {"jsd": math.nan, "loss_d": 0.1 + 0.2}
    costs._joules, costs._allocated_bytes = [None, 4.25], 2**40 + 1
    other = TrainingCosts(trainer_of("dcgan"))
    other.load_state_dict(costs.state_dict(), costs.columns)
    assert str(other.records) == str(costs.records)  # whole numbers stay whole; NaN is equal to itself
    assert (other._joules, other._allocated_bytes) == (costs._joules, costs._allocated_bytes)
    nothing = TrainingCosts(trainer_of("dcgan"))
    nothing.load_state_dict(costs_of(windows=0).state_dict(), ())
    assert (nothing.records, nothing.columns) == ([], ())


def test_without_a_counter_there_is_no_energy_row():
    assert "joules_per_1000_images" not in rows_of(costs_of(windows=3))


def test_flops_are_those_of_the_steps_that_were_trained(instruments, monkeypatch):
    monkeypatch.setattr(bench.costs, "matmul_rate", lambda *_: 1e9)
    costs = TrainingCosts(trainer_of("wgan"))
    flops = bench.costs.step_flops(costs.trainer)
    batch = costs.trainer.settings.batch_size
    with costs:
        costs.stretch()
        for steps, d_steps, seconds in ((2, 9, 7.0), (4, 16, 9.0)):
            costs.window(
                {
                    "step": steps,
                    "kimg": steps * batch / 1000,
                    "training_sec": seconds,
                    "real_images": d_steps * batch,
                }
            )
    rows = rows_of(costs)
    reached = (2 * flops.g_step + 7 * flops.d_step) / 2.0
    assert rows["flops_per_sec"]["value"] == reached
    assert rows["matmul_share"]["value"] == reached / 1e9
    assert rows["host_reads_per_iteration"]["value"] == 0


@pytest.mark.parametrize("broken", ["step_flops", "matmul_rate", "host_reads", "PeakMemory", "EnergyMeter"])
def test_a_meter_that_fails_costs_its_row_and_says_so(broken, instruments, run, monkeypatch):
    def fail(*_):
        raise RuntimeError("the meter is broken")

    monkeypatch.setattr(bench.costs, broken, fail)
    monkeypatch.setattr(bench.costs.Watch, "sample", fail)
    assert run(VANILLA).code == cli.OK
    rows = results.load("runs").set_index("metric")
    assert set(rows["outcome"]) == {"ok"}
    missing = {
        "step_flops": {"flops_per_sec", "matmul_share"},
        "matmul_rate": {"flops_per_sec", "matmul_share"},
        "host_reads": {"host_reads_per_iteration"},
        "PeakMemory": {"peak_memory_bytes"},
        "EnergyMeter": set(),
    }[broken]
    assert not missing & set(rows.index)
    assert {"training_sec", "images_per_sec", "parzen"} <= set(rows.index)
    said = rows["warnings"]["images_per_sec"]
    assert "The machine state could not be measured (RuntimeError: the meter is broken)." in said
    assert said.count("could not be measured") == 2


def test_what_others_did_meanwhile_is_a_warning_in_the_row(monkeypatch):
    costs = costs_of(windows=2)
    monkeypatch.setattr(costs._watch, "warnings", lambda: ("Others were busy.",))
    assert rows_of(costs)["images_per_sec"]["warnings"] == "Others were busy."


def test_a_training_that_was_cut_short_is_not_probed(instruments, monkeypatch):
    monkeypatch.setattr(bench.costs, "step_flops", lambda _: pytest.fail("steps once more"))
    assert set(rows_of(costs_of(windows=2), final=False)) == {
        "training_sec",
        "images_per_sec",
        "first_window_sec",
        "peak_memory_bytes",
    }
