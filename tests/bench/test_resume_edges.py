"""Going on where something is odd: other options, another machine, files that are none, too short a time."""

import json
import shutil
import signal
from pathlib import Path

import pytest
from commands import RING, only_folder, send
from safetensors.torch import load_file, save_file

import bench.checkpoints
import bench.scoring
import gans
import results
from bench import cli
from bench.todo import CHECKPOINT
from gans.checkpoint import FORMAT, read_checkpoint

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.usefixtures("quick_ring")]

FOLDERS = "runs/ring8-vanilla-seed0-6586bb5d"


def outcomes() -> list[str]:
    rows = results.load("runs", every_attempt=True).drop_duplicates(["run_folder", "attempt"])
    return rows.sort_values("attempt")["outcome"].tolist()


def test_a_time_too_short_for_the_scores_ends_all_the_same(run, monkeypatch):
    rows = bench.scoring.Scoring.rows

    def late(*arguments):
        yield from rows(*arguments)
        signal.raise_signal(signal.SIGALRM)  # after the last score, and before the attempt is sealed

    monkeypatch.setattr(bench.scoring.Scoring, "rows", late)
    command = RING.replace("--eval-every 0.32", "") + " --timeout 1000"
    assert run(command).code == cli.FAILURES
    monkeypatch.setattr(bench.scoring.Scoring, "rows", rows)
    done = run(command)
    assert done.code == cli.OK
    assert "every score was there" in done.err
    assert outcomes() == ["timeout", "ok"]
    frame = results.load("runs")
    assert results.summary(frame)["seeds_ok"].tolist() == [1]
    assert frame["metric"].eq("modes").sum() == 1
    assert "is done already" in run(command).err


def test_what_a_rerun_was_stopped_at_goes_on_without_it(run, at_step):
    run(RING)
    at_step(25, send(signal.SIGTERM))
    stopped = run(RING + " --rerun")
    assert "the same command without --rerun goes on from there" in stopped.err
    went_on = run(RING)
    assert "goes on from" in went_on.err
    assert outcomes() == ["ok", "killed", "ok"]


def test_a_rerun_keeps_the_checkpoints_of_before_until_it_has_its_own(run, at_step):
    run(RING)

    def out_of_memory() -> None:
        raise MemoryError

    at_step(0, out_of_memory)
    # Without scores on the way nothing is saved before the first step.
    run(RING.replace("--eval-every 0.32", "") + " --rerun")
    assert outcomes() == ["ok", "oom"]
    assert (only_folder(Path("runs")) / CHECKPOINT).is_file()
    gans.load(only_folder(Path("runs")) / CHECKPOINT)
    run(RING)
    names = sorted(path.name for path in only_folder(Path("runs")).glob("*.safetensors"))
    assert names == ["checkpoint-000000030.safetensors", CHECKPOINT]


def test_points_passed_before_they_were_asked_for_are_named(run, at_step):
    plain = RING.replace("--eval-every 0.32", "")
    at_step(25, send(signal.SIGTERM))
    run(plain)
    said = run(RING).err
    assert "has no scores at 0, 0.32, 0.64 kimg, which it had passed before (--eval-every)" in said
    assert "is trained already; --rerun trains again to score it on the way (--eval-every)." in run(RING).err


def test_a_folder_where_a_file_should_be_is_said_at_once(run, at_step):
    at_step(25, send(signal.SIGTERM))
    run(RING)
    folder = only_folder(Path("runs"))
    (folder / CHECKPOINT).mkdir()
    trained = at_step(25, lambda: pytest.fail("this trains"))
    assert trained is None
    refused = run(RING)
    assert refused.code == cli.FAILURES
    assert f"{folder / CHECKPOINT} is no file: move it away." in refused.out


def test_a_file_where_a_run_folder_should_be_fails_its_cell_alone(run):
    Path("runs").mkdir()
    Path(FOLDERS).write_text("")
    done = run(RING.replace("--metrics modes", "--metrics modes --seeds 0,1"))
    assert done.code == cli.FAILURES
    assert "is no folder" in done.out
    assert results.load("runs")["seed"].unique().tolist() == [1]


@pytest.mark.parametrize("lack", ["attempts", "history", "configuration", "costs.records"])
def test_a_checkpoint_that_lacks_something_is_set_aside(lack, run, at_step):
    at_step(35, send(signal.SIGTERM))
    run(RING)
    newest = max(only_folder(Path("runs")).glob("checkpoint-*"))
    tensors, metadata = load_file(newest), read_checkpoint(newest)[1]
    tensors.pop(lack, None)
    metadata["context"].pop(lack, None)
    save_file(tensors, newest, {"format": FORMAT, "gan-bench": json.dumps(metadata)})
    done = run(RING)
    assert done.code == cli.OK
    assert "is damaged: it lacks" in done.err
    assert "goes on from checkpoint-000000030" in done.err


def test_a_training_on_two_machines_says_so_where_its_speed_is(run, at_step, monkeypatch):
    at_step(25, send(signal.SIGTERM))
    run(RING)
    monkeypatch.setattr(bench.checkpoints, "device_name", lambda _: "another machine")
    monkeypatch.setattr("bench.training.machine", lambda device: bench.checkpoints.machine(device))
    run(RING)
    rows = results.load("runs")
    warnings = rows.loc[rows["metric"].eq("images_per_sec") & rows["final"], "warnings"].iloc[0]
    assert "It was trained on several machines: " in warnings
    assert "another machine, " in warnings


def test_a_copied_store_goes_on(run, at_step):
    at_step(25, send(signal.SIGTERM))
    run(RING)
    shutil.move("runs", "moved")
    assert "goes on from" in run(RING + " --output moved").err
    assert outcomes_of("moved") == ["killed", "ok"]


def outcomes_of(store: str) -> list[str]:
    rows = results.load(store, every_attempt=True).drop_duplicates("attempt").sort_values("attempt")
    return rows["outcome"].tolist()
