"""A grid in which every cell but one goes wrong, each in its own way: the others run, and all are rows."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bad_variants
import pytest
from commands import VANILLA, only_folder

import results
from bench import cli

GRID = VANILLA.replace("--variants vanilla", "--variants {},vanilla")


def table(store: str | Path = "runs") -> dict[str, tuple[str, str]]:
    """Outcome and reason by variant."""
    frame = results.load(store).drop_duplicates("variant")
    rows = frame[["variant", "outcome", "reason"]].fillna("").itertuples(index=False)
    return {variant: (outcome, reason) for variant, outcome, reason in rows}


@pytest.mark.parametrize(
    ("deed", "outcome", "reason"),
    [
        ("ask_for_too_much", "oom", "can't allocate memory"),
        ("fail", "error", "RuntimeError: the widget is loose"),
        ("leave", "error", "SystemExit: 3"),
        # Nobody pressed Ctrl-C: it is only another exception.
        ("interrupt", "error", "KeyboardInterrupt"),
        ("use_up_the_time", "timeout", "The 600 s of --timeout were used up"),
    ],
)
def test_what_a_cell_does_is_its_row_and_the_next_one_runs(deed, outcome, reason, run, monkeypatch):
    bad_variants.offer(monkeypatch, deed)
    done = run(GRID.format(deed) + " --timeout 600")
    assert done.code == cli.FAILURES
    rows = table()
    assert rows["vanilla"] == ("ok", "")
    assert rows[deed][0] == outcome
    assert reason in rows[deed][1]
    (line,) = [line for line in done.out.splitlines() if line.startswith(f"  {outcome}  ")]
    assert f"{deed} on digits, seed 0: " in line
    assert reason in line
    assert ("error-000.txt" in line) == (outcome == "error")


def test_the_list_of_failures_says_what_to_do(run, monkeypatch):
    bad_variants.offer(monkeypatch, "fail")
    done = run(GRID.format("fail") + " --set vanilla.lr=1e30 --quiet")
    assert done.err == ""
    head, _, table = done.out.partition("\nvariant ")
    (traceback,) = Path("runs").glob("*fail*/error-000.txt")
    assert head.splitlines()[:3] == [
        "",
        "2 of 2 cells failed:",
        f"  error     fail on digits, seed 0: RuntimeError: the widget is loose ({traceback})",
    ]
    assert head.splitlines()[3].startswith("  diverged  vanilla on digits, seed 0: ")
    assert head.splitlines()[4] == (
        "The same command tries again what ended error, from the last checkpoint if any. "
        "A diverged cell would diverge again and is not tried: change a setting, or use --rerun."
    )
    assert "1 diverged" in table


def test_a_recipe_that_fails_once_the_launch_has_begun_is_a_row(run, monkeypatch):
    # What is asked of it then is what its settings were before they were changed.
    monkeypatch.setattr("bench.execute.header_of", lambda *_, **__: 1 / 0)
    done = run(VANILLA)
    assert done.code == cli.FAILURES
    assert table() == {"vanilla": ("error", "ZeroDivisionError: division by zero")}
    assert not results.load("runs")["trained"].any()


def test_a_failure_before_training_does_not_hide_what_was_measured(run, store, monkeypatch):
    before = results.load(store)
    with monkeypatch.context() as patch:
        patch.setattr("bench.execute.header_of", lambda *_, **__: 1 / 0)
        assert run(VANILLA + " --rerun").code == cli.FAILURES
    after = results.load(store)
    assert after[after["attempt"] == 0].equals(before)
    assert run(VANILLA).code == cli.OK


@pytest.fixture
def local(run, monkeypatch, tmp_path):
    """Runs a grid with bad variants in real processes, a cell each."""
    bad_variants.install(tmp_path / "site")
    code = Path(cli.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{Path(__file__).parent}:{code}")

    def run_grid(*deeds: str, options: str = ""):
        bad_variants.offer(monkeypatch, *deeds)
        return run(f"{GRID.format(','.join(deeds))} --launcher local {options}")

    return run_grid


@pytest.mark.slow
def test_a_process_that_cannot_make_the_plan_again_is_a_row(run, monkeypatch):
    # What a notebook registers in its own process is known there only.
    bad_variants.offer(monkeypatch, "fail")
    done = run(VANILLA.replace("--variants vanilla", "--variants fail") + " --launcher local")
    assert done.code == cli.FAILURES
    outcome, reason = table()["fail"]
    assert outcome == "error"
    assert reason.startswith("Its process could not begin: There is no variant 'fail'.")
    assert not results.load("runs")["trained"].any()


@pytest.mark.slow
def test_every_way_to_fail_in_one_grid(local):
    bad = ["ask_for_too_much", "take_ages", "fail", "crash", "end_the_process", "leave"]
    done = local(*bad, options="--timeout 60")
    assert done.code == cli.FAILURES
    outcomes = ["oom", "timeout", "error", "killed", "killed", "error", "ok"]
    assert [table()[name][0] for name in [*bad, "vanilla"]] == outcomes


@pytest.mark.slow
def test_a_launch_that_dies_leaves_no_process_behind(local):
    command = [sys.executable, "-m", "bench.run", *shlex.split(VANILLA), "--kimg", "100000"]
    launch = subprocess.Popen([*command, "--launcher", "local"], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: list(Path("runs").glob("*/history.csv")))
    finally:
        launch.kill()
        launch.wait()
    folder = only_folder(Path("runs"))
    wait_for(lambda: list(folder.glob("rows-*.jsonl")))  # its cell stops as SIGTERM stops one
    assert table() == {"vanilla": ("killed", "Stopped by SIGTERM.")}
    assert list(folder.glob("checkpoint-*.safetensors"))
    with results.Journal.reserve(folder):  # and nobody holds the cell
        pass


@pytest.fixture
def control_group():
    """A control group for 2 GB of memory, its folder."""
    folder = Path(f"/sys/fs/cgroup/memory/gan-bench-{os.getpid()}")
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text("2000000000")
    except OSError as error:
        pytest.skip(f"no control group with a limit can be made here: {error}")
    yield folder
    folder.rmdir()


@pytest.mark.slow
def test_the_kernels_killer_ends_one_cell(local, control_group):
    command = GRID.format("fill_the_memory") + " --launcher local"
    enter = f'echo $$ > {control_group / "cgroup.procs"} && exec "$0" -m bench.run "$@"'
    done = subprocess.run(["sh", "-c", enter, sys.executable, *shlex.split(command)], timeout=300)
    assert done.returncode == cli.FAILURES
    assert table() == {
        "fill_the_memory": (
            "oom",
            "Its process was ended by SIGKILL, by the kernel's out-of-memory killer: its control group "
            "counted one more.",
        ),
        "vanilla": ("ok", ""),
    }


def wait_for(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.1)
