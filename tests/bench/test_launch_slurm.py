"""`--launcher slurm` with submitit's local executor, which starts real jobs on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import VANILLA

import results
from bench import cli
from bench.launch.cell_process import ProcessSpec
from bench.launch.job import job_of, last_attempts
from bench.launch.pool import arguments_of
from bench.launch.slurm_job import run_job
from bench.plan import plan
from bench.run_options import options_of

pytest.importorskip("submitit", reason="submitit is not installed (extra slurm)")

LOCAL = VANILLA + " --launcher slurm --slurm cluster=local"


def test_a_cell_as_a_job(run, vanilla_store):
    done = run(LOCAL)
    assert done.code == cli.OK, done.err
    assert "[1/1] vanilla on digits, seed 0  ok" in done.err
    mine, theirs = results.load("runs"), results.load(vanilla_store)
    scores = [rows.loc[rows["metric"] == "parzen", "value"].tolist() for rows in (mine, theirs)]
    assert scores[0] == scores[1]
    assert list(Path("runs/slurm").iterdir()) == []  # nothing is left of jobs that ended well
    assert not list(Path("runs").glob(".launch-*"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--slurm partition=gpu", 'Could not detect "srun"'),
        ("--slurm cluster=local,nonsense=1", "Unknown argument 'nonsense'"),
        ("--slurm cluster=local --gpus-per-cell .5 --device auto", "--gpus-per-cell 0.5 is not one"),
    ],
)
def test_what_cannot_be_reserved_is_a_sentence(options, sentence, run, monkeypatch):
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))  # noqa: PTH120 - no Slurm there
    done = run(f"{VANILLA} --launcher slurm {options}")
    assert done.code == cli.BAD
    assert sentence in done.err


def test_another_machines_store_is_refused(tmp_path):
    spec = ProcessSpec(arguments=(), limit_sec=None, folder=tmp_path, token=tmp_path / "not-here")
    assert f"The store {tmp_path} of the launch is not the one that" in run_job(spec).stop
    gone = ProcessSpec(arguments=(), limit_sec=None, folder=tmp_path / "gone")
    assert "does not have: begin it in a folder that all machines share." in run_job(gone).stop


JOB = """
import json, sys
from pathlib import Path
from bench.launch.cell_process import ProcessSpec
from bench.launch.slurm_job import run_job
fate = run_job(ProcessSpec(arguments=tuple(json.loads(sys.argv[1])), limit_sec=None))
print(json.dumps([fate.lost, fate.reported, fate.reason]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_a_job_that_is_told_to_end_leaves_a_checkpoint_to_another(number):
    # What Slurm sends before the limit, and at a preemption.
    command = f"{VANILLA} --metrics none --kimg 100000 --checkpoint-every 0.1".split()
    options = options_of(command)
    cells, scorings = plan(options)
    launch = job_of(cells, scorings, options, command, last_attempts(cells, options.output))
    arguments = arguments_of(launch, cells[0])
    job = subprocess.Popen([sys.executable, "-c", JOB, json.dumps(arguments)], stdout=subprocess.PIPE)
    folder = Path("runs") / cells[0].folder
    while not list(folder.glob("checkpoint-*")):
        assert job.poll() is None
        time.sleep(0.1)
    job.send_signal(number)
    answer, _ = job.communicate(timeout=120)
    assert json.loads(answer) == [True, False, f"Its job was told to end by {number.name}."]
    attempts = results.read_run(folder).drop_duplicates("attempt")
    assert attempts[["outcome", "reason"]].to_numpy().tolist() == [["killed", "Stopped by SIGTERM."]]
