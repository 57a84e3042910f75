"""KID from all pairs beside what most libraries do: 100 subsets of 1,000."""

import statistics
import time

import pytest
import torch
from torch_fidelity.metric_kid import kid_features_to_metric

from metrics import kernel_distance, kernel_distance_subsets

pytestmark = pytest.mark.perf

N, D, ROUNDS = 5000, 2048, 2


def test_all_pairs_are_not_slower_than_100_subsets(benchmark):
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.rand(N, D, generator=generator) for _ in range(2))
    theirs_sec, subsets_sec = [], []

    def time_the_others():
        start = time.perf_counter()
        kid_features_to_metric(x, y, kid_subsets=100, kid_subset_size=1000, verbose=False)
        between = time.perf_counter()
        kernel_distance_subsets(x, y)
        theirs_sec.append(between - start)
        subsets_sec.append(time.perf_counter() - between)
        return (x, y), {}

    benchmark.pedantic(kernel_distance, setup=time_the_others, rounds=ROUNDS)
    for name, our_sec in (("all_pairs", benchmark.stats.stats.data), ("subsets", subsets_sec[-ROUNDS:])):
        ratio = statistics.median(b / a for a, b in zip(our_sec, theirs_sec[-ROUNDS:], strict=True))
        benchmark.extra_info[f"{name}_times_as_fast_as_torch_fidelitys_subsets"] = ratio
        # All pairs of 5,000 need a sixth of the subsets' products, in float64 where theirs are float32. Our
        # subsets are taken from the same products. Measured 2.1.
        assert ratio > 1
