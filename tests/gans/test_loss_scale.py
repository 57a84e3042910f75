"""float16's loss scale beside torch's GradScaler, and what it does when a gradient overflows."""

import copy

import pytest
import torch
from tiny import images, settings, tiny, trainer_on
from torch import nn

from gans.loss_scale import INITIAL, INTERVAL, LossScale
from gans.optimisers import SGD, Adam, RMSProp


def half_settings(steps):
    return settings(steps, precision="amp-fp16")


@pytest.mark.parametrize("options", [Adam(), RMSProp(), SGD()], ids=lambda o: o.kind)
@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_an_overflow_undoes_the_update_and_halves_the_scale(options, bad):
    weights = [torch.randn(3, generator=torch.Generator().manual_seed(i)) for i in range(2)]
    state, scale = options.build(weights), LossScale(torch.device("cpu"))
    good = [torch.ones(3), torch.ones(3)]
    scale.adjust(scale.update(state, good))  # so that there is something in the optimiser's state
    before = copy.deepcopy(({k: v.clone() for k, v in state.tensors.items()}, weights))
    finite = scale.update(state, [torch.ones(3), torch.tensor([1.0, bad, 1.0])])
    scale.adjust(finite)
    assert not finite
    for name, tensor in state.tensors.items():
        assert torch.equal(tensor, before[0][name]), name
    assert all(map(torch.equal, weights, before[1]))
    assert scale.scale == INITIAL / 2
    assert scale.held == 0


def test_the_scale_goes_as_gradscalers_does():
    """2,000 good steps, one bad, 3 good: on both sides."""
    weight = nn.Parameter(torch.ones(1))
    theirs = torch.amp.GradScaler("cpu", init_scale=INITIAL)
    optimiser = torch.optim.SGD([weight], lr=0.0)
    ours = LossScale(torch.device("cpu"))
    state = SGD(lr=1e-9, min_lr=0.0).build([torch.ones(1)])
    for step in range(INTERVAL + 4):
        gradient = float("inf") if step == INTERVAL else 1.0
        weight.grad = theirs.scale(torch.tensor([gradient]))
        theirs.step(optimiser)
        theirs.update()
        ours.adjust(ours.update(state, [torch.tensor([gradient])]))
        assert ours.scale.item() == theirs.get_scale(), step
    assert ours.scale == INITIAL


def test_the_scale_never_becomes_infinite():
    """Gradients of exactly 0, of a D that has won, let it double for ever; then training would stop."""
    ours = LossScale(torch.device("cpu"))
    ours.scale.fill_(2.0**127)
    ours.held.fill_(INTERVAL - 1)
    ours.adjust(torch.tensor(True))
    assert ours.scale == 2.0**127
    ours.adjust(torch.tensor(False))
    assert ours.scale == 2.0**126


def test_gradients_that_float16_would_lose_come_through():
    weight = torch.full((4, 4), 1e-3, requires_grad=True)
    x = torch.full((2, 4), 1e-3)

    def gradient(scale):
        with torch.autocast("cpu", torch.float16):
            loss = (x @ weight).float().sum() * 1e-8  # below float16's least number, 2⁻²⁴
        if scale is None:
            return torch.autograd.grad(loss, [weight])[0]
        return scale.gradients(loss, [weight], retain_graph=False)[0]

    assert not gradient(None).any()
    # float16 has 11 bits.
    expected = torch.full((4, 4), 2 * 1e-3 * 1e-8)
    torch.testing.assert_close(gradient(LossScale(torch.device("cpu"))), expected, rtol=2e-3, atol=0)


def test_training_goes_on_over_overflows_and_through_a_saved_state():
    straight = trainer_on(images(), tiny("dcgan"), half_settings(6))
    straight.step_function.loss_scale.scale.fill_(2.0**40)  # overflows at once, several times
    state = {k: v.clone() for k, v in straight.state_dict().items()}
    resumed = trainer_on(images(), tiny("dcgan"), half_settings(6))
    resumed.load_state_dict(state)
    for ours in (straight, resumed):
        for _ in range(6):
            ours.step()
    scales = [ours.step_function.loss_scale.scale.item() for ours in (straight, resumed)]
    assert scales[0] == scales[1] < 2.0**40
    for name, tensor in straight.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_other_precisions_have_no_scale():
    for precision in ("fp32", "amp-bf16"):
        ours = trainer_on(images(), tiny("dcgan"), settings(1, precision=precision))
        assert not [name for name in ours.state_dict() if "loss_scale" in name]


def test_the_penalty_is_computed_in_float32(monkeypatch):
    ours = trainer_on(images(), tiny("wgan_gp"), half_settings(1))
    seen = []
    ours.discriminator.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    ours.step()
    per_critic_step = [torch.float16, torch.float16, torch.float32]  # real, fake, x̂
    assert seen == per_critic_step * ours.variant.critic.steps(0) + [torch.float16]
