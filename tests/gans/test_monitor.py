import copy
import math

import pytest
import torch
from tiny import VARIANTS, points, trainer

from gans.monitor import Monitor
from gans.step import MONITORS


def test_read_gives_means_and_empties_the_window():
    monitor = Monitor(3, torch.device("cpu"))
    monitor.record(torch.arange(float(len(MONITORS))))
    monitor.record(torch.arange(float(len(MONITORS))) + 2)
    means = monitor.read("score")
    expected = {name: i + 1.0 for i, name in enumerate(MONITORS)}
    expected["d_fake_before_g"] += 1  # the last step's alone
    jsd = means.pop("jsd")
    assert means == expected
    assert math.isnan(jsd)
    monitor.record(torch.zeros(len(MONITORS)))
    assert monitor.read("score")["loss_g"] == 0


SCORES = ("lsgan", "wgan", "wgan_gp")  # D's output is no logit


def called(module, x, draws, labels):
    """The module with what it takes, and nothing else."""
    extra = {"draws": draws} if draws else {}
    return module(x, **extra) if labels is None else module(x, labels=labels, **extra)


@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
def test_v_and_the_divergence_follow_from_ds_loss(loss):
    (record,) = trainer("vanilla", 4, loss=loss).train()
    assert record["value"] == -record["loss_d"]
    assert record["jsd"] == pytest.approx((record["value"] + math.log(4)) / 2, abs=1e-12)


def test_at_equilibrium_the_divergence_is_zero():
    monitor = Monitor(1, torch.device("cpu"))
    values = torch.zeros(len(MONITORS))
    values[MONITORS.index("value")] = -math.log(4)  # D = ½ everywhere
    monitor.record(values)
    assert monitor.read("probability")["jsd"] == pytest.approx(0, abs=1e-7)  # −log 4 in float32


def test_a_critic_has_scores_and_no_divergence():
    (record,) = trainer("wgan", 4).train()
    assert math.isnan(record["jsd"])
    # Both are means over the same window, of float32 values below 1.
    assert record["value"] == pytest.approx(record["d_real"] - record["d_fake"], abs=1e-6)
    assert record["value"] == pytest.approx(-record["loss_d"], abs=1e-6)


@pytest.mark.parametrize("name", VARIANTS)
def test_first_step_is_what_a_hand_evaluation_gives(name):
    trained = trainer(name, 1)
    before = copy.deepcopy(trained.generator), copy.deepcopy(trained.discriminator)
    calls, run_step = [], trained.run_step

    def spy(batch, random, train_generator):
        if train_generator:
            before[1].load_state_dict(trained.discriminator.state_dict())  # critic steps came before
        calls.append((batch, random))
        return run_step(batch, random, train_generator)

    trained.run_step = spy
    (record,) = trained.train()
    batch, random = calls[-1]
    if trained.variant.weight_clip:
        for p in before[1].parameters():
            p.data.clamp_(-trained.variant.weight_clip, trained.variant.weight_clip)

    @torch.no_grad()
    def mean_output(generator, discriminator, latents, draws):
        fake = called(generator, latents.z, latents.draws, latents.labels)
        return mean_of(discriminator, fake, latents.labels, draws)

    @torch.no_grad()
    def mean_of(discriminator, samples, labels, draws):
        out = called(discriminator, samples, draws, labels if name == "cgan" else None)
        out = out[:, 0] if name == "acgan" else out
        return (out if name in SCORES else out.sigmoid()).mean().item()

    after = copy.deepcopy(trained.generator), copy.deepcopy(trained.discriminator)
    expected = {
        "d_fake": mean_output(*before, random.latents, random.draws_fake),
        "d_fake_before_g": mean_output(
            # Simultaneous updates: G's gradient is taken where D's was.
            *(before if name == "gan2014" else (before[0], after[1])),
            random.latents_generator,
            random.draws_generator,
        ),
        "d_fake_after_g": mean_output(*after, random.latents_generator, random.draws_generator),
    }
    for key, value in expected.items():
        # The same forward on the same machine; means of 16 numbers below 1 in float32.
        assert record[key] == pytest.approx(value, abs=1e-6), key
    assert len(set(expected.values())) == (2 if name == "gan2014" else 3)
    real = mean_of(before[1], batch.samples / 127.5 - 1, batch.labels, random.draws_real)
    assert record["d_real"] == pytest.approx(real, abs=1e-6)


def test_gradient_norms_are_over_all_of_a_players_parameters():
    trained = trainer("vanilla", 1, points())
    norms = {}
    for player in ("d", "g"):
        optimiser = getattr(trained, f"optimiser_{player}")
        update = optimiser.update

        def spy(gradients, player=player, update=update):
            norms[player] = math.sqrt(sum(float(g.double().square().sum()) for g in gradients))
            update(gradients)

        optimiser.update = spy
    (record,) = trained.train()
    assert record["grad_norm_d"] == pytest.approx(norms["d"], rel=1e-5)
    assert record["grad_norm_g"] == pytest.approx(norms["g"], rel=1e-5)
