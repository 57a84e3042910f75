"""The same command goes on from the last checkpoint, to what an unbroken run leaves."""

import errno
import itertools
import json
import os
import signal
import time
from pathlib import Path

import pytest
from commands import RING, finished_store, only_folder, send
from unbroken import assert_same

import bench.checkpoints
import bench.run_pictures
import bench.scoring
import bench.training
import gans
import gans.trainer
import results
from bench import cli
from bench.todo import CHECKPOINT

slow = pytest.mark.slow  # more of the same
# What the command line shows as a warning must not be pytest's error first.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.usefixtures("quick_ring")]

STEPS = 40  # four windows, and a score with its checkpoint before each and at the end


@pytest.fixture(scope="module")
def whole(quick_ring, tmp_path_factory) -> Path:
    """The folder of an unbroken run; not to be changed."""
    return only_folder(finished_store(RING, tmp_path_factory.mktemp("whole")))


def attempts(folder: Path) -> list[tuple[str, float | None]]:
    """How each attempt ended, and from where it went on."""
    frame = results.read_run(folder).drop_duplicates("attempt")
    resumed = frame["resumed_kimg"].astype(object).where(frame["resumed_kimg"].notna(), None)
    return list(zip(frame["outcome"], resumed, strict=True))


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("checkpoint*"))


@pytest.mark.parametrize(
    ("signum", "code", "step", "reason"),
    [
        (signal.SIGINT, 130, 4, "Interrupted by the user."),
        pytest.param(signal.SIGTERM, 143, 15, "Stopped by SIGTERM.", marks=slow),
        (signal.SIGHUP, 129, 39, "Stopped by SIGHUP."),
    ],
)
def test_a_signal_in_training_is_a_checkpoint_and_an_end(signum, code, step, reason, run, at_step, whole):
    at_step(step, send(signum))
    done = run(RING)
    assert done.code == code
    assert done.err.splitlines()[-1] == f"{reason.rstrip('.')}: the same command goes on from there."
    folder = only_folder(Path("runs"))
    stopped = step + 1  # the step is finished first
    name = CHECKPOINT if stopped == STEPS else f"checkpoint-{stopped:09d}.safetensors"
    assert name in checkpoints(folder)
    (told,) = set(results.load(folder)["reason"])
    assert told == reason

    done = run(RING)
    assert done.code == cli.OK
    assert f"goes on from {stopped * 0.032:g} kimg ({name})." in done.err
    assert attempts(folder) == [("killed", None), ("ok", pytest.approx(stopped * 0.032))]
    assert_same(folder, whole)


def test_stopped_again_and_again(run, at_step, whole):
    for step in (0, 9, 10, 11, 30):
        at_step(step, send(signal.SIGTERM))
        assert run(RING).code == 143
    assert run(RING).code == cli.OK
    folder = only_folder(Path("runs"))
    assert [outcome for outcome, _ in attempts(folder)] == ["killed"] * 5 + ["ok"]
    assert_same(folder, whole)
    (details,) = results.load(folder).query("metric == 'images_per_sec'")["details"]
    assert json.loads(details)["resumed"] == 5


@pytest.mark.parametrize(
    ("kimg", "n_rows"),
    [(0.32, 1), pytest.param(0.32, 0, marks=slow), pytest.param(1.28, 0, marks=slow), (1.28, 1)],
)
def test_a_signal_in_scoring_ends_it_at_once_and_it_is_scored_again(kimg, n_rows, run, monkeypatch, whole):
    rows, evaluations = bench.scoring.Scoring.rows, []

    def interrupted(*arguments):
        evaluations.append(True)
        if len(evaluations) < 1 + kimg / 0.32:
            yield from rows(*arguments)
            return
        yield from itertools.islice(rows(*arguments), n_rows)
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("scoring went on")

    with monkeypatch.context() as patch:
        patch.setattr(bench.scoring.Scoring, "rows", interrupted)
        assert run(RING).code == 143
    folder = only_folder(Path("runs"))
    assert run(RING).code == cli.OK
    assert attempts(folder) == [("killed", None), ("ok", kimg)]
    assert_same(folder, whole)


@pytest.mark.parametrize(
    ("where", "name"),
    [(gans, "save_checkpoint"), (results.Journal, "append"), (bench.training, "save_pictures")],
)
def test_what_is_being_written_is_finished_first(where, name, run, monkeypatch, whole):
    write, finished = getattr(where, name), []

    def interrupted(*arguments, **named):
        if len(finished) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        written = write(*arguments, **named)
        finished.append(True)
        return written

    with monkeypatch.context() as patch:
        patch.setattr(where, name, interrupted)
        assert run(RING).code == 143
    assert len(finished) >= 4
    assert run(RING).code == cli.OK
    assert_same(only_folder(Path("runs")), whole)


def test_a_time_limit_is_an_outcome_the_next_cell_runs_and_the_same_command_goes_on(run, at_step, whole):
    command = f"{RING} --seeds 0,1 --timeout 1000"
    at_step(15, send(signal.SIGALRM))  # as the clock would, after 1000 s
    done = run(command)
    assert done.code == cli.FAILURES
    first, second = sorted(path for path in Path("runs").iterdir())
    reason = "The 1000 s of --timeout were used up; the same command goes on from there."
    assert f"timeout: {reason}" in done.err
    assert set(results.load(first)["reason"]) == {reason}
    assert set(results.load(second)["outcome"]) == {"ok"}
    assert run(command).code == cli.OK
    assert attempts(first) == [("timeout", None), ("ok", pytest.approx(16 * 0.032))]
    assert_same(first, whole)


@slow
def test_a_time_limit_cuts_scoring_too_and_the_clock_does_not_run_on(run, monkeypatch, whole):
    rows = bench.scoring.Scoring.rows

    def late(*arguments):
        os.kill(os.getpid(), signal.SIGALRM)
        pytest.fail("scoring went on")

    with monkeypatch.context() as patch:
        patch.setattr(bench.scoring.Scoring, "rows", late)
        assert run(RING + " --timeout 1000").code == cli.FAILURES
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert bench.scoring.Scoring.rows is rows
    assert run(RING).code == cli.OK
    assert attempts(only_folder(Path("runs"))) == [("timeout", None), ("ok", 0)]
    assert_same(only_folder(Path("runs")), whole)


@slow
def test_an_error_is_gone_on_from_too(run, at_step, whole):
    def fail():
        raise MemoryError

    at_step(24, fail)
    assert run(RING).code == cli.FAILURES
    assert run(RING).code == cli.OK
    assert attempts(only_folder(Path("runs"))) == [("oom", None), ("ok", 0.64)]
    assert_same(only_folder(Path("runs")), whole)


def test_a_divergence_after_a_resume_is_the_unbroken_ones(run, at_step):
    command = RING + " --set vanilla.lr=1e30"
    assert run(command + " --output whole").code == cli.FAILURES
    at_step(4, send(signal.SIGTERM))
    assert run(command).code == 143
    assert run(command).code == cli.FAILURES
    assert attempts(only_folder(Path("runs")))[1] == ("diverged", pytest.approx(5 * 0.032))
    reasons = [set(results.load(store)["reason"]) for store in ("runs", "whole")]
    assert reasons[0] == reasons[1]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1  # in the tensors: only the checksum can tell
    path.write_bytes(content)


def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_is_taken(run, at_step, whole):
    at_step(24, send(signal.SIGTERM))
    run(RING)
    folder = only_folder(Path("runs"))
    newest, before = "checkpoint-000000025.safetensors", "checkpoint-000000020.safetensors"
    assert checkpoints(folder) == [before, newest]
    damage(folder / newest)
    done = run(RING)
    assert done.code == cli.OK
    assert (
        f"warning: The checkpoint {folder.relative_to(Path())}/{newest} is damaged: its checksum is wrong; "
        f"it was set aside as {newest}.damaged, and the cell goes on from {before}."
    ) in done.err
    assert (folder / f"{newest}.damaged").is_file()
    assert attempts(folder) == [("killed", None), ("ok", 0.64)]
    assert_same(folder, whole)


@slow
def test_without_a_good_one_it_is_trained_anew(run, at_step, whole):
    at_step(24, send(signal.SIGTERM))
    run(RING)
    folder = only_folder(Path("runs"))
    for name in checkpoints(folder):
        damage(folder / name)
    done = run(RING)
    assert done.code == cli.OK
    assert done.err.count("and the cell is trained anew.") == 2
    assert attempts(folder) == [("killed", None), ("ok", None)]
    assert_same(folder, whole)


def test_one_that_cannot_be_read_for_now_is_neither_set_aside_nor_trained_over(
    run, at_step, monkeypatch, whole
):
    at_step(24, send(signal.SIGTERM))
    run(RING)
    folder = only_folder(Path("runs"))
    before = checkpoints(folder)

    def gone(*_, **__):
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    with monkeypatch.context() as patch:
        patch.setattr("gans.checkpoint.safe_open", gone)
        done = run(RING)
    assert done.code == cli.FAILURES
    assert f"cannot be read: {os.strerror(errno.ESTALE)}." in done.err
    assert checkpoints(folder) == before
    assert run(RING).code == cli.OK
    assert attempts(folder)[-1] == ("ok", pytest.approx(25 * 0.032))
    assert_same(folder, whole)


def test_one_of_another_training_is_refused_with_what_differs_until_it_is_gone(run, at_step, whole):
    for command in (RING, RING.replace("hidden_d=8", "hidden_d=9") + " --seeds 1 --output other"):
        at_step(15, send(signal.SIGTERM))
        run(command)
    folder, name = only_folder(Path("runs")), "checkpoint-000000016.safetensors"
    mine = (folder / name).read_bytes()
    (folder / name).write_bytes((only_folder(Path("other")) / name).read_bytes())
    for _ in range(2):
        done = run(RING)
        assert done.code == cli.FAILURES
        assert f"The checkpoint {folder.relative_to(Path())}/{name} is of another training: " in done.err
        assert "settings.seed is 1 in it and 0 now; " in done.err
        assert "variant.network.hidden_d is [9] in it and [8] now. " in done.err
        assert "Move it away, or train anew by --rerun." in done.err
    (folder / name).write_bytes(mine)
    assert run(RING).code == cli.OK
    assert attempts(folder)[-1] == ("ok", pytest.approx(16 * 0.032))  # what failed in between did not train
    assert_same(folder, whole)


@slow
def test_a_finished_one_of_another_training_is_not_scored(run):
    for command in (RING, RING + " --seeds 1 --output other"):
        run(command)
    folder = only_folder(Path("runs"))
    (folder / CHECKPOINT).write_bytes((only_folder(Path("other")) / CHECKPOINT).read_bytes())
    done = run(RING.replace("--samples 200", "--samples 201"))
    assert done.code == cli.FAILURES
    assert "is of another training: settings.seed is 1 in it and 0 now." in done.err
    assert set(results.load(folder)["n_fake"].dropna()) == {200}


def test_rerun_begins_with_nothing(run, at_step, whole):
    at_step(15, send(signal.SIGTERM))
    run(RING)
    folder = only_folder(Path("runs"))
    at_step(6, send(signal.SIGTERM))
    assert run(RING + " --rerun").code == 143
    # That of the attempt before, though it is of a later step, is no part of this training.
    assert checkpoints(folder) == ["checkpoint-000000000.safetensors", "checkpoint-000000007.safetensors"]
    assert run(RING).code == cli.OK
    assert attempts(folder) == [("killed", None), ("killed", None), ("ok", pytest.approx(7 * 0.032))]
    assert_same(folder, whole)


@pytest.mark.parametrize("lost", [pytest.param("rows of the attempt", marks=slow), "a new beginning"])
def test_a_checkpoint_whose_rows_do_not_count_is_of_no_use(lost, run, at_step, whole):
    at_step(24, send(signal.SIGTERM))
    run(RING)
    folder = only_folder(Path("runs"))
    if lost == "a new beginning":  # a --rerun that was killed before it removed anything
        header = {"variant": "vanilla", "dataset": "ring8", "trained": True}
        (training_id,) = set(results.load(folder)["training_id"])
        results.Journal.open(folder, header | {"training_id": training_id}).close()
    else:
        (folder / "rows-000.jsonl").unlink()
    assert run(RING).code == cli.OK
    assert attempts(folder)[-1] == ("ok", None)
    assert_same(folder, whole)


@pytest.mark.parametrize("keep", [pytest.param(1, marks=slow), 2, pytest.param(4, marks=slow)])
def test_as_many_are_kept_as_asked_the_final_one_among_them(keep, run, monkeypatch):
    save, most = gans.save_checkpoint, []

    def counted(path, *arguments, **named):
        save(path, *arguments, **named)
        most.append(len(checkpoints(path.parent)))

    monkeypatch.setattr(gans, "save_checkpoint", counted)
    assert run(f"{RING} --keep-checkpoints {keep}").code == cli.OK
    steps = [f"checkpoint-{step:09d}.safetensors" for step in (0, 10, 20, 30)]
    assert checkpoints(only_folder(Path("runs"))) == [*steps, CHECKPOINT][-keep:]
    assert max(most) == keep + 1  # the new one is whole before the oldest goes


def test_one_is_saved_after_as_many_seconds_as_asked_by_a_clock_that_nobody_sets(run, monkeypatch):
    now, saved, save = [0.0], [], gans.save_checkpoint
    training = bench.training.TrainingProgress.training

    def a_minute_later(*arguments):
        now[0] += 60
        training(*arguments)

    def noted(path, state, *arguments, **named):
        saved.append(int(state["progress.steps"]))
        save(path, state, *arguments, **named)

    monkeypatch.setattr(bench.training.TrainingProgress, "training", a_minute_later)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(gans, "save_checkpoint", noted)
    command = RING.replace(" --eval-every 0.32", "")
    assert run(command + " --checkpoint-every 100 --quiet").code == cli.OK
    assert saved == [20, 40]  # after two windows of 10 steps and 60 s, and at the end
