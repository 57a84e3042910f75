"""What only a CUDA device can show: captured steps, TF32, float16, no host read in a step."""

import copy

import pytest
import torch
from replay import difference
from tiny import VARIANTS, images, settings, tiny, trainer_on

import gans
from gans.agreement import agreement

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device on this machine"),
]


def cuda_trainer(name, steps, **changes):
    return trainer_on(images(), tiny(name), settings(steps, **{"device": "cuda", **changes}))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_captured_step_is_the_eager_one(name):
    eager, captured = (cuda_trainer(name, 6, compile=mode) for mode in ("off", "cudagraphs"))
    start = copy.deepcopy(eager.generator), copy.deepcopy(eager.discriminator)
    records = [list(ours.train())[-1] for ours in (eager, captured)]
    # As between eager and compiled on a CPU (test_step.py); a step lost or done twice is of order 1.
    assert difference(captured.generator, eager.generator, start[0]) < 1e-3
    assert difference(captured.discriminator, eager.discriminator, start[1]) < 1e-3
    assert records[1]["loss_d"] == pytest.approx(records[0]["loss_d"], rel=1e-3, abs=1e-5)


def test_a_capture_leaves_no_trace_in_the_state():
    """It runs the step to warm up, and puts back what that changed."""
    ours = cuda_trainer("dcgan", 2, compile="cudagraphs")
    reference = cuda_trainer("dcgan", 2)
    ours.step()
    reference.step()
    assert ours.state_dict()["optimiser_d.step"] == 1
    tracked = "discriminator.layers.3.num_batches_tracked"
    assert ours.state_dict()[tracked] == reference.state_dict()[tracked]


def test_a_captured_trainer_goes_on_from_a_saved_state():
    ours = cuda_trainer("wgan", 4, compile="cudagraphs")
    for _ in range(2):
        ours.step()
    state = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    first = [ours.step().clone() for _ in range(2)]
    ours.load_state_dict(state)
    second = [ours.step().clone() for _ in range(2)]
    # The same graph on the same state; cuDNN may sum in another order.
    torch.testing.assert_close(torch.stack(first), torch.stack(second), rtol=1e-4, atol=1e-6, equal_nan=True)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there is no second CUDA device on this machine")
def test_a_step_is_captured_on_the_trainers_own_device():
    """Which need not be the current one, nor that of an earlier capture."""
    cuda_trainer("dcgan", 1, compile="cudagraphs", device="cuda:0").step()
    ours = cuda_trainer("dcgan", 3, compile="cudagraphs", device="cuda:1")
    weights = [w.detach().clone() for w in ours.discriminator.parameters()]
    for _ in range(3):
        ours.step()
    assert ours.state_dict()["optimiser_d.step"] == 3
    assert not any(map(torch.equal, ours.discriminator.parameters(), weights))


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("precision", gans.PRECISIONS)
@pytest.mark.parametrize("compile_mode", ["off", "cudagraphs"])
def test_every_mode_agrees_with_eager_fp32(name, precision, compile_mode):
    candidate = cuda_trainer(name, 20, precision=precision, compile=compile_mode)
    found = agreement(candidate, cuda_trainer(name, 20))
    assert found.ok, found.words()


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("precision", ["fp32", "amp-fp16"])
def test_a_step_reads_nothing_on_the_host(name, precision):
    ours = cuda_trainer(name, 20, precision=precision)
    for _ in range(3):
        ours.step()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            ours.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_tf32_is_set_and_put_back():
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    cuda_trainer("dcgan", 1, precision="tf32").step()
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before
