import pytest
import torch

from gans.optimisers import Adam, RMSProp

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


@pytest.mark.parametrize("optimiser", [Adam(), RMSProp()])
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
