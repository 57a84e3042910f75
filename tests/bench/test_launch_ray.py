"""`--launcher ray` on a real Ray cluster of this machine."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import VANILLA, only_folder
from ray_nodes import two_nodes, workers

import results
from bench import cli
from bench.launch.pool import in_use

ray = pytest.importorskip("ray", reason="Ray is not installed (extra ray; `tox -e cluster` has it)")

# Ray leaves sockets and files to the end of its processes.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
LONG = VANILLA.replace("--kimg 0.256", "--kimg 16") + " --checkpoint-every 0.2"


@pytest.fixture(scope="module")
def cluster():
    """Started once: it takes some seconds."""
    with two_nodes() as nodes:
        yield nodes


@pytest.fixture
def on(cluster) -> str:
    return f"--launcher ray --ray-address {cluster.address}"


def test_cells_as_tasks(on, run, vanilla_store):
    done = run(f"{VANILLA} --seeds 0,1 {on}")
    assert done.code == cli.OK, done.err
    for seed in range(2):
        assert f"[{seed + 1}/2] vanilla on digits, seed {seed}  at 0.256 kimg: parzen" in done.err
    mine, theirs = results.load("runs", every_attempt=True), results.load(vanilla_store)
    assert mine["attempt"].eq(0).all()
    assert mine["outcome"].eq("ok").all()
    same = mine[mine["seed"] == 0]
    scores = [rows.loc[rows["metric"] == "parzen", "value"].tolist() for rows in (same, theirs)]
    assert scores[0] == scores[1]
    assert not list(Path("runs").glob(".launch-*"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--ray-address ray://somewhere:10001", "not by ray://somewhere:10001."),
        ("--ray-address head", "named by the HOST:PORT of its head"),
        (
            "--ray-address 127.0.0.1:1",
            "There is no Ray cluster at 127.0.0.1:1: [Errno 111] Connection refused.",
        ),
    ],
)
def test_a_cluster_that_cannot_be_joined_is_a_sentence(options, sentence, run):
    done = run(f"{VANILLA} --launcher ray {options}")
    assert done.code == cli.BAD
    assert sentence in done.err


def launched(command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.run", *shlex.split(command)], stderr=subprocess.PIPE, text=True
    )


def wait_for(there):
    deadline = time.monotonic() + 240
    while not (found := there()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle_of_a_cell(on, cluster):
    launch = launched(f"{LONG} --kimg 200 {on}")
    wait_for(lambda: list(Path("runs").glob("*/checkpoint-*.safetensors")))
    (worker,) = workers(cluster)
    os.kill(worker, signal.SIGKILL)
    _, err = launch.communicate(timeout=240)
    assert launch.returncode == cli.OK, err
    assert "Its Ray worker was lost (WorkerCrashedError)." in err
    attempts = results.read_run(only_folder(Path("runs"))).drop_duplicates("attempt")
    assert attempts["outcome"].tolist() == ["killed", "ok"]
    assert attempts["resumed_kimg"].iloc[1] > 0
    assert not results.load("runs").duplicated(["phase", "metric", "split", "kimg"]).any()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_every_task_with_a_checkpoint(number, code, on, cluster):
    launch = launched(f"{LONG} --kimg 100000 --seeds 0-9 {on}")
    wait_for(lambda: len(list(Path("runs").glob("*/history.csv"))) == 2)
    launch.send_signal(number)
    _, err = launch.communicate(timeout=120)
    assert launch.returncode == code, err
    rows = results.load("runs").drop_duplicates("seed")
    assert rows["outcome"].tolist() == ["killed", "killed"]
    assert len({path.parent for path in Path("runs").glob("*/checkpoint-*.safetensors")}) == 2
    assert workers(cluster) == []


@pytest.mark.slow
def test_a_launch_that_dies_leaves_no_cell_running(on, cluster):
    launch = launched(f"{LONG} --kimg 100000 {on}")
    wait_for(lambda: list(Path("runs").glob("*/history.csv")))
    launch.kill()
    launch.communicate()
    wait_for(lambda: not workers(cluster))
    folder = only_folder(Path("runs"))
    wait_for(lambda: not in_use(folder))  # nobody holds its journal: what was abandoned is sealed
    assert results.read_run(folder)["outcome"].eq("killed").all()


def test_a_cluster_that_asks_for_a_token_is_a_sentence(run, monkeypatch):
    def refused(**_):
        try:
            raise ray.exceptions.AuthenticationError("a token is missing")
        except ray.exceptions.AuthenticationError as cause:
            raise RuntimeError("no answer") from cause

    def init(**_):
        try:
            refused()
        except RuntimeError as cause:
            raise ConnectionError("no cluster") from cause  # as Ray wraps it

    monkeypatch.setattr("bench.launch.ray.require_cluster", lambda _: None)
    monkeypatch.setattr("ray.init", init)
    done = run(f"{VANILLA} --launcher ray --ray-address 127.0.0.1:1")
    assert done.code == cli.BAD
    assert "set RAY_AUTH_MODE=token" in done.err
    assert done.err.count("error: ") == 1
