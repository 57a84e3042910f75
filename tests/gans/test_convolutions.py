"""The layers between a map and a point beside torch's own, in float64."""

import pytest
import torch
from torch import nn

from gans.networks.convolutions import FromPoint, ToPoint

N, C, OUT = 5, 6, 3


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("side", [4, 7])
@pytest.mark.parametrize(("ours", "torchs"), [(FromPoint, nn.ConvTranspose2d), (ToPoint, nn.Conv2d)])
def test_values_and_gradients_are_torchs(ours, torchs, side, bias, layout):
    torch.manual_seed(0)
    mine = ours(C, OUT, side, bias=bias).double().to(memory_format=layout)
    theirs = torchs(C, OUT, side, bias=bias).double()
    theirs.load_state_dict(mine.state_dict())  # the same names and shapes
    x = torch.randn(N, C, 1, 1) if ours is FromPoint else torch.randn(N, C, side, side)
    x = x.double().contiguous(memory_format=layout).requires_grad_()
    out, expected = mine(x), theirs(x)
    torch.testing.assert_close(out, expected)
    weights = torch.randn_like(expected)
    gradients = torch.autograd.grad((out * weights).sum(), [x, *mine.parameters()], create_graph=True)
    wanted = torch.autograd.grad((expected * weights).sum(), [x, *theirs.parameters()], create_graph=True)
    for one, other in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(one, other)
    # What a gradient penalty needs: the gradient of a gradient.
    twice = torch.autograd.grad(gradients[0].square().sum(), mine.weight)[0]
    torch.testing.assert_close(twice, torch.autograd.grad(wanted[0].square().sum(), theirs.weight)[0])
