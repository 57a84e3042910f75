"""A pytest plugin that makes one hot path slower, for `prove_gate.py`: `-p slow_path --slow-path d_step`."""

import pytest

import bench.timing
from bench.own_time import own_time

SHARE = 0.3


def pytest_addoption(parser):
    parser.addoption("--slow-path", metavar="NAME", required=True)


@pytest.fixture(autouse=True)
def slowed(request, monkeypatch):
    if request.node.name != f"test_{request.config.getoption('--slow-path')}":
        return
    as_it_is = bench.timing.paired_ratio
    monkeypatch.setattr(
        bench.timing, "paired_ratio", lambda path, plain, **how: as_it_is(slower(path), plain, **how)
    )


def slower(call):
    """`call`, and after it work for `SHARE` of the time that it has just taken."""

    def both():
        start = own_time()
        call()
        now = own_time()
        end = now + SHARE * (now - start)
        while own_time() < end:
            pass

    return both
