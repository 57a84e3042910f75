"""What a mode needs, and what a step that cannot be one graph is told."""

import pytest
import torch
from tiny import images, settings, tiny, trainer_on
from torch import nn

import gans
from gans.compilation import one_step


@pytest.mark.parametrize("compile_mode", ["default", "max-autotune"])
def test_without_a_compiler_it_is_unsupported(monkeypatch, compile_mode):
    monkeypatch.setattr("gans.compilation.shutil.which", lambda name: None)
    with pytest.raises(gans.Unsupported, match=r"torch\.compile on a CPU needs a C\+\+ compiler"):
        gans.Trainer(tiny("vanilla"), images(), settings(1, compile=compile_mode))


def test_cuda_graphs_need_cuda():
    with pytest.raises(gans.Unsupported, match="CUDA graphs exist on CUDA devices only"):
        settings(1, compile="cudagraphs").require_support()


def test_a_torch_that_cannot_trace_gradients_is_unsupported(monkeypatch):
    monkeypatch.delattr(torch._dynamo.config, "trace_autograd_ops", raising=False)
    monkeypatch.setattr("gans.compilation.hasattr", lambda *_: False, raising=False)
    with pytest.raises(gans.Unsupported, match=r"needs torch 2\.11 or newer"):
        settings(1, compile="default").require_support()


def test_every_trainer_has_code_of_its_own():
    """Without guards, Dynamo would hand one trainer the graph of another that shared its code."""
    steps = [trainer_on(images(), tiny("vanilla"), settings(1)).step_function for _ in range(2)]
    runs = [one_step(step, train) for step in steps for train in (False, True)]
    assert len({id(run.__code__) for run in runs}) == 4


class Printing(nn.Module):
    """A discriminator that no graph can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(256, 1)

    def forward(self, x):
        out = self.linear(x.flatten(1))
        if out.mean().item() > 1e9:
            print("large")
        return out


@pytest.mark.slow  # Dynamo traces up to the host read
def test_a_step_that_is_not_one_graph_is_unsupported():
    try:
        settings(1, compile="default").require_support()
    except gans.Unsupported as error:
        pytest.skip(str(error))
    generator, _ = tiny("vanilla").build((1, 16, 16))
    ours = gans.Trainer(
        tiny("vanilla"), images(), settings(1, compile="default"), players=(generator, Printing())
    )
    with pytest.raises(gans.Unsupported, match=r"make one graph of this step .*; --compile off runs it"):
        ours.step()
