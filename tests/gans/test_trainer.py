import copy
import dataclasses
import gc
import math
import weakref

import pytest
import torch
from tiny import (
    BATCH,
    VARIANTS,
    assert_equal,
    everything,
    images,
    points,
    settings,
    tiny,
    trainer,
    trainer_on,
)

import gans
import gans.trainer
from gans.critic_schedule import Boosted
from gans.optimisers import Adam


def history(trained):
    """Its records, the clock left out."""
    return [record | {"training_sec": 0} for record in trained.train()]


def same(one, other):
    """Equal records, NaN (jsd of a critic) being equal to itself."""
    return str(one) == str(other)


@pytest.fixture
def short_windows(monkeypatch):
    monkeypatch.setattr(gans.trainer, "MONITOR_EVERY", 3)


@pytest.mark.parametrize("name", VARIANTS)
def test_same_seed_same_bits(name, short_windows):
    one, other = trainer(name, 8), trainer(name, 8)
    assert same(history(one), history(other))
    assert_equal(everything(one), everything(other))


def test_a_deep_copy_trains_itself():
    ours = trainer("vanilla", 4)
    ours.step()
    copied, before = copy.deepcopy(ours), everything(ours)
    copied.step()
    assert_equal(everything(ours), before)
    ours.step()
    assert_equal(everything(ours), everything(copied))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_trainer_that_is_let_go_is_freed_at_once(name):
    """Not when the collector comes: until then it would hold the device's memory, and its captured graphs."""
    ours = trainer(name, 2)
    ours.step()
    gone = weakref.ref(ours)
    gc.disable()
    try:
        del ours
        assert gone() is None
    finally:
        gc.enable()


def test_another_seed_is_another_run():
    one, other = (trainer_on(images(), tiny("vanilla"), settings(2, seed=seed)) for seed in (0, 1))
    assert not torch.equal(one.generator.linears[0].weight, other.generator.linears[0].weight)
    assert not torch.equal(one.batches.permutation, other.batches.permutation)
    list(one.train())
    list(other.train())
    assert not torch.equal(one.last_random.latents.z, other.last_random.latents.z)


@pytest.mark.parametrize("name", VARIANTS)
def test_torchs_global_generator_is_left_alone(name, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    before = torch.get_rng_state()
    trained = trainer(name, 3)
    list(trained.train())
    trained.sampler().sample(3)
    gans.save_checkpoint(path, trained.state_dict(), trained.variant, trained.shape, trained.classes)
    gans.load(path).sample(3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", VARIANTS)
def test_looking_changes_nothing(name, short_windows):
    blind = trainer(name, 8)
    for _ in range(8):
        blind.step()  # no monitors' probe
    watched = trainer(name, 8)
    for _ in watched.train(until_kimg=5 * BATCH / 1000):
        watched.sampler().sample(5)
    torch.rand(10)  # nor does the global generator matter
    for _ in watched.train():
        watched.sampler().sample(5)
    assert watched.steps == 8
    assert_equal(everything(blind), everything(watched))


def test_average_is_the_one_written_by_hand():
    trained = trainer("dcgan", 6, ema_kimg=0.05)
    expected = [p.detach().double() for p in trained.average.parameters()]
    assert all(map(torch.equal, trained.average.parameters(), trained.generator.parameters()))
    decay = 0.5 ** (BATCH / 50)  # half of it is gone after 50 images
    for _ in range(6):
        trained.step()
        for mine, weight in zip(expected, trained.generator.parameters(), strict=True):
            mine.mul_(decay).add_(weight.detach().double(), alpha=1 - decay)
    for mine, average in zip(expected, trained.average.parameters(), strict=True):
        # Six roundings of weights below 2 in float32.
        torch.testing.assert_close(average.double(), mine, rtol=0, atol=6 * 2.4e-7)
    assert not any(map(torch.equal, trained.average.parameters(), trained.generator.parameters()))
    for mine, theirs in zip(trained.average.buffers(), trained.generator.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_linear_schedule_ends_one_step_above_zero_and_goes_no_further():
    trained = trainer("vanilla", 4, schedule="linear", optimiser_d=Adam(lr=1e-3))
    rates = []
    for _ in range(4):
        trained.step()
        rates.append((trained.optimiser_g.lr.item(), trained.optimiser_d.lr.item()))
    for i, (rate_g, rate_d) in enumerate(rates):
        assert rate_g == pytest.approx(2e-4 * (1 - i / 4))
        assert rate_d == pytest.approx(1e-3 * (1 - i / 4))
    before = everything(trained)
    trained.step()
    trained.step()
    after = everything(trained)
    # Past the budget the players stand still: a negative rate would make them climb.
    assert all(torch.equal(before[k], after[k]) for k in before if "linears" in k)


def test_critic_schedule():
    schedule = Boosted()
    # The authors' code: 100 if gen_iterations < 25 or gen_iterations % 500 == 0 else 5.
    steps = [schedule.steps(i) for i in range(1001)]
    assert [i for i, count in enumerate(steps) if count == 100] == [*range(25), 500, 1000]
    assert set(steps) == {5, 100}


def test_budget_is_counted_in_generator_steps():
    trained = trainer("wgan", 5)
    records = list(trained.train())
    assert records[-1]["step"] == 5
    assert records[-1]["kimg"] == trained.kimg == 5 * BATCH / 1000
    assert records[-1]["real_images"] == BATCH * (5 * 2 + 2)  # steps 0 and 4 have three, not two
    assert list(trained.train()) == []


@pytest.mark.parametrize(
    ("kimg", "batch_size", "steps"),
    [(0.1 + 0.2, 100, 3), (0.3, 100, 3), (0.301, 100, 4), (128, 64, 2000), (0.001, 64, 1)],
)
def test_budget_is_rounded_up_to_steps(kimg, batch_size, steps):
    assert gans.Settings(kimg=kimg, batch_size=batch_size).total_steps == steps


def test_records_come_every_window_and_at_the_end(short_windows):
    trained = trainer("vanilla", 8)
    assert [record["step"] for record in trained.train()] == [3, 6, 8]
    trained = trainer("vanilla", 8)
    steps = [r["step"] for r in trained.train(until_kimg=4 * BATCH / 1000)]
    assert steps + [r["step"] for r in trained.train()] == [3, 4, 6, 8]


def test_an_interrupted_window_can_be_trained_on(short_windows):
    trained = trainer("vanilla", 8)
    step, calls = trained.step, []

    def interrupted():
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return step()

    trained.step = interrupted
    with pytest.raises(KeyboardInterrupt):
        list(trained.train())
    assert [record["step"] for record in trained.train()] == [3, 6, 8]


@pytest.mark.parametrize("name", VARIANTS)
def test_nonfinite_loss_ends_the_run_after_its_record(name, short_windows):
    trained = trainer(name, 30, optimiser_d=Adam(lr=1e30), optimiser_g=Adam(lr=1e30), weight_clip=None)
    records = []

    def train():
        for record in trained.train():
            records.append(record)  # kept when the next one raises

    with pytest.raises(gans.Diverged, match="A loss became non-finite by generator step") as error:
        train()
    assert all(math.isfinite(r["loss_d"] + r["loss_g"]) for r in records[:-1])
    assert not math.isfinite(records[-1]["loss_d"] + records[-1]["loss_g"])
    assert error.value.step == records[-1]["step"] < 30


def test_nonfinite_weight_ends_the_run_though_its_loss_was_finite():
    trained = trainer("vanilla", 1)
    step = trained.step

    def spoilt():
        values = step()
        trained.generator.linears[0].weight.data[0, 0] = math.inf
        return values

    trained.step = spoilt
    training = trained.train()
    assert math.isfinite(next(training)["loss_g"])
    with pytest.raises(gans.Diverged, match="A weight became non-finite by generator step 1"):
        next(training)


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_tf32_is_on_in_steps_that_ask_for_it_and_there_alone(precision, monkeypatch):
    monkeypatch.setattr(gans.Settings, "require_support", lambda settings: None)
    trained = trainer_on(images(), tiny("vanilla"), settings(1, precision=precision))
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before, seen = (cudnn.allow_tf32, matmul.allow_tf32), set()
    for player in (trained.generator, trained.discriminator):
        player.register_forward_pre_hook(lambda *_: seen.add((cudnn.allow_tf32, matmul.allow_tf32)))
    trained.step()
    assert seen == {(precision == "tf32",) * 2}
    for _ in trained.train():
        assert (cudnn.allow_tf32, matmul.allow_tf32) == before
    assert seen == {(precision == "tf32",) * 2}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 0}, "batch_size must be a finite number above 0, not 0."),
        ({"kimg": -1.0}, "kimg must be a finite number above 0, not -1.0."),
        ({"kimg": math.nan}, "kimg must be a finite number above 0, not nan."),
        ({"kimg": math.inf}, "kimg must be a finite number above 0, not inf."),
        ({"seed": -1}, "seed must be at least 0, not -1."),
        ({"precision": "fp8"}, "There is no precision 'fp8'; there are fp32, tf32, amp-bf16, amp-fp16."),
        (
            {"compile": "fast"},
            "There is no compile mode 'fast'; there are off, default, max-autotune, cudagraphs.",
        ),
    ],
)
def test_settings_refuse_nonsense(changes, said):
    with pytest.raises(gans.VariantError) as error:
        gans.Settings(**changes)
    assert str(error.value) == said


def test_what_this_machine_cannot_do_is_unsupported(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    for changes in ({"device": "cuda"}, {"precision": "tf32"}, {"compile": "default"}):
        with pytest.raises(gans.Unsupported):
            trainer_on(images(), tiny("vanilla"), settings(1, **changes))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (images().float(), r"not float32 of shape \(72, 1, 16, 16\)"),
        (images()[:, 0], r"not uint8 of shape \(72, 16, 16\)"),
        (points().double(), r"not float64 of shape \(72, 2\)"),
        (images(15), "A batch of 16 is larger than the training set of 15 samples"),
        (images(size=9), "cannot make 9 × 9 images"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(data, said):
    with pytest.raises(gans.VariantError, match=said):
        gans.Trainer(tiny("dcgan"), data, settings(1))


@pytest.mark.gpu
@pytest.mark.parametrize("name", VARIANTS)
def test_cuda_starts_from_the_weights_of_the_cpu_and_trains(name):
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device on this machine")
    torch.cuda.init()
    before = torch.cuda.get_rng_state()
    cpu = trainer_on(images(), tiny(name), settings(3))
    cuda = trainer_on(images(), tiny(name), settings(3, device="cuda"))
    for module in ("generator", "discriminator"):
        theirs = getattr(cuda, module).state_dict()
        assert_equal(getattr(cpu, module).state_dict(), {k: v.cpu() for k, v in theirs.items()})
    start = [p.clone() for p in cuda.generator.parameters()]
    (record,) = cuda.train()
    assert math.isfinite(record["loss_d"] + record["loss_g"])
    assert not any(map(torch.equal, start, cuda.generator.parameters()))
    assert cuda.sampler().sample(5).device.type == "cpu"
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_variant_refuses_an_unknown_loss():
    with pytest.raises(gans.VariantError, match="There is no loss 'hinged'; there are non-saturating, "):
        dataclasses.replace(tiny("dcgan"), loss="hinged")
