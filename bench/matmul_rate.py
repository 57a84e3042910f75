"""How fast this machine multiplies matrices: the yardstick for everything else's FLOP/s."""

import functools
import time

import torch

from bench.timing import synchronize
from gans.precision import backend_flags

DTYPES = {
    "fp32": torch.float32,
    "tf32": torch.float32,
    "amp-bf16": torch.bfloat16,
    "amp-fp16": torch.float16,
}
SIZES = (256, 512, 1024, 2048, 4096, 8192)
REPEATS = 3
MAX_SEC = 0.25  # of one size


def matmul_rate(device: str, precision: str) -> float:
    """FLOP/s of the fastest of several products of square matrices in this precision's arithmetic.

    Sizes double until one would take too long, so that slow machines are measured on smaller ones. Measured
    once a process, device, precision and number of threads.
    """
    return _measured(str(torch.device(device)), precision, torch.get_num_threads())


@functools.cache
def _measured(device: str, precision: str, threads: int) -> float:
    best = 0.0
    with backend_flags(precision), torch.no_grad():
        for size in SIZES:
            flops = 2 * size**3
            if best and REPEATS * flops / best > MAX_SEC:
                break
            # Not zeros, which some chips multiply with less power and so at a higher clock.
            source = torch.Generator(device).manual_seed(size)
            a, b = (
                torch.randn(size, size, device=device, generator=source).to(DTYPES[precision])
                for _ in range(2)
            )
            out = torch.empty_like(a)
            torch.mm(a, b, out=out)  # the first chooses kernels
            for _ in range(REPEATS):
                best = max(best, flops / _seconds_of_product(a, b, out, device))
    return best


def _seconds_of_product(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor, device: str) -> float:
    # The clock of the host: beside the largest products, which are the fast ones, a launch is nothing.
    synchronize(device)
    start = time.perf_counter()
    torch.mm(a, b, out=out)
    synchronize(device)
    return time.perf_counter() - start
