"""Precision, recall, density and coverage beside the `prdc` package, which uses scikit-learn."""

import statistics
import time

import pytest
import torch

from metrics import prdc

pytestmark = pytest.mark.perf

N, D, K, ROUNDS = 3000, 2048, 5, 3


def test_prdc_against_scikit_learn(benchmark, capsys):
    from prdc import compute_prdc

    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(64, D, generator=generator) / 8
    real, fake = (
        torch.relu(
            torch.randn(N, 64, generator=generator) @ mixing + 0.1 * torch.randn(N, D, generator=generator)
        )
        for _ in range(2)
    )
    reference_sec = []

    def time_the_package():
        start = time.perf_counter()
        compute_prdc(real.numpy(), fake.numpy(), K)
        reference_sec.append(time.perf_counter() - start)
        return (real, fake, K), {}

    benchmark.pedantic(prdc, setup=time_the_package, rounds=ROUNDS, warmup_rounds=1)
    ours_sec = benchmark.stats.stats.data
    ratio = statistics.median(b / a for a, b in zip(ours_sec, reference_sec[-ROUNDS:], strict=True))
    benchmark.extra_info["times_as_fast_as_prdc"] = ratio
    capsys.readouterr()
    # As both come, on two cores: 4.4 to 5.4. The package computes 3 products in float64 where this takes 2 in
    # float32, and starts 8 threads whatever the machine; with one thread each the ratio is between 1.5 and 3.
    assert ratio > 1.5
