"""The measuring protocol, by a clock that the test turns, and its intervals by simulation."""

import gc
import itertools
import math
import random
import statistics

import pytest
import torch
from scipy.stats import binom

import bench.timing
from bench.errors import InputError
from bench.timing import (
    Timing,
    alternate,
    measure,
    median_interval,
    paired_ratio,
    ratio_of,
    synchronize,
)


class FakeClock:
    """Time passes only within the calls that it makes."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def taking(self, *seconds):
        """A call that takes so long: the last value for ever."""
        left = itertools.chain(seconds, itertools.repeat(seconds[-1]))

        def call():
            self.now += next(left)

        return call


@pytest.fixture
def clock(monkeypatch):
    fake = FakeClock()
    monkeypatch.setattr(bench.timing, "perf_counter", fake)
    return fake


def timing(*seconds):
    return Timing(seconds=seconds, warmup=1, steady=True, first_sec=1.0)


@pytest.mark.parametrize("confidence", [0.95, 0.99])
@pytest.mark.parametrize("n", [6, 7, 8, 9, 25, 30, 101])
def test_interval_is_the_narrowest_exact_one(n, confidence):
    low, high = median_interval([float(i) for i in range(1, n + 1)], confidence)

    def outside(k):
        return 2 * binom.cdf(k - 1, n, 0.5)

    if low == 0:
        assert high == math.inf
        assert outside(1) > 1 - confidence
    else:
        assert low + high == n + 1
        assert outside(low) <= 1 - confidence < outside(low + 1)


@pytest.mark.parametrize(
    "draw",
    [
        lambda source: source.lognormvariate(0, 0.5),
        lambda source: 1 + source.expovariate(5) + (3 if source.random() < 0.1 else 0),
    ],
)
def test_interval_covers_the_median_as_often_as_it_says(draw):
    source = random.Random(0)
    truth = statistics.median(draw(source) for _ in range(200_001))
    intervals = [median_interval([draw(source) for _ in range(15)], 0.95) for _ in range(4000)]
    covered = sum(low <= truth <= high for low, high in intervals) / len(intervals)
    exact = 1 - 2 * binom.cdf(3, 15, 0.5)  # .9648, the least that is not below .95
    # 4,000 tries are ± .003 (standard error); the truth itself is uncertain by a hundredth of its spread.
    assert covered == pytest.approx(exact, abs=0.01)


def test_thousands_of_values_have_an_interval():
    low, high = median_interval([float(i) for i in range(5000)], 0.95)
    # The normal approximation: n/2 ± .98 √n.
    assert (low, high) == pytest.approx((2430, 2569), abs=2)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_bad_confidence(confidence):
    with pytest.raises(InputError, match="between 0 and 1"):
        median_interval([1.0], confidence)


def test_no_values():
    with pytest.raises(InputError, match="no values"):
        median_interval([], 0.95)


def test_timing_has_median_and_interval():
    one = timing(5.0, 1.0, 2.0, 4.0, 3.0, 100.0)
    assert (one.median_sec, one.low_sec, one.high_sec) == (3.5, 1.0, 100.0)


def test_one_thing_measured(clock):
    # Getting faster until the 8th call: a block of 3 with a much faster call is not the last.
    seconds = (0.9, 0.4, 0.3, 0.29, 0.2, 0.2, 0.2, 0.1, 0.102)
    result = measure(clock.taking(*seconds), device="cpu", rounds=7, max_sec=1e9)
    assert result.first_sec == 0.9
    assert result.steady
    assert result.warmup == 1 + 3 + 3 + 3 + 3  # .4 .3 .29 | .2 .2 .2 | .1 .102 .102 | nothing faster
    assert result.seconds == pytest.approx([0.102] * 7)


def test_fast_calls_warm_up_for_longer(clock):
    result = measure(clock.taking(1e-3), device="cpu", rounds=3)
    assert result.warmup == pytest.approx(1 + 20, abs=1)  # one block of 20 ms


def test_calls_that_get_faster_for_ever_are_not_steady(clock):
    falling = [100 * 0.9**i for i in range(1000)]
    result = measure(clock.taking(*falling), device="cpu", rounds=3)
    assert not result.steady
    assert result.warmup == 2  # the first is not in the 20 s, the second ends them


def test_a_noisy_machine_is_warm_all_the_same(clock):
    source = random.Random(1)
    result = measure(clock.taking(*(1 + source.random() for _ in range(100))), device="cpu", max_sec=1e9)
    assert result.steady


def test_time_limit_ends_rounds_but_leaves_an_interval(clock):
    assert len(measure(clock.taking(1.0), device="cpu", rounds=50, max_sec=9.5).seconds) == 10
    few = measure(clock.taking(4.0), device="cpu", rounds=50, max_sec=1.0)
    assert len(few.seconds) == 6
    assert few.high_sec < math.inf


def test_rounds_call_each_once_in_changing_order(clock):
    made = []

    def named(name):
        def call():
            made.append(name)
            clock.now += 1

        return call

    timings = alternate({name: named(name) for name in "abc"}, device="cpu", rounds=6)
    rounds = ["".join(made[i : i + 3]) for i in range(len(made) - 18, len(made), 3)]
    assert rounds == ["abc", "cba", "bca", "acb", "cab", "bac"]
    assert {name: len(t.seconds) for name, t in timings.items()} == {"a": 6, "b": 6, "c": 6}


def test_pairs_begin_as_often_with_either(clock):
    made = []
    target = clock.taking(3.0)
    reference = clock.taking(2.0)

    def noted(name, call):
        def both():
            made.append(name)
            call()

        return both

    pair = paired_ratio(noted("t", target), noted("r", reference), rounds=8)
    assert made[-16::2] == ["t", "r", "r", "t"] * 2
    assert pair.ratios == pytest.approx([1.5] * 8)
    assert (pair.rounds, pair.ratio, pair.low, pair.high) == pytest.approx((8, 1.5, 1.5, 1.5))


def test_ratio_survives_a_machine_that_slows_down(clock):
    slowness = itertools.count(1)
    pair = paired_ratio(
        lambda: setattr(clock, "now", clock.now + 3 * (1 + next(slowness) / 10)),
        lambda: setattr(clock, "now", clock.now + 2 * (1 + next(slowness) / 10)),
        rounds=40,
    )
    assert pair.ratio == pytest.approx(1.5, rel=0.01)


def test_few_rounds_say_nothing_at_99_percent(clock):
    pair = paired_ratio(clock.taking(1.0), clock.taking(1.0), rounds=7)
    assert (pair.low, pair.high) == (0, math.inf)


def test_paired_ratio_waits_for_the_device(clock):
    """Work that a call only starts is counted where it was started."""
    pending = []

    def wait():
        clock.now += sum(pending)
        pending.clear()

    pair = paired_ratio(lambda: pending.append(6.0), lambda: pending.append(2.0), rounds=8, synchronize=wait)
    assert pair.ratio == pytest.approx(3.0)


def test_ratio_of_timings_taken_in_turns():
    pair = ratio_of(timing(2.0, 6.0, 4.0), timing(1.0, 2.0, 4.0))
    assert pair.ratios == (2.0, 3.0, 1.0)
    assert (pair.ratio, pair.confidence) == (2.0, 0.95)


def test_ratio_of_timings_of_other_rounds():
    with pytest.raises(InputError, match="not taken in the same rounds"):
        ratio_of(timing(1.0, 2.0), timing(1.0))


@pytest.mark.parametrize(("calls", "rounds"), [({}, 3), ({"a": list}, 0)])
def test_nothing_to_time(calls, rounds):
    with pytest.raises(InputError, match="something to time"):
        alternate(calls, device="cpu", rounds=rounds)


@pytest.mark.parametrize("frozen_before", [True, False])
def test_what_a_call_raises_comes_through_and_collection_is_as_before(frozen_before):
    fine = [True] * 30
    gc.freeze() if frozen_before else gc.unfreeze()

    def fails_later():
        if not fine:
            raise OSError("full")
        fine.pop()

    with pytest.raises(OSError, match="full"):
        measure(fails_later, device="cpu", rounds=10**6)
    assert (gc.get_freeze_count() > 0) == frozen_before
    gc.freeze()  # as `tests/conftest.py` has it


def test_a_cpu_has_done_all_it_was_given():
    synchronize("cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_events_time_the_device_not_the_launch():
    """A product takes as long by events as by the host's clock over many; the host alone starts it sooner."""
    a = torch.randn(4096, 4096, device="cuda")
    product = torch.empty_like(a)
    timings = alternate(
        {
            "one": lambda: torch.mm(a, a, out=product),
            "two": lambda: (torch.mm(a, a, out=product), torch.mm(a, a, out=product)),
        },
        device="cuda",
        rounds=20,
    )
    assert ratio_of(timings["two"], timings["one"]).ratio == pytest.approx(2, rel=0.1)
    many = paired_ratio(
        lambda: [torch.mm(a, a, out=product) for _ in range(20)],
        lambda: torch.mm(a, a, out=product),
        rounds=10,
        synchronize=lambda: synchronize("cuda"),
    )
    # The host's clock has a launch and a wait in it, once a call.
    assert 10 < many.ratio < 21


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_launches_count_where_they_bound_the_call():
    """Kernels of nothing cost what the host needs to issue them, also after a busy neighbour."""
    a, small = torch.randn(8192, 8192, device="cuda"), torch.zeros(8, device="cuda")

    def launches():
        for _ in range(200):
            small.add_(1)

    alone = measure(launches, device="cuda", rounds=20)
    beside = alternate({"launches": launches, "busy": lambda: a @ a}, device="cuda", rounds=20)["launches"]
    # The launches take about a millisecond, the kernels less; the busy neighbour takes longer than both, and
    # would hide the launches, had they been issued while it ran.
    assert beside.median_sec == pytest.approx(alone.median_sec, rel=0.3)
