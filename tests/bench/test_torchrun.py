"""One run by several processes, as the user starts it: its rows, and what becomes of one that dies."""

import contextlib
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import bad_variants
import pytest
from commands import VANILLA, learned, only_folder
from under_torchrun import alive, finish, finish_served, ranks_of, start, wait_until

import bench.evaluate
import bench.run
import gans
import results
from bench import cli
from bench.team import Team
from bench.todo import CHECKPOINT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")

LONG = (
    "bench.run --variants vanilla --set hidden_g=8 --set hidden_d=8 --kimg 100000 --metrics none --device cpu"
)
SCORED = "--metrics fid,is,kid,parzen --samples 1200"  # three chunks of the sampler: uneven among 2


@pytest.mark.parametrize("by", ["a stand-in", pytest.param("torchrun", marks=pytest.mark.slow)])
def test_two_processes_leave_what_one_does(by, run, vanilla_store, processes):
    """One journal, one checkpoint, the same id."""
    if by == "torchrun":
        finish(f"bench.run {VANILLA}", 2)
    else:
        finish_served(processes, f"bench.run {VANILLA}", 2)
    folder, whole = only_folder(Path("runs")), only_folder(vanilla_store)
    assert folder.name == whole.name
    assert (folder / CHECKPOINT).is_file()
    ours, theirs = learned(folder), learned(whole)
    assert all(ours[k].equal(theirs[k]) for k in theirs if not theirs[k].is_floating_point())
    # float32 sums in another order, 4 steps of 2e-4 each: a step more or less would be a hundred times that.
    assert max(float((ours[k] - theirs[k]).abs().max()) for k in theirs if "weight" in k) < 2e-6
    rows = results.load("runs")
    assert set(rows["processes"]) == {2}
    assert set(rows["outcome"]) == {"ok"}
    assert results.load(vanilla_store)["processes"].isna().all()
    assert run(VANILLA).code == cli.OK  # it is done, whatever the number of processes
    assert len(results.load("runs")) == len(rows)


@pytest.mark.parametrize("command", ["bench.throughput", "bench.report"])
def test_other_commands_are_for_one_process(command, monkeypatch, capsys):
    for name in cli.TORCHRUN:
        monkeypatch.setenv(name, "2")
    assert cli.call(lambda _: pytest.fail("it has begun"), []) == cli.BAD
    assert "Under torchrun there are bench.run and bench.evaluate" in capsys.readouterr().err


def torchrun_says(monkeypatch, **variables: str) -> None:
    of_all = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost"}
    for name, value in ({**of_all, "MASTER_PORT": "1", **variables}).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("rank", ["0", "1"])
def test_what_is_wrong_with_the_command_line_is_said_once(rank, monkeypatch, capsys):
    torchrun_says(monkeypatch, RANK=rank)
    for arguments in (["--kimg", "x"], ["--jobs", "2"], ["--launcher", "local"]):
        with pytest.raises(SystemExit) if rank == "1" else contextlib.nullcontext() as left:
            assert cli.call(bench.run.main, arguments, distributed=True) == cli.BAD
        assert left is None or left.value.code == cli.BAD
        assert capsys.readouterr().err.count("error: ") == (rank == "0")


def test_processes_that_do_not_meet_are_a_sentence(monkeypatch, capsys):
    torchrun_says(monkeypatch, RANK="1")  # at a port that nobody listens at
    monkeypatch.setattr("bench.team.end_with_parent", lambda: None)
    command = f"{VANILLA} --process-timeout 1".split()
    assert cli.call(bench.run.main, command, distributed=True) == cli.BAD
    said = capsys.readouterr().err
    assert "error: The 2 processes of $WORLD_SIZE have not met at localhost:1 (" in said
    assert "unset that variable" in said


def test_a_world_of_another_making_is_none(monkeypatch):
    torchrun_says(monkeypatch, WORLD_SIZE="all of it")
    assert not cli.under_torchrun()


def test_a_refusal_in_a_step_may_be_of_one_process_alone():
    team = Team(Silent(), None, 1)
    refusal = gans.VariantError("no")
    team.tell("begin", cell="")
    assert team.explained(refusal) is refusal
    assert not team.broken
    team.tell("train", until=1)
    assert not team.is_of_all(refusal)
    assert team.is_of_all(gans.Diverged(1, "A loss"))
    assert team.explained(refusal) is refusal
    assert team.broken


class Silent:
    """torchrun's key-value store, in which nobody has said anything."""

    def set(self, *_):
        pass

    def check(self, _):
        return False


def test_an_evaluation_whose_processes_are_lost_ends_with_a_sentence(monkeypatch, capsys):
    team = Team(Silent(), SimpleNamespace(rank=0), 7)

    def loses(*_):
        raise RuntimeError("[gloo] Timed out waiting 7000ms for recv operation to complete")

    monkeypatch.setattr("bench.evaluate.join", lambda *_: team)
    monkeypatch.setattr("bench.evaluate._run", loses)
    assert cli.call(bench.evaluate.main, ["--real", "digits"], distributed=True) == cli.FAILURES
    assert capsys.readouterr().err.startswith(
        "error: Another process of the run has not answered for the 7 s"
    )


@pytest.mark.slow  # half a minute
def test_scores_of_a_checkpoint_do_not_depend_on_how_many_score_it(run):
    assert run(VANILLA.replace("--metrics parzen --samples 16", "--metrics none")).code == cli.OK
    checkpoint = only_folder(Path("runs")) / CHECKPOINT
    found = []
    for processes in (1, 2, 3):
        finish(f"bench.evaluate --fake {checkpoint} --real digits {SCORED} --device cpu --quiet", processes)
        frame = results.read_run(checkpoint.parent)
        newest = frame[frame["attempt"] == frame["attempt"].max()]
        assert set(newest["n_fake"]) == {1200}
        found.append(newest.set_index("metric")["value"].to_dict())
    # Samples and features are the same bits; sums of them are rank 0's alone.
    assert found[0] == found[1] == found[2]


@pytest.mark.slow  # a minute
def test_killed_with_two_processes_gone_on_with_one_and_with_three(run):
    torchrun = start(f"{LONG} --checkpoint-every 1", 2)
    wait_until(lambda: list(Path("runs").glob("*/checkpoint-*.safetensors")))
    torchrun.terminate()
    torchrun.communicate(timeout=60)
    rows = results.load("runs", every_attempt=True)
    assert rows["reason"].iloc[-1] == "Stopped by SIGTERM."
    stopped = rows["kimg"].max()
    short = LONG.removeprefix("bench.run ").replace("--metrics none", "--metrics none --timeout 5")
    assert run(short).code == cli.FAILURES
    torchrun = start(f"bench.run {short}", 3)
    torchrun.communicate(timeout=120)
    rows = results.load("runs", every_attempt=True).drop_duplicates("attempt")
    assert rows["outcome"].tolist() == ["killed", "timeout", "timeout"]
    assert rows["processes"].fillna(1).tolist() == [2, 1, 3]
    assert rows["resumed_kimg"].iloc[1] == stopped
    assert rows["resumed_kimg"].iloc[2] > stopped


@pytest.mark.slow  # half a minute each
@pytest.mark.parametrize(
    ("number", "says"), [(signal.SIGKILL, "has ended"), (signal.SIGSTOP, "has not answered for the 5 s")]
)
def test_a_process_that_dies_or_hangs_is_a_failed_row_and_leaves_no_other(number, says):
    torchrun = start(f"{LONG} --process-timeout 5 --checkpoint-every 1", 2)
    wait_until(lambda: list(Path("runs").glob("*/checkpoint-*.safetensors")))
    ranks = ranks_of(torchrun)
    os.kill(ranks[1], number)
    torchrun.communicate(timeout=120)
    assert torchrun.returncode == cli.FAILURES
    wait_until(lambda: not any(map(alive, ranks.values())))
    last = results.load("runs", every_attempt=True).iloc[-1]
    assert last["outcome"] == "killed"
    assert says in last["reason"]


@pytest.mark.slow  # half a minute
def test_what_one_process_fails_of_is_said_though_torchrun_ends_the_others(tmp_path, monkeypatch):
    bad_variants.install(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{Path(__file__).parent}")
    torchrun = start(f"bench.run {VANILLA.replace('vanilla', 'fail_elsewhere,vanilla', 1)}", 2)
    out, err = torchrun.communicate(timeout=300)
    reason = "Process 1: VariantError: Five samples are too few."
    assert f"error  fail_elsewhere on digits, seed 0: {reason}" in out
    assert "0/1: 1 error" in out
    assert "Stopped by" not in err
    assert results.load("runs")["reason"].unique().tolist() == [reason]


@pytest.mark.slow  # a quarter of a minute
def test_a_batch_smaller_than_the_processes_is_a_sentence():
    torchrun = start(f"bench.run {VANILLA} --batch-size 1", 2)
    out, err = torchrun.communicate(timeout=300)
    assert out == ""
    assert err.count("error: A batch of 1 cannot be shared by 2 processes.") == 1
    assert "exitcode  : 2" in err


@pytest.mark.slow  # half a minute
def test_processes_end_when_torchrun_is_killed():
    torchrun = start(f"{LONG} --checkpoint-every 1", 2)
    wait_until(lambda: list(Path("runs").glob("*/checkpoint-*.safetensors")))
    ranks = ranks_of(torchrun)
    torchrun.kill()
    torchrun.communicate(timeout=60)
    wait_until(lambda: not any(map(alive, ranks.values())))
    assert results.load("runs", every_attempt=True)["outcome"].iloc[-1] == "killed"
