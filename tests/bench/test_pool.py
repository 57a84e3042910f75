"""Several cells at once: submitted as there is room, and again where their machine is lost."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from commands import VANILLA, only_folder
from served import Served

import results
from bench import cli
from bench.launch import child, local, pool
from bench.launch.cell_process import CellProcess, Fate, ProcessSpec
from bench.todo import CHECKPOINT

THREE = VANILLA + " --seeds 0-2 --launcher local --jobs 2"


@pytest.fixture(autouse=True)
def quick_processes(processes, monkeypatch):
    """Cells' processes start from one that has imported torch; what is submitted, in its order."""
    monkeypatch.setattr(child, "Popen", lambda command, stderr, **_: Served(processes, command, stderr))
    monkeypatch.setattr(pool, "AGAIN_SEC", 0.1)


@pytest.fixture
def places(monkeypatch) -> list["Place"]:
    """The places that launches made: each notes what it was given, and loses what it is told to lose."""
    made = []

    def make(n, *others):
        made.append(Place(max(n, 2), *others))  # one that a lost process still has, and one for the next
        return made[-1]

    monkeypatch.setattr(local, "ThisMachine", make)
    return made


class Place(local.ThisMachine):
    losses = 0
    """So many cells, the first ones, lose their machine as soon as they have a checkpoint."""
    dies_at_once = True
    spare = 0
    """So many more cells it has room for: a cluster has other machines than the one that is lost."""

    def __init__(self, n, *arguments):
        super().__init__(n + self.spare, *arguments)
        self.given: list[str] = []
        self.at_once: list[int] = []
        self.lost: list[CellProcess] = []

    def start(self, arguments, on_line):
        self.given.append(arguments[0])
        started = super().start(arguments, on_line)
        self.at_once.append(sum(holder is not None and holder.fate is None for holder in self._holders))
        if len(self.given) > self.losses:
            return started
        self.lost.append(started)
        return OnLostMachine(started, self)


class OnLostMachine:
    def __init__(self, process: CellProcess, place: Place) -> None:
        self.process, self.place = process, place

    def poll(self):
        if not list(Path("runs").glob("*/checkpoint-*.safetensors")):
            return None
        if self.place.dies_at_once:
            self.kill()
        return Fate(reason="Its machine was lost.", lost=True)

    def tell(self, signum):
        self.process.tell(signum)

    def kill(self):
        self.process.kill()
        self.process.poll()  # its share is free


def test_every_cell_runs_once_and_no_more_at_once_than_there_is_room_for(run, places, vanilla_store):
    done = run(THREE)
    assert done.code == cli.OK
    (place,) = places
    assert len(place.given) == len(set(place.given)) == 3
    assert max(place.at_once) == 2
    rows = results.load("runs", every_attempt=True)
    assert sorted(rows["seed"].unique()) == [0, 1, 2]
    assert not rows.duplicated(["training_id", "metric", "split", "kimg"]).any()
    theirs = results.load(vanilla_store)
    mine = rows[rows["training_id"] == theirs["training_id"].iloc[0]]
    scores = [frame.loc[frame["metric"] == "parzen", "value"].tolist() for frame in (mine, theirs)]
    assert scores[0] == scores[1]
    assert all(
        f"[{i + 1}/3] vanilla on digits, seed {i}  at 0.256 kimg: parzen" in done.err for i in range(3)
    )
    again = run(THREE)
    assert again.err.count("is done already") == 3
    assert places[1].given == []


ONE_LONG = VANILLA.replace("--kimg 0.256", "--kimg 16") + " --checkpoint-every 0.01 --launcher local --jobs 2"


def test_a_cell_whose_machine_is_lost_goes_on_from_its_checkpoint(run, places, monkeypatch):
    monkeypatch.setattr(Place, "losses", 1)
    done = run(ONE_LONG)
    assert done.code == cli.OK
    assert "vanilla on digits, seed 0  Its machine was lost." in done.err
    attempts = results.read_run(only_folder(Path("runs"))).drop_duplicates("attempt")
    assert attempts["outcome"].tolist() == ["killed", "ok"]
    assert attempts["reason"].iloc[0] == "Its machine was lost."
    assert attempts["resumed_kimg"].iloc[1] > 0
    assert not results.load("runs").duplicated(["metric", "split", "kimg"]).any()


def test_a_cell_that_is_trained_anew_is_so_once_though_its_machine_is_lost(run, places, monkeypatch):
    assert run(ONE_LONG).code == cli.OK
    monkeypatch.setattr(Place, "losses", 1)
    monkeypatch.setattr(OnLostMachine, "poll", lost_with_a_new_checkpoint)
    done = run(ONE_LONG + " --rerun")
    assert done.code == cli.OK
    attempts = results.read_run(only_folder(Path("runs"))).drop_duplicates("attempt")
    assert attempts["outcome"].tolist() == ["ok", "killed", "ok"]
    assert attempts["resumed_kimg"].fillna(0).gt(0).tolist() == [False, False, True]


def lost_with_a_new_checkpoint(worker):
    (folder,) = Path("runs").iterdir()
    if (folder / CHECKPOINT).exists() or not list(
        folder.glob("checkpoint-*")
    ):  # that of before goes with its first
        return None
    worker.kill()
    return Fate(reason="Its machine was lost.", lost=True)


def test_what_still_runs_on_a_machine_that_was_lost_is_waited_for(run, places, monkeypatch):
    # Cut off from the launch, it goes on for a while, and holds its cell.
    monkeypatch.setattr(Place, "losses", 1)
    monkeypatch.setattr(Place, "dies_at_once", False)
    monkeypatch.setattr(Place, "spare", 1)
    done = run(ONE_LONG)
    assert done.code == cli.OK
    places[0].lost[0].end()
    assert "elsewhere" not in done.out
    rows = results.load("runs", every_attempt=True)
    assert rows["outcome"].eq("ok").all()
    assert not rows.duplicated(["metric", "split", "kimg"]).any()


def test_a_cell_that_loses_every_machine_is_a_failure(run, places, monkeypatch):
    monkeypatch.setattr(Place, "losses", 99)
    monkeypatch.setattr(OnLostMachine, "poll", lost_at_once)
    done = run(VANILLA + " --kimg 100000 --launcher local --jobs 2")
    assert done.code == cli.FAILURES
    (place,) = places
    assert len(place.given) == pool.LOSSES
    assert "killed  vanilla on digits, seed 0: Its machine was lost." in done.out


def lost_at_once(worker):
    if "began" not in worker.process._child.said:
        return None
    worker.kill()
    return Fate(reason="Its machine was lost.", lost=True)


def test_a_signal_is_told_to_every_cell(run, places):
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)

    def when_both_train() -> None:
        while len(list(Path("runs").glob("*/history.csv"))) < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=when_both_train)
    thread.start()
    try:
        done = run(THREE + " --kimg 100000")
    finally:
        thread.join()
        signal.signal(signal.SIGTERM, before)
    assert done.code == 143
    assert len(places[0].given) == 2
    rows = results.load("runs").drop_duplicates("seed")
    assert rows["outcome"].tolist() == ["killed", "killed"]
    assert rows["reason"].unique().tolist() == ["Stopped by SIGTERM."]
    assert len(list(Path("runs").glob("*/checkpoint-*.safetensors"))) == 2


@pytest.mark.parametrize(
    ("n", "device", "environment", "gpus", "expected"),
    [
        (1, "auto", {}, 8, [{}]),
        (2, "cpu", {}, 8, [{"OMP_NUM_THREADS": "4"}] * 2),
        (3, "auto", {}, 0, [{"OMP_NUM_THREADS": "2"}] * 3),
        (16, "auto", {}, 0, [{"OMP_NUM_THREADS": "1"}] * 16),
        (2, "cpu", {"OMP_NUM_THREADS": "3"}, 0, [{}] * 2),
        (
            3,
            "cuda",
            {"OMP_NUM_THREADS": "1"},
            2,
            [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}, {"CUDA_VISIBLE_DEVICES": "0"}],
        ),
        (
            2,
            "auto",
            {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "5, GPU-1a2b"},
            2,
            [{"CUDA_VISIBLE_DEVICES": "5"}, {"CUDA_VISIBLE_DEVICES": "GPU-1a2b"}],
        ),
        (2, "cuda:1", {"OMP_NUM_THREADS": "1"}, 2, [{}] * 2),
    ],
)
def test_the_machine_is_dealt_out(n, device, environment, gpus, expected, monkeypatch):
    for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(local, "n_processors", lambda: 8)
    monkeypatch.setattr(local.torch.cuda, "device_count", lambda: gpus)
    assert local.shares(n, device) == expected


def test_no_more_shares_are_dealt_than_there_are_cells(run, places):
    assert run(THREE.replace("--jobs 2", "--jobs 1000000000")).code == cli.OK
    assert places[0].room() == 3


class Deaf:
    """A cell's process: what it has said, and the signals that it has got."""

    def __init__(self, **said: object) -> None:
        self.said, self.got = said, []

    def tell(self, signum):
        self.got.append(signum)


@pytest.mark.parametrize(("process", "got"), [(Deaf(), signal.SIGTERM), (Deaf(began=True), signal.SIGINT)])
def test_a_process_that_imports_is_not_interrupted_but_ended(process, got, monkeypatch):
    monkeypatch.setattr("bench.launch.cell_process.Child", lambda *_, **__: process)
    CellProcess(ProcessSpec(arguments=(), limit_sec=None)).tell(signal.SIGINT)
    assert process.got == [got]
