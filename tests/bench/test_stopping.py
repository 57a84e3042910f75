"""When requests to end are heard: at once, at the end of what must be finished, and only once."""

import fcntl
import os
import pty
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import dying
import pytest
from commands import VANILLA

import results
from bench.stopping import SIGNALS, Stopped, Stopping, TimedOut


@pytest.fixture
def stopping():
    with Stopping() as entered:
        yield entered


def send(signum: int) -> None:
    os.kill(os.getpid(), signum)


def finish(
    stopping: Stopping, *actions: Callable[[], object], wake: Callable[[], None] | None = None
) -> None:
    """Do all that in one held block."""
    with stopping.held(wake):
        for action in actions:
            action()


def test_where_nothing_is_held_it_is_raised_at_once(stopping):
    with pytest.raises(Stopped, match=r"^Stopped by SIGTERM: the same command goes on from there\.$") as stop:
        send(signal.SIGTERM)
    assert (stop.value.exit_code, stop.value.reason) == (143, "Stopped by SIGTERM.")


def test_a_signal_can_be_passed_over(stopping):
    with stopping.held():
        send(signal.SIGTERM)
        stopping.deaf(signal.SIGTERM)
    send(signal.SIGTERM)
    assert not stopping.asked
    stopping.__exit__(None, None, None)
    send(signal.SIGTERM)  # which is passed over when others are heard no more, too
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_a_held_block_is_finished_and_told(stopping):
    done: list[str] = []
    with pytest.raises(Stopped, match="by the user"):
        finish(
            stopping,
            lambda: send(signal.SIGINT),
            lambda: done.append("outer"),
            lambda: finish(stopping, lambda: done.append("inner")),  # one in it holds no shorter
            lambda: done.append("last"),
            wake=lambda: done.append("told"),
        )
    assert done == ["told", "outer", "inner", "last"]


def test_one_that_begins_after_the_request_is_told_at_its_beginning(stopping):
    done: list[str] = []
    with pytest.raises(Stopped):
        finish(
            stopping,
            lambda: send(signal.SIGTERM),
            lambda: finish(stopping, lambda: done.append("inner"), wake=lambda: done.append("told")),
        )
    assert done == ["told", "inner"]


def test_what_a_held_block_raises_goes_first_and_the_request_waits(stopping):
    with pytest.raises(ZeroDivisionError):
        finish(stopping, lambda: send(signal.SIGTERM), lambda: 1 / 0)
    with pytest.raises(Stopped):
        finish(stopping)


def test_a_request_that_was_lost_on_the_way_comes_again_until_it_is_heard(stopping):
    with pytest.raises(Stopped):
        send(signal.SIGTERM)
    with pytest.raises(Stopped):
        finish(stopping)
    stopping.heard()
    finish(stopping)


def limited(stopping: Stopping, limit_sec: float, action: Callable[[], object]) -> None:
    with stopping.limit(limit_sec):
        action()


def test_the_clock_asks_in_the_same_way(stopping):
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TimedOut, match=r"^The 1000 s of --timeout were used up; "):
        limited(stopping, 1000, lambda: send(signal.SIGALRM))
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == before
    with pytest.raises(TimedOut):
        limited(stopping, 0.01, signal.pause)


def test_what_the_clock_asked_of_something_that_has_ended_is_forgotten(stopping):
    with pytest.raises(ZeroDivisionError):
        limited(stopping, 1000, lambda: finish(stopping, lambda: send(signal.SIGALRM), lambda: 1 / 0))
    assert not stopping.asked


def test_signals_are_as_they_were_afterwards():
    before = [signal.getsignal(signum) for signum in SIGNALS]
    with Stopping(), pytest.raises(Stopped):
        send(signal.SIGTERM)
    assert [signal.getsignal(signum) for signum in SIGNALS] == before


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with Stopping() as stopping:
            send(signal.SIGHUP)
        assert not stopping.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_one_ends_the_process_whatever_it_is_in(processes):
    process = processes.Process(target=dying.told_twice, args=(VANILLA,))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGTERM


def test_cells_after_it_are_not_begun(run, monkeypatch):
    monkeypatch.setattr("bench.training.trainer_of", lambda *_, **__: send(signal.SIGTERM))
    assert run(VANILLA + " --seeds 0-2").code == 143
    assert len(list(Path("runs").iterdir())) == 1


@pytest.mark.slow
def test_a_terminal_that_closes_is_a_clean_end_though_nothing_can_be_printed_any_more():
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.run", *shlex.split(VANILLA), "--kimg", "1000"],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # or its closing would concern nobody
    )
    try:
        os.close(inside)
        while not list(Path("runs").glob("*/history.csv")):
            assert process.poll() is None
            time.sleep(0.05)
        os.close(terminal)
        assert process.wait(120) == 129
    finally:
        process.kill()
    assert set(results.load("runs")["reason"]) == {"Stopped by SIGHUP."}
