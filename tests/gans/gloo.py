"""Trainings that several processes on this machine carry out together, by Gloo."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from process_server import process_server

from gans.images import to_network
from gans.processes import Processes


def together(
    folder: Path,
    count: int,
    work: Callable[..., Any],
    *args: Any,
) -> list[Any]:
    """What `work(processes, *args)` returns in each of so many processes, which it is called in at once."""
    folder.mkdir()
    processes = process_server()
    started = [
        processes.Process(target=_rank, args=(folder, rank, count, work, args)) for rank in range(count)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
        if process.exitcode is None:
            process.kill()
    assert [process.exitcode for process in started] == [0] * count
    return [torch.load(folder / f"{rank}.pt") for rank in range(count)]


def _rank(folder: Path, rank: int, count: int, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=count)
    result = work(Processes(dist.group.WORLD, dist.group.WORLD), *args)
    torch.save(result, folder / f"{rank}.pt")
    dist.barrier()  # who leaves first would take the connection along
    dist.destroy_process_group()


def in_float64(work: Callable[..., Any], *args: Any) -> Any:
    """Run with all that is float32 in training, parameters and samples alike, in float64."""
    import gans.step

    narrow = torch.Tensor.float
    torch.Tensor.float = torch.Tensor.double
    gans.step.to_network = lambda samples: to_network(samples).double()
    torch.set_default_dtype(torch.float64)
    try:
        return work(*args)
    finally:
        torch.Tensor.float = narrow
        gans.step.to_network = to_network
        torch.set_default_dtype(torch.float32)
