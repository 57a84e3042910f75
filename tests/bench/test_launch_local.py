"""`--launcher local`: whatever becomes of a cell's process, the launch knows it and goes on."""

import os
import signal
import threading
import time
from pathlib import Path

import bad_variants
import pytest
from commands import VANILLA, only_folder
from served import Served

import results
from bench import cli
from bench.launch import cell_process, child
from bench.launch.oom_killer import OomKills

BAD = VANILLA.replace("--variants vanilla", "--variants {},vanilla") + " --launcher local"


@pytest.fixture(autouse=True)
def quick_processes(processes, monkeypatch, tmp_path):
    """Cells' processes start from one that has imported torch, and know the bad variants."""
    bad_variants.offer(monkeypatch, *bad_variants.DEEDS)  # before this process could find them installed
    bad_variants.install(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(child, "Popen", lambda command, **_: Served(processes, command))


def outcomes() -> dict[str, str]:
    frame = results.load("runs").drop_duplicates("variant")
    return dict(zip(frame["variant"], frame["outcome"], strict=True))


def reason(variant: str) -> str:
    frame = results.load("runs")
    return frame.loc[frame["variant"] == variant, "reason"].iloc[0]


def test_what_a_cell_leaves_is_what_it_leaves_in_the_launchs_process(run, vanilla_store):
    done = run(VANILLA + " --launcher local")
    assert done.code == cli.OK
    mine, theirs = only_folder(Path("runs")), only_folder(vanilla_store)
    assert mine.name == theirs.name
    frames = [results.load(folder).set_index("metric") for folder in (mine, theirs)]
    parzen = [frame.loc["parzen", ["value", "uncertainty", "protocol_hash"]].tolist() for frame in frames]
    assert parzen[0] == parzen[1]
    again = run(VANILLA + " --launcher local")
    assert "is done already" in again.err


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("crash", "Its process was ended by SIGSEGV."),
        ("end_the_process", "Its process ended with exit code 7 without sealing its rows."),
    ],
)
def test_a_process_that_dies_is_a_row_with_what_it_had_trained(deed, said, run):
    done = run(BAD.format(deed) + " --eval-every 0.064")
    assert done.code == cli.FAILURES
    assert outcomes() == {deed: "killed", "vanilla": "ok"}
    assert reason(deed) == said
    (killed,) = Path("runs").glob(f"*-{deed}-*")
    assert not list(killed.glob("journal-*"))
    assert f"{deed} on digits, seed 0  killed: {said}" in done.err


def test_a_failure_in_the_process_is_told_once(run):
    done = run(BAD.format("fail"))
    assert done.code == cli.FAILURES
    assert outcomes() == {"fail": "error", "vanilla": "ok"}
    assert done.out.count("the widget is loose") == 1


@pytest.mark.slow
def test_what_hangs_is_ended_when_its_time_is_over(run, monkeypatch):
    # The row says how long it was waited for; the process could have ended itself in that time.
    monkeypatch.setattr(cell_process, "OVER_SEC", 0.5)
    done = run(BAD.format("hang") + " --timeout 3")
    assert done.code == cli.FAILURES
    assert outcomes()["hang"] == "timeout"
    assert reason("hang") == "Its process had not ended 0.5 s after the 3 s of --timeout."


def test_a_store_that_cannot_be_written_ends_the_launch(run):
    done = run(BAD.format("find_no_space"))
    assert done.code == cli.BAD
    *_, last = done.err.splitlines()
    assert last.startswith("error: Cannot write to runs/digits-find_no_space-")
    assert last.endswith(": No space left on device; what was measured is kept.")
    assert outcomes() == {"find_no_space": "killed"}  # and the next one was not begun


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_the_launch_is_told_to_the_cell_once(signum, code, run, monkeypatch):
    before = signal.signal(signum, signal.default_int_handler)  # ignored below a script's `&`

    def when_it_trains() -> None:
        while not list(Path("runs").glob("*/history.csv")):
            time.sleep(0.02)
        os.kill(os.getpid(), signum)

    thread = threading.Thread(target=when_it_trains)
    thread.start()
    try:
        done = run(VANILLA + " --kimg 100000 --launcher local")
    finally:
        thread.join()
        signal.signal(signum, before)
    assert done.code == code
    assert done.err.count("the same command goes on from there") == 1
    assert outcomes() == {"vanilla": "killed"}
    assert list(only_folder(Path("runs")).glob("checkpoint-*.safetensors"))


def test_the_kernels_killer_is_known_by_its_counters(tmp_path, monkeypatch):
    for name, path in (("OWN_CGROUPS", "own"), ("CGROUPS", "cgroups"), ("VMSTAT", "vmstat")):
        monkeypatch.setattr(f"bench.launch.oom_killer.{name}", tmp_path / path)
    assert OomKills.now().since() == ""  # nothing can be read: nothing is claimed
    (tmp_path / "vmstat").write_text("nr_free_pages 5\noom_kill 3\n")
    (tmp_path / "own").write_text("4:memory:/host/path\n0::/job\n")
    (tmp_path / "cgroups" / "memory").mkdir(parents=True)
    one = tmp_path / "cgroups" / "memory" / "memory.oom_control"  # in a container: at the top
    one.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n")
    kills = OomKills.now()
    assert kills == OomKills(of_cgroup=7, of_machine=3)
    assert kills.since() == ""
    (tmp_path / "vmstat").write_text("nr_free_pages 5\noom_kill 4\n")
    assert kills.since().startswith("most likely by the kernel's out-of-memory killer")
    one.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 8\n")
    assert kills.since().startswith("by the kernel's out-of-memory killer")
    assert cell_process.death(-signal.SIGKILL, None, kills)[0] == "oom"
    assert cell_process.death(-signal.SIGSEGV, None, kills) == ("killed", "Its process was ended by SIGSEGV.")


def test_the_second_version_of_control_groups(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.launch.oom_killer.OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr("bench.launch.oom_killer.CGROUPS", tmp_path)
    (tmp_path / "own").write_text("0::/job\n")
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "memory.events").write_text("low 0\noom 1\noom_kill 2\noom_group_kill 0\n")
    assert OomKills.now().of_cgroup == 2
