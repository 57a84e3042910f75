"""The yardstick: the best of several products, measured once."""

import pytest
import torch

import bench.matmul_rate
import gans
from bench.matmul_rate import DTYPES, matmul_rate


@pytest.fixture(autouse=True)
def afresh():
    bench.matmul_rate._measured.cache_clear()
    yield
    bench.matmul_rate._measured.cache_clear()


@pytest.fixture
def machine(monkeypatch):
    """One that does 10 GFLOP/s, 40 on products of 512, and what it was asked to multiply."""
    asked = []

    def seconds(a, b, out, device):
        asked.append((len(a), a.dtype))
        return 2 * len(a) ** 3 / (40e9 if len(a) == 512 else 10e9)

    monkeypatch.setattr(bench.matmul_rate, "_seconds_of_product", seconds)
    monkeypatch.setattr(torch, "mm", lambda a, b, out: out)
    return asked


def test_the_best_of_several_sizes_until_they_take_too_long(machine):
    assert matmul_rate("cpu", "fp32") == pytest.approx(40e9)
    # Three of 2048 would take over a quarter of a second.
    assert {size for size, _ in machine} == {256, 512, 1024}


def test_once_a_process_and_number_of_threads(machine, monkeypatch):
    matmul_rate("cpu", "fp32")
    n = len(machine)
    matmul_rate("cpu", "fp32")
    assert len(machine) == n
    monkeypatch.setattr(torch, "get_num_threads", lambda: 99)
    matmul_rate("cpu", "fp32")
    assert len(machine) == 2 * n


def test_every_precision_has_its_type(machine):
    assert set(gans.PRECISIONS) <= set(DTYPES)
    matmul_rate("cpu", "amp-bf16")
    assert {dtype for _, dtype in machine} == {torch.bfloat16}


def test_on_this_machine_it_is_a_rate():
    assert 1e7 < matmul_rate("cpu", "fp32") < 1e15
