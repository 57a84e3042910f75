"""Runs that are killed or interrupted: what they leave, and what the same command does then."""

import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import dying
import pytest
from commands import VANILLA, WGAN_TOO, learned, only_folder

import results
from bench import cli
from bench.todo import CHECKPOINT


def run_and_die(processes, target, command: str) -> None:
    process = processes.Process(target=target, args=(command,))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


def parzen(store: str | Path) -> float:
    frame = results.load(store)
    scores = frame[(frame["metric"] == "parzen") & (frame["split"] == "test")]
    return scores.loc[scores["final"], "value"].item()


@pytest.mark.slow  # kills in forked processes: tests/faults
def test_killed_in_training_is_gone_on_from_by_the_same_command(processes, run, vanilla_store):
    command = VANILLA + " --eval-every 0.064"
    run_and_die(processes, dying.killed_in_training, command)
    left = results.load("runs")
    of_test = left[(left["metric"] == "parzen") & (left["split"] == "test")]
    assert of_test["kimg"].tolist() == [0, 0.064, 0.128]

    assert run(command).code == cli.OK
    attempts = results.read_run(only_folder(Path("runs")))
    told = attempts.groupby("attempt")[["outcome", "trained"]].first().to_numpy().tolist()
    assert told == [["killed", True], ["ok", True]]
    assert (attempts["attempt"] == 0).sum() == 2 * 3  # against two splits
    assert attempts["resumed_kimg"].iloc[-1] == 0.128  # the checkpoint before the last score
    of_test = results.load("runs").query("metric == 'parzen' and split == 'test'")
    assert of_test["kimg"].tolist() == [0, 0.064, 0.128, 0.192, 0.256]
    assert set(of_test["outcome"]) == {"ok"}
    ours, whole = learned(only_folder(Path("runs"))), learned(only_folder(vanilla_store))
    assert all(tensor.equal(whole[name]) for name, tensor in ours.items())
    assert parzen("runs") == parzen(vanilla_store)


def test_killed_while_it_was_scored_is_only_scored(processes, run, vanilla_store):
    run_and_die(processes, dying.killed_in_scoring, VANILLA)
    folder = only_folder(Path("runs"))
    checkpoint = (folder / CHECKPOINT).read_bytes()

    done = run(VANILLA)
    assert done.code == cli.OK
    assert " 1/1 " in done.out
    attempts = results.read_run(folder)
    told = attempts.groupby("attempt")[["outcome", "trained"]].first().to_numpy().tolist()
    assert told == [["killed", True], ["ok", True]]
    assert attempts["resumed_kimg"].iloc[-1] == attempts["kimg_budget"].iloc[-1]  # not a step more
    assert (folder / CHECKPOINT).read_bytes() == checkpoint
    assert parzen("runs") == parzen(vanilla_store)


@pytest.mark.slow  # in this process: tests/bench/test_resume.py, test_stopping.py
def test_interrupted_from_the_keyboard(run):
    # The second cell is in a step of seconds; the first one's row is in the table all the same.
    command = WGAN_TOO + " --set wgan.n_critic=300"
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.run", *shlex.split(command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Below a job in the background (a script's `&`) Ctrl-C is ignored, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 120
        while not list(Path("runs").glob("*wgan*/history.csv")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == cli.INTERRUPTED
    assert err.splitlines()[-1] == "Interrupted by the user: the same command goes on from there."
    assert "Traceback" not in err
    frame = results.load("runs").drop_duplicates("variant").set_index("variant")
    assert frame["outcome"].to_dict() == {"vanilla": "ok", "wgan": "killed"}
    assert frame["reason"]["wgan"] == "Interrupted by the user."
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert " 1/1 " in lines["vanilla"]
    assert "0/1: 1 killed" in lines["wgan"]
