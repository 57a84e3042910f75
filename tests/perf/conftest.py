"""Timing two things in turns under pytest-benchmark."""

import pytest

import bench.timing


@pytest.fixture
def paired(benchmark):
    """`bench.timing.paired_ratio` as this test's benchmark.

    pytest-benchmark cannot alternate: its own statistics are of the comparison as a whole, once.
    """

    def time_both(target, reference, *, rounds, clock=None):
        pair = benchmark.pedantic(
            lambda: bench.timing.paired_ratio(target, reference, rounds=rounds, clock=clock),
            rounds=1,
            iterations=1,
        )
        benchmark.extra_info["ratio"] = pair.ratio
        return pair

    return time_both
