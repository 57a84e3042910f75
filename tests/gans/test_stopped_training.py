"""A training that is stopped, saved and gone on with is the unstopped one, whenever that was."""

import dataclasses

import pytest
import torch
from tiny import BATCH, VARIANTS, assert_equal, everything, images, settings, tiny, trainer_on

import gans
import gans.trainer
from gans.checkpoint import read_checkpoint
from gans.networks import MLP

STEPS = 9


@pytest.fixture(autouse=True)
def short_windows(monkeypatch):
    monkeypatch.setattr(gans.trainer, "MONITOR_EVERY", 4)


def start(name: str, precision: str = "fp32") -> gans.Trainer:
    """With all the state that a training can have: an average, a schedule, dropout, a loss scale."""
    changes = {"ema_kimg": 0.1, "schedule": "linear"}
    if name == "vanilla":
        changes |= {"network": MLP(hidden_g=(16,), hidden_d=(16, 16), dropout=0.5)}
    return trainer_on(images(), tiny(name, **changes), settings(STEPS, precision=precision))


def history(training):
    """Its records, the clock left out."""
    return [record | {"training_sec": 0} for record in training]


def stopped_after(steps: int, training: gans.Trainer) -> list[dict[str, float]]:
    """Train, and stop in that step, as a signal would."""
    step = training.step

    def stopping():
        if training.steps == steps - 1:
            training.stop()
        return step()

    training.step = stopping
    return history(training.train())


@pytest.mark.parametrize(
    ("name", "precision", "steps"),
    [
        *((name, "fp32", 6) for name in VARIANTS),
        *(("vanilla", "fp32", steps) for steps in (1, 4, 8)),
        ("dcgan", "amp-fp16", 6),
    ],
)
def test_stopped_saved_and_gone_on_with_is_unstopped_bit_for_bit(name, precision, steps, tmp_path):
    whole, path = start(name, precision), tmp_path / "checkpoint.safetensors"
    expected = history(whole.train())
    first = start(name, precision)
    records = stopped_after(steps, first)
    assert first.steps == steps
    gans.save_checkpoint(path, first.state_dict(), first.variant, first.shape, first.classes)
    second = start(name, precision)
    second.load_state_dict(read_checkpoint(path)[0])
    state = first.state_dict()
    assert len(state["monitor.window"]) == steps % 4
    assert ("loss_scale.scale" in state) == (precision == "amp-fp16")
    assert_equal(state, second.state_dict())
    assert second.training_sec == first.training_sec
    records += history(second.train())
    assert str(records) == str(expected)  # NaN being equal to itself
    assert_equal(everything(whole), everything(second))


def test_it_goes_on_in_the_same_process_and_after_several_stops():
    whole, often = start("dcgan"), start("dcgan")
    expected, records = history(whole.train()), []
    step = often.step
    often.step = lambda: (often.stop(), step())[1]  # in every step
    while often.steps < STEPS:
        before = often.steps
        records += history(often.train())
        assert often.steps == before + 1
    assert str(records) == str(expected)
    assert_equal(everything(whole), everything(often))


def test_asked_between_two_trainings_the_next_one_does_nothing_and_the_one_after_it_trains():
    training = start("vanilla")
    training.stop()
    assert list(training.train()) == []
    assert training.steps == 0
    assert [record["step"] for record in training.train()] == [4, 8, 9]


def test_asked_at_a_record_it_ends_there():
    training = start("vanilla")
    for _ in training.train():
        training.stop()
    assert training.steps == 4


def test_asked_in_the_last_step_it_has_ended_and_nothing_is_left_to_stop():
    training = start("vanilla")
    records = stopped_after(8, training)
    assert [record["step"] for record in records] == [4, 8]
    del training.step  # the class's own again
    halfway = training.train()
    assert next(halfway)["step"] == 9
    training.stop()
    assert list(halfway) == []
    training.settings = dataclasses.replace(training.settings, kimg=12 * BATCH / 1000)
    assert [record["step"] for record in training.train()] == [12]


def test_the_weights_of_a_stopped_training_are_not_judged():
    # Or the training that goes on would not end where the unstopped one does.
    training = start("vanilla")
    step = training.step

    def spoilt():
        values = step()
        training.generator.linears[0].weight.data[0, 0] = torch.inf
        training.stop()
        return values

    training.step = spoilt
    assert list(training.train()) == []
    del training.step
    with pytest.raises(gans.Diverged, match="A loss became non-finite by generator step 4"):
        list(training.train())


def test_time_before_a_stop_counts(monkeypatch):
    seconds = iter(range(100))
    monkeypatch.setattr(gans.trainer.time, "perf_counter", lambda: next(seconds))
    training = start("vanilla")
    stopped_after(3, training)
    assert training.training_sec == 1


@pytest.mark.parametrize("lost", ["progress.steps", "optimiser_g.", "generator."])
def test_a_state_that_does_not_fit_is_a_sentence(lost):
    state = {name: tensor for name, tensor in start("dcgan").state_dict().items() if lost not in name}
    with pytest.raises(gans.VariantError, match="The state does not fit this training of dcgan version 1: "):
        start("dcgan").load_state_dict(state)


def test_a_state_of_before_there_were_windows_is_read():
    state = start("dcgan").state_dict()
    del state["monitor.window"]
    training = start("dcgan")
    training.load_state_dict(state)
    assert len(training.state_dict()["monitor.window"]) == 0
