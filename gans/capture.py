"""A step captured into a CUDA graph: replaying it is one launch, however many kernels it has.

A captured step reads its input from fixed buffers and changes the same tensors each time; so all that it
changes must be tensors that stay where they are (they are: `gans.optimisers`), and nothing in it may read on
the host.
"""

import contextlib
import gc
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from gans.batches import Batch
from gans.randomness import Randomness

WARM_UP = 3  # eager runs before a capture, in which libraries choose algorithms and allocate workspaces

Run = Callable[[Batch, Randomness], Tensor]


def captured(run: Run, state: Callable[[], list[Tensor]]) -> Run:
    """The same step, captured at its first call and replayed from then on.

    Parameters
    ----------
    run
        Takes tensors of the same shapes at each call; the tensor it returns is overwritten by the next.
    state
        Every tensor that `run` changes in place.
    """
    replay: Callable[[list[Tensor]], Tensor] | None = None

    def call(batch: Batch, random: Randomness) -> Tensor:
        nonlocal replay
        leaves, spec = tree_flatten((batch, random))
        if replay is None:
            replay = _capture(lambda tensors: run(*tree_unflatten(tensors, spec)), leaves, state())
        return replay(leaves)

    return call


def _capture(
    run: Callable[[list[object]], Tensor], leaves: list[object], state: list[Tensor]
) -> Callable[[list[Tensor]], Tensor]:
    # One buffer for each tensor, though it may be handed over in two places (a shared generated batch).
    buffers = {id(leaf): leaf.clone() for leaf in leaves if isinstance(leaf, Tensor)}
    fixed = [buffers.get(id(leaf), leaf) for leaf in leaves]
    first_place = {key: next(i for i, leaf in enumerate(leaves) if id(leaf) == key) for key in buffers}
    places = list(first_place.values())
    targets = [buffers[key] for key in first_place]

    before = [tensor.detach().clone() for tensor in state]
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(state[0].device):  # or streams would be of the current one, and the graph empty
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                run(fixed)
        torch.cuda.current_stream().wait_stream(stream)
        with torch.no_grad():
            for tensor, value in zip(state, before, strict=True):
                tensor.copy_(value)
        del before
        # On that stream, not torch's own for captures, which stays on the device of the first of them.
        with nothing_collected(), torch.cuda.graph(graph, stream=stream):
            out = run(fixed)

    def replay(tensors: list[Tensor]) -> Tensor:
        for target, place in zip(targets, places, strict=True):
            target.copy_(tensors[place])
        graph.replay()
        return out

    return replay


@contextlib.contextmanager
def nothing_collected() -> Iterator[None]:
    """Hold back Python's garbage collector: a dead graph that it finds in a capture would spoil that one.

    Destroying a graph is not permitted meanwhile, and `torch.cuda.graph` no longer collects before it begins.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
