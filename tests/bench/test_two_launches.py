"""Two launches on one store: no cell runs twice, and none is left undone that nobody runs."""

import contextlib
import multiprocessing.synchronize
import os
import shlex
import sys
from pathlib import Path

import pytest
from commands import TINY, VANILLA, only_folder
from served import without_instruments

import bench.run
import results
from bench import cli, execute
from bench.launch import job, one_cell

N_CELLS = 6
MANY = f"--variants vanilla {TINY} --metrics none --seeds 0-{N_CELLS - 1}"


def launch(command: str, together: multiprocessing.synchronize.Barrier, said: str) -> None:
    """A launch in a process of its own that begins when the other one does."""
    without_instruments()
    with Path(said).open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        together.wait()
        code = cli.call(bench.run.main, shlex.split(command))
    sys.exit(code)


def test_two_at_a_time_run_every_cell_once(processes):
    together = processes.Barrier(2)
    said = [Path("one").resolve(), Path("two").resolve()]
    both = [processes.Process(target=launch, args=(MANY, together, str(path))) for path in said]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    words = [path.read_text() for path in said]
    assert [process.exitcode for process in both] == [cli.OK, cli.OK], words
    rows = results.load("runs", every_attempt=True)
    assert sorted(rows["seed"].unique()) == list(range(N_CELLS))
    assert rows["outcome"].eq("ok").all()
    # Every cell's rows exactly once: one attempt, and of it one row a metric.
    assert rows["attempt"].eq(0).all()
    assert not rows.duplicated(["training_id", "metric", "kimg"]).any()


@pytest.fixture
def another():
    """Another process's journal in a cell's folder: a lock does not ask which process has it."""
    opened = []

    def begin(folder: Path) -> results.Journal:
        journal = results.Journal.reserve(folder)
        opened.append(journal)
        return journal

    yield begin
    for journal in opened:
        journal.close()


def folder_of(run) -> Path:
    """Of VANILLA's cell in ./runs, with nothing in it."""
    run(VANILLA)
    folder = only_folder(Path("runs"))
    for path in folder.iterdir():
        path.unlink()
    return folder


@pytest.mark.parametrize("launcher", ["here", "local"])
def test_a_cell_that_another_process_runs_is_left_to_it(launcher, run, another):
    folder = folder_of(run)
    another(folder)
    done = run(f"{VANILLA} --launcher {launcher}")
    assert done.code == cli.OK
    assert "vanilla on digits, seed 0  is being run by another process and left to it." in done.err
    assert "1 of 1 cells are being run by another process:\n  elsewhere  vanilla on" in done.out
    assert [path.name for path in folder.iterdir()] == ["journal-000.jsonl"]


def test_what_another_process_leaves_is_done_at_the_end(run, another, monkeypatch):
    folder = folder_of(run)
    journal = another(folder)
    train = one_cell.attempt

    def trained(at, cell, *rest):
        journal.close()  # it dies while this launch does its other cell
        return train(at, cell, *rest)

    monkeypatch.setattr(one_cell, "attempt", trained)
    done = run(VANILLA + " --seeds 0,1")
    assert done.code == cli.OK
    assert "left to it" in done.err
    assert "of 2 cells" not in done.out
    assert results.load("runs")["seed"].unique().tolist() == [0, 1]
    assert " 2/2 " in done.out


def test_what_another_launch_did_meanwhile_is_not_done_again(run, monkeypatch):
    # It comes between the look at the store and the lock.
    reserve = results.Journal.reserve

    def after_another(folder):
        monkeypatch.setattr(results.Journal, "reserve", reserve)
        run(VANILLA)
        return reserve(folder)

    monkeypatch.setattr(results.Journal, "reserve", after_another)
    monkeypatch.setattr(job, "last_attempt", lambda _: None)  # when the launch began
    assert run(VANILLA + " --rerun").code == cli.OK
    assert sorted(path.name for path in only_folder(Path("runs")).glob("*.jsonl")) == ["rows-000.jsonl"]


def test_what_failed_in_another_launch_meanwhile_is_its_failure_here_too(run, monkeypatch):
    reserve = results.Journal.reserve

    def after_another(folder):
        monkeypatch.setattr(results.Journal, "reserve", reserve)
        with monkeypatch.context() as patch:
            patch.setattr(execute, "Training", lambda *_: 1 / 0)
            run(VANILLA)
        return reserve(folder)

    monkeypatch.setattr(results.Journal, "reserve", after_another)
    done = run(VANILLA)
    assert done.code == cli.FAILURES
    assert "error in another launch: ZeroDivisionError: division by zero" in done.err
    folder = only_folder(Path("runs"))
    assert [path.name for path in folder.glob("*.jsonl")] == ["rows-000.jsonl"]
    assert f"ZeroDivisionError: division by zero ({folder}{os.sep}error-000.txt)" in done.out
    assert run(VANILLA).code == cli.OK  # a later launch tries it again
