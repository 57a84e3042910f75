"""What every hot path has in common: rounds, threads, clock, and what the session's file says of it."""

import pytest
import torch

from bench import perf_session
from bench.own_time import own_time

# The 99 % interval of the median of so many rounds reaches from the 47th to the 74th of their ordered ratios.
ROUNDS = 120


def pytest_benchmark_update_machine_info(machine_info):
    machine_info |= perf_session.machine_info()


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """With more, every operation waits for the slowest, and whatever else runs is in every round."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def compare(benchmark, paired):
    """Time a hot path beside plain code of the same work; all that the gate reads goes into extra_info."""

    def time_both(path, plain, rounds=ROUNDS):
        pair = paired(path, plain, rounds=rounds, clock=own_time)
        benchmark.extra_info |= perf_session.extra_info(pair)

    return time_both
