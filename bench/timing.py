"""How everything here is timed.

- Warm-up until steady: calls are made until a block of them (at least 3, at least 20 ms) brings none that is
  over 5 % faster than the fastest before. Falling times are what caches, allocators and autotuning make; the
  rule does not wait for a *stable* time, which a busy machine never gives. It stops after 20 s.
- A call on a CPU is timed by `time.perf_counter`. On CUDA by events on the current stream, after one untimed
  call that keeps the stream busy while the host issues the timed one: what is measured is what one of many
  calls in a row costs, whether the host or the device bounds it, and no wait for the device is in it.
- What is to be compared is timed in turns (`alternate`, `paired_ratio`), in an order that changes from round
  to round. The ratio of each round survives a machine whose speed drifts; the ratio of two medians does not.
- Medians, with intervals by order statistics (`bench.medians`): no distribution is assumed, and one call that
  another process interrupted moves nothing.
- Python's garbage collector passes over the objects that were there before: a full collection takes as long
  as many a call, and belongs to none of them.

Compilation is in `first_sec`, not in the counted calls.
"""

import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import Protocol

import torch

from bench.errors import InputError
from bench.medians import PairedTiming, Timing, median_interval, ratio_of

__all__ = [
    "PairedTiming",
    "Timing",
    "alternate",
    "measure",
    "median_interval",
    "paired_ratio",
    "ratio_of",
    "synchronize",
]

Call = Callable[[], object]

MIN_ROUNDS = 6  # the fewest that have a 95 % interval of their median: `max_sec` does not undercut them

_BLOCK_CALLS, _BLOCK_SEC = 3, 0.02
_FASTER = 0.95  # a block with a call below this share of the fastest before shows that it is still warming up
_WARMUP_SEC = 20.0  # for blocks that don't settle; not for the first call, which may compile for minutes


def measure(call: Call, *, device: str, rounds: int = 30, max_sec: float = 60.0) -> Timing:
    """Time one thing.

    Parameters
    ----------
    call
        What is timed; its result is dropped.
    device
        Where it works: "cpu", "cuda", "cuda:N".
    rounds
        Counted calls.
    max_sec
        Counted calls end here, if `MIN_ROUNDS` have been made.

    Raises
    ------
    InputError
        For fewer than 1 round.
    """
    return alternate({"call": call}, device=device, rounds=rounds, max_sec=max_sec)["call"]


def alternate(
    calls: Mapping[str, Call], *, device: str, rounds: int = 30, max_sec: float = 60.0
) -> dict[str, Timing]:
    """Time several things side by side, for ratios by `ratio_of`.

    Each is warmed up; then every round calls each once. `rounds` is their number, and after `max_sec`
    seconds of them no new one starts, if there have been `MIN_ROUNDS`. The rest as in `measure`.

    Returns
    -------
    dict
        By the names of `calls`, all with the same number of counted calls: the i-th of each were made in
        the same round.

    Raises
    ------
    InputError
        For nothing to time, or fewer than 1 round.
    """
    return _alternate(calls, _timer(device), rounds, max_sec)


def paired_ratio(
    target: Call,
    reference: Call,
    *,
    rounds: int,
    synchronize: Callable[[], None] | None = None,
    clock: Callable[[], float] | None = None,
    confidence: float = 0.99,
) -> PairedTiming:
    """`target` as a multiple of `reference`, each called once a round, by a clock of the host's.

    Parameters
    ----------
    target, reference
        What is timed, and what beside; their results are dropped.
    rounds
        How often; at least 8 for a 99 % interval.
    synchronize
        Waits until what either has started is done; None where calls return when they are.
    clock
        Seconds; by default `time.perf_counter`. `bench.own_time.own_time` on one thread of a busy machine.
    confidence
        Of the interval `low` to `high`.

    Raises
    ------
    InputError
        For fewer than 1 round.
    """
    timer = _HostTimer(synchronize or _nothing, clock or perf_counter)
    timings = _alternate({"target": target, "reference": reference}, timer, rounds, float("inf"))
    return ratio_of(timings["target"], timings["reference"], confidence)


def synchronize(device: str) -> None:
    """Wait until the device has done all it was given; a CPU has."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def _alternate(calls: Mapping[str, Call], timer: "_Timer", rounds: int, max_sec: float) -> dict[str, Timing]:
    if not calls or rounds < 1:
        raise InputError(f"Timing needs something to time and at least 1 round, not {rounds}.")
    warm = {name: _warm_up(call, timer) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    with _old_objects_left_alone():
        start = perf_counter()
        for i in range(rounds):
            if i >= MIN_ROUNDS and perf_counter() - start >= max_sec:
                break
            for name in _order(list(calls), i):
                seconds[name].append(timer(calls[name]))
    return {
        name: Timing(seconds=tuple(seconds[name]), warmup=warmup, steady=steady, first_sec=first_sec)
        for name, (warmup, steady, first_sec) in warm.items()
    }


def _order(names: list[str], i: int) -> list[str]:
    """Return the order of round i: every second one backwards, and each pair begins with another name.

    So nothing always follows the same neighbour, whose caches it would find.
    """
    shift = i // 2 % len(names)
    turned = names[shift:] + names[:shift]
    return turned[::-1] if i % 2 else turned


def _warm_up(call: Call, timer: "_Timer") -> tuple[int, bool, float]:
    """Return the number of calls, whether they became steady, and the seconds of the first."""
    start = perf_counter()
    call()
    timer.wait()
    first_sec = perf_counter() - start
    turns, steady, fastest = 0, False, first_sec
    start = perf_counter()
    while not steady and perf_counter() - start < _WARMUP_SEC:
        block: list[float] = []
        block_start = perf_counter()
        while len(block) < _BLOCK_CALLS or perf_counter() - block_start < _BLOCK_SEC:
            block.append(timer(call))
            if perf_counter() - start >= _WARMUP_SEC:
                break
        else:
            steady = min(block) >= _FASTER * fastest
        fastest = min(fastest, *block)
        turns += len(block)
    return 1 + turns * timer.calls, steady, first_sec


@contextlib.contextmanager
def _old_objects_left_alone() -> Iterator[None]:
    # Not `gc.disable`: a call whose garbage has cycles would keep more and more of the device's memory.
    frozen_before = gc.get_freeze_count() > 0  # by whoever imported this: it stays so
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        if not frozen_before:
            gc.unfreeze()


class _Timer(Protocol):
    calls: int  # that one timing makes

    def __call__(self, call: Call) -> float: ...

    def wait(self) -> None: ...


class _HostTimer:
    calls = 1

    def __init__(self, wait: Callable[[], None], clock: Callable[[], float]) -> None:
        self.wait, self.clock = wait, clock

    def __call__(self, call: Call) -> float:
        self.wait()
        start = self.clock()
        call()
        self.wait()
        return self.clock() - start


class _CudaTimer:
    calls = 2

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def __call__(self, call: Call) -> float:
        stream = torch.cuda.current_stream(self.device)
        start, end = _event(), _event()
        self.wait()  # for what was timed before: it must not lend this its busy stream
        call()
        start.record(stream)
        call()
        end.record(stream)
        end.synchronize()
        return start.elapsed_time(end) / 1000

    def wait(self) -> None:
        torch.cuda.synchronize(self.device)


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def _timer(device: str) -> _Timer:
    place = torch.device(device)
    return _CudaTimer(place) if place.type == "cuda" else _HostTimer(_nothing, perf_counter)


def _nothing() -> None:
    pass
