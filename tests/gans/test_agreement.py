"""The correctness gate of fast modes: right ones pass, wrong ones do not, and by which figure."""

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from tiny import BATCH, VARIANTS, images, labels, tiny

import gans
from gans.agreement import Agreement, agreement
from gans.agreement_bounds import FIGURES, UNIT_ROUNDOFF, bounds_of
from gans.critic_schedule import Constant
from gans.optimisers import SGD, Adam, RMSProp

Break = Callable[[gans.Trainer], None]


def pair(name: str, **settings: str) -> tuple[gans.Trainer, gans.Trainer]:
    """A candidate with these settings and its reference, boosted critic steps left out."""
    variant = tiny(name)
    variant = dataclasses.replace(variant, critic=Constant(n_critic=variant.critic.n_critic))

    def made(**changes: str) -> gans.Trainer:
        return gans.Trainer(
            variant,
            images(),
            gans.Settings(batch_size=BATCH, kimg=1, **changes),
            labels=labels(),
            class_names=tuple("abcd"),
        )

    return made(**settings), made()


def broken(name: str, break_it: Break, **settings: str) -> Agreement:
    candidate, reference = pair(name, **settings)
    break_it(candidate)
    return agreement(candidate, reference, steps=4)  # what is seen in fewer steps is seen in more


@pytest.mark.parametrize("name", VARIANTS)
def test_the_same_trainer_twice_agrees_exactly(name):
    found = agreement(*pair(name), steps=2)
    assert found.ok
    # `update` alone is not 0: it begins with gradients that are read back from the state.
    assert {name for name in FIGURES if found.figures[name]} <= {"update"}


@pytest.mark.parametrize("name", VARIANTS)
def test_eager_bfloat16_agrees(name):
    found = agreement(*pair(name, precision="amp-bf16"))
    assert found.ok, found.words()
    assert found.figures["gradient_d"] > UNIT_ROUNDOFF["amp-bf16"]  # it is not fp32 that was compared
    assert found.words().startswith("Agrees with eager fp32 over 8 steps; nearest to its bound: ")


def penalty_without_graph(trainer: gans.Trainer) -> None:
    term = trainer.step_function.penalty.term

    class Detached:
        def term(self, *arguments):
            return term(*arguments).detach()

    trainer.step_function.penalty = Detached()


def penalty_without_one_layer(trainer: gans.Trainer) -> None:
    term, weight = trainer.step_function.penalty.term, trainer.optimiser_d.params[2]

    class Forgetful:
        def term(self, *arguments):
            weight.requires_grad_(False)
            try:
                return term(*arguments)
            finally:
                weight.requires_grad_(True)

    trainer.step_function.penalty = Forgetful()


def class_loss_dropped(trainer: gans.Trainer) -> None:
    conditioning = dataclasses.replace(trainer.variant.conditioning, weight=1e-9)
    trainer.step_function.conditioning = conditioning


def stale_discriminator(trainer: gans.Trainer) -> None:
    """D's update comes after G's gradient has been taken."""
    waiting, d, g = [], trainer.optimiser_d.update, trainer.optimiser_g.update

    def update_g(gradients):
        d(waiting.pop())
        g(gradients)

    trainer.optimiser_d.update = waiting.append
    trainer.optimiser_g.update = update_g


def discriminator_not_updated(trainer: gans.Trainer) -> None:
    trainer.optimiser_d.update = lambda gradients: None


def generator_not_updated(trainer: gans.Trainer) -> None:
    trainer.optimiser_g.update = lambda gradients: None


def twice_the_rate(trainer: gans.Trainer) -> None:
    trainer.optimiser_g.lr.mul_(2)


def twice_the_rate_inside_the_step(trainer: gans.Trainer) -> None:
    optimiser, update = trainer.optimiser_g, trainer.optimiser_g.update

    def faster(gradients):
        optimiser.lr.mul_(2)
        update(gradients)
        optimiser.lr.div_(2)

    optimiser.update = faster


def evaluation_mode(trainer: gans.Trainer) -> None:
    trainer.discriminator.eval()


def no_dropout(trainer: gans.Trainer) -> None:
    discriminate = trainer.step_function.discriminate
    trainer.step_function.discriminate = lambda samples, labels, draws: discriminate(samples, labels, ())


def state_in_bfloat16(trainer: gans.Trainer) -> None:
    for tensors in (trainer.optimiser_d.mean, trainer.optimiser_d.square):
        tensors[:] = [tensor.bfloat16() for tensor in tensors]


def state_rounded_to_bfloat16(trainer: gans.Trainer) -> None:
    optimiser, update = trainer.optimiser_d, trainer.optimiser_d.update

    def rounding(gradients):
        update(gradients)
        for tensor in (*optimiser.mean, *optimiser.square):
            tensor.copy_(tensor.bfloat16())

    optimiser.update = rounding


def weights_rounded_to_bfloat16(trainer: gans.Trainer) -> None:
    optimiser, update = trainer.optimiser_g, trainer.optimiser_g.update

    def rounding(gradients):
        update(gradients)
        with torch.no_grad():
            for weight in optimiser.params:
                weight.copy_(weight.bfloat16())

    optimiser.update = rounding


def no_clipping(trainer: gans.Trainer) -> None:
    trainer.step_function.variant = dataclasses.replace(trainer.variant, weight_clip=None)


def not_a_number(trainer: gans.Trainer) -> None:
    trainer.step_function.loss = dataclasses.replace(
        trainer.step_function.loss, generator=lambda fake: fake.mean() * math.nan
    )


WRONG: list[tuple[str, Break, str]] = [
    ("wgan_gp", penalty_without_graph, "gradient_d"),
    ("wgan_gp", penalty_without_one_layer, "gradient_d"),
    ("acgan", class_loss_dropped, "gradient_d"),
    ("acgan", class_loss_dropped, "loss"),
    *((name, stale_discriminator, "gradient_g") for name in ("dcgan", "lsgan", "cgan", "acgan")),
    *((name, discriminator_not_updated, "update") for name in ("dcgan", "wgan", "gan2014")),
    *((name, generator_not_updated, "update") for name in ("dcgan", "wgan", "gan2014")),
    *((name, generator_not_updated, "gradient_g") for name in ("dcgan", "wgan", "gan2014")),
    ("vanilla", twice_the_rate, "start"),
    ("vanilla", twice_the_rate_inside_the_step, "update"),
    ("wgan", twice_the_rate_inside_the_step, "update"),
    ("gan2014", twice_the_rate_inside_the_step, "gradient_g"),  # SGD's velocity holds the rate
    ("dcgan", evaluation_mode, "gradient_d"),
    ("dcgan", evaluation_mode, "statistics"),
    ("acgan", no_dropout, "gradient_d"),
    ("gan2014", no_dropout, "gradient_d"),
    ("dcgan", state_in_bfloat16, "start"),
    ("dcgan", state_rounded_to_bfloat16, "update"),
    ("dcgan", weights_rounded_to_bfloat16, "update"),
    ("wgan", no_clipping, "update"),
    ("vanilla", not_a_number, "loss"),
]


# The bounds of fp32 are the narrower ones: what is seen in spite of bfloat16's rounding is seen without.
@pytest.mark.parametrize("precision", [pytest.param("fp32", marks=pytest.mark.slow), "amp-bf16"])
@pytest.mark.parametrize(
    ("name", "break_it", "figure"), WRONG, ids=[f"{n}-{b.__name__}-{f}" for n, b, f in WRONG]
)
def test_a_wrong_algorithm_is_seen_and_by_what(name, break_it, figure, precision):
    found = broken(name, break_it, precision=precision)
    assert not found.ok
    assert figure in found.failed, found.words()
    assert f"{figure} " in found.words()


@pytest.mark.slow  # each compilation takes ten seconds or more
@pytest.mark.parametrize("name", ["wgan_gp", "acgan"])
@pytest.mark.parametrize("precision", ["fp32", "amp-bf16"])
def test_compiled_agrees(name, precision):
    try:
        gans.Settings(compile="default").require_support()
    except gans.Unsupported as error:
        pytest.skip(str(error))
    found = agreement(*pair(name, precision=precision, compile="default"))
    assert found.ok, found.words()


@pytest.mark.slow
def test_compiled_without_double_backward_is_seen():
    try:
        gans.Settings(compile="default").require_support()
    except gans.Unsupported as error:
        pytest.skip(str(error))
    found = broken("wgan_gp", penalty_without_graph, compile="default")
    assert "gradient_d" in found.failed


@pytest.mark.parametrize("optimiser", [Adam(lr=1e-3), RMSProp(lr=1e-3), SGD(lr=0.1)])
def test_gradients_are_read_back_from_any_update(optimiser):
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(shape, generator=generator) for shape in ((50, 3), (7,))]
    state = optimiser.build(weights)
    for i in range(5):
        gradients = [torch.randn(w.shape, generator=generator) * 2**-i for w in weights]
        before = optimiser.build([w.clone() for w in weights])
        for name, tensor in before.tensors.items():
            tensor.copy_(state.tensors[name])
        state.update(gradients)
        for found, given in zip(state.last_gradients(before), gradients, strict=True):
            # RMSProp's square holds 1 % of g² beside 99 % of older ones, here about as large: √(100 ε).
            assert (found - given).norm() / given.norm() < 4e-3


@pytest.mark.parametrize("precision", gans.PRECISIONS)
def test_every_precision_has_bounds(precision):
    assert set(bounds_of(precision)) == set(FIGURES)


def test_only_a_pair_is_compared():
    candidate, reference = pair("vanilla")
    with pytest.raises(gans.VariantError, match="reference of an agreement is eager fp32"):
        agreement(reference, pair("vanilla", precision="amp-bf16")[0])
    with pytest.raises(gans.VariantError, match="of one variant, seed and batch size"):
        agreement(candidate, pair("gan2014")[1])
    with pytest.raises(gans.VariantError, match="at least 2 steps, not 1"):
        agreement(candidate, reference, steps=1)
    candidate.step()
    with pytest.raises(gans.VariantError, match="not been trained yet"):
        agreement(candidate, reference)
