import pytest
import torch

from gans.optimisers import SGD, Adam, RMSProp

STEPS = 50


@pytest.mark.parametrize(
    ("ours", "theirs", "step_size"),
    [
        (
            Adam(lr=1e-3, beta1=0.5, beta2=0.9),
            lambda p: torch.optim.Adam(p, 1e-3, (0.5, 0.9), foreach=False),
            1e-3,
        ),
        (Adam(lr=1e-3, beta1=0.0), lambda p: torch.optim.Adam(p, 1e-3, (0.0, 0.999), foreach=False), 1e-3),
        # RMSProp's first step is lr/√(1 − α), ten times lr.
        (RMSProp(lr=1e-3), lambda p: torch.optim.RMSprop(p, 1e-3, 0.99, foreach=False), 1e-2),
        (RMSProp(lr=1e-3, alpha=0.0), lambda p: torch.optim.RMSprop(p, 1e-3, 0.0, foreach=False), 1e-3),
    ],
)
def test_equals_torch(ours, theirs, step_size):
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator) for shape in ((5, 3), (7,), ())]
    mine, reference = [w.clone() for w in start], [w.clone().requires_grad_() for w in start]
    state, optimiser = ours.build(mine), theirs(reference)
    for i in range(STEPS):
        # From large to tiny, so that ε matters at the end; a few are exactly zero.
        gradients = [torch.randn(w.shape, generator=generator) * 10 ** (-i / 5) for w in start]
        gradients[0][0] = 0
        state.update(gradients)
        for parameter, gradient in zip(reference, gradients, strict=True):
            parameter.grad = gradient.clone()
        optimiser.step()
    for one, other in zip(mine, reference, strict=True):
        # Each step rounds the weight (ε/2 of |w| < 4), and its change to some ten roundings.
        bound = STEPS * torch.finfo(torch.float32).eps * (2 + 10 * step_size)
        torch.testing.assert_close(one, other.detach(), rtol=0, atol=bound)


def test_the_rate_is_read_at_each_update():
    weight, gradient = torch.zeros(3), torch.ones(3)
    state = Adam(lr=1e-3).build([weight])
    state.update([gradient])
    moved = weight.clone()
    state.lr.fill_(0.0)  # where a linear schedule ends: no step, and no NaN from the division by it
    state.update([gradient])
    assert torch.equal(weight, moved)
    assert torch.all(moved < 0)


@pytest.mark.parametrize("optimiser", [Adam(), RMSProp(), SGD()])
def test_state_is_all_in_its_tensors(optimiser):
    gradients = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    one, other = torch.ones(4), torch.ones(4)
    first, second = optimiser.build([one]), optimiser.build([other])
    for gradient in gradients[:3]:
        first.update([gradient])
    other.copy_(one)
    for name, tensor in second.tensors.items():
        tensor.copy_(first.tensors[name])
    for gradient in gradients[3:]:
        first.update([gradient])
        second.update([gradient])
    assert torch.equal(one, other)


def test_sgd_is_that_of_the_2014_code():
    # Written from pylearn2: v ← m v − lr g, p ← p + v; lr /= 1.000004 a batch; m from .5 in epoch 1 to .7 in
    # epoch 250, linearly.
    piece, weight = SGD(), torch.zeros(3)
    state = piece.build([weight])
    gradients = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    p, v = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for step, gradient in enumerate(gradients):
        epoch = 1 + step * 10  # 1 … 291
        piece.adjust(state, factor=1.0, step=step, epoch=epoch)
        state.update([gradient])
        m = 0.5 + (0.7 - 0.5) * min(epoch - 1, 249) / 249
        v = m * v - 0.1 / 1.000004**step * gradient.double()
        p = p + v
    assert state.momentum.item() == pytest.approx(0.7)
    # 30 steps, each with some roundings of numbers below 1 in float32.
    torch.testing.assert_close(weight, p.float(), rtol=0, atol=30 * 3 * torch.finfo(torch.float32).eps)


def test_sgd_with_a_rate_that_stays_is_torchs():
    piece = SGD(lr=0.01, lr_decay=1.0, min_lr=0.0, momentum=0.9, final_momentum=0.9)
    assert not piece.scheduled
    assert SGD().scheduled
    mine, theirs = torch.ones(4), torch.ones(4, requires_grad=True)
    state, optimiser = piece.build([mine]), torch.optim.SGD([theirs], lr=0.01, momentum=0.9)
    for gradient in torch.randn(STEPS, 4, generator=torch.Generator().manual_seed(0)):
        state.update([gradient])
        theirs.grad = gradient.clone()
        optimiser.step()
    # Velocities up to 10 times the gradient times lr, rounded each step.
    torch.testing.assert_close(mine, theirs.detach(), rtol=0, atol=STEPS * 1e-6)


def test_sgds_rate_has_a_floor():
    piece = SGD(lr=0.1, lr_decay=2.0, min_lr=0.01)
    state = piece.build([torch.zeros(1)])
    rates = []
    for step in range(6):
        piece.adjust(state, factor=0.5, step=step, epoch=1)
        rates.append(state.lr.item())
    assert rates == pytest.approx([0.05, 0.025, 0.0125, 0.00625, 0.005, 0.005])
