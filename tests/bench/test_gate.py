"""`bench.gate` on sessions made up here: verdicts, exit codes, sentences, margins."""

import json
import random
from pathlib import Path

import pytest

import bench.gate
from bench import cli
from bench.baselines import FLOOR, calibrate
from bench.gate import judge
from bench.machine_class import file_name, machine_class
from bench.perf_session import extra_info, machine_info, read_session
from bench.timing import Timing, ratio_of

PATHS = {"d_step": 0.9, "parzen": 1.5, "report": 5.0}
ROUNDS = 60


def write_session(path, paths=PATHS, *, seed=0, rounds=ROUNDS, scatter=0.01, machine=None, others=()):
    """A file like pytest-benchmark's: noise of 5 % in each round, and of `scatter` between sessions."""
    source = random.Random(seed)
    entries = []
    for name, ratio in paths.items():
        plain = [source.lognormvariate(-5, 0.3) for _ in range(rounds)]
        level = ratio * source.lognormvariate(0, scatter)
        path_sec = [level * sec * source.lognormvariate(0, 0.05) for sec in plain]
        timings = (Timing(seconds=tuple(s), warmup=3, steady=True, first_sec=1.0) for s in (path_sec, plain))
        entries.append({"name": f"test_{name}", "extra_info": extra_info(ratio_of(*timings))})
    entries += [{"name": name, "extra_info": {}} for name in others]
    info = machine_info()
    if machine is not None:
        info = {name: value | machine for name, value in info.items()}
    path.write_text(
        json.dumps({"machine_info": info, "benchmarks": entries, "commit_info": {"id": "c0ffee"}})
    )
    return path


def sessions(folder, n=15, **how):
    folder.mkdir(exist_ok=True)
    return [write_session(folder / f"{i}.json", seed=i, **how) for i in range(n)]


@pytest.fixture
def gate(run, tmp_path):
    """Run the gate with baselines of 15 sessions."""
    made = " ".join(map(str, sessions(tmp_path / "made")))
    done = run(f"{made} --update --baselines {tmp_path / 'baselines'}", bench.gate.main)
    assert done.code == cli.OK, done.err

    def run_gate(session, more=""):
        return run(f"{session} --baselines {tmp_path / 'baselines'} {more}", bench.gate.main)

    return run_gate


def test_unchanged_code_passes(gate, tmp_path):
    done = gate(write_session(tmp_path / "now.json", seed=99))
    assert (done.code, done.err) == (cli.OK, "")
    assert done.out.endswith("No path is shown to be slower than its margin allows.\n")
    row = next(line for line in done.out.splitlines() if line.startswith("parzen"))
    *_, baseline, allowed, verdict = row.split()
    assert verdict == "ok"
    assert float(baseline) == pytest.approx(1.5, rel=0.02)
    assert float(allowed) == pytest.approx(FLOOR * float(baseline), abs=0.002)


def test_a_slower_path_is_named(gate, tmp_path):
    slow = PATHS | {"parzen": PATHS["parzen"] * 1.3}
    done = gate(write_session(tmp_path / "now.json", slow, seed=99))
    assert done.code == cli.FAILURES
    assert "Slower than allowed: parzen (1." in done.out
    verdicts = {line.split()[0]: line.split()[-1] for line in done.out.splitlines() if line}
    assert (verdicts["d_step"], verdicts["parzen"], verdicts["report"]) == ("ok", "slower", "ok")


def test_a_renamed_benchmark_fails_and_both_names_are_told(gate, tmp_path):
    only_renamed = {name: value for name, value in PATHS.items() if name != "parzen"} | {
        "parzen_window": 60.0
    }
    done = gate(write_session(tmp_path / "now.json", only_renamed, seed=1))
    assert done.code == cli.FAILURES
    assert "Missing, or renamed: parzen." in done.out
    assert "Without a baseline, so not compared: parzen_window." in done.out


def test_a_new_benchmark_is_named_and_the_rest_compared(gate, tmp_path):
    done = gate(write_session(tmp_path / "now.json", PATHS | {"new": 1.0}))
    assert done.code == cli.OK
    assert "Without a baseline, so not compared: new." in done.out


def test_benchmarks_that_are_no_hot_paths_are_left_alone(gate, tmp_path):
    done = gate(write_session(tmp_path / "now.json", others=("test_peers",)))
    assert done.code == cli.OK
    assert "peers" not in done.out


def test_much_faster_is_told(gate, tmp_path):
    done = gate(write_session(tmp_path / "now.json", PATHS | {"report": 2.0}))
    assert done.code == cli.OK
    assert "Faster by more than the margin: report." in done.out


def test_an_interval_around_the_limit_is_unclear_and_passes(gate, tmp_path):
    done = gate(write_session(tmp_path / "now.json", PATHS | {"d_step": 0.9 * FLOOR}, rounds=10, scatter=0))
    assert done.code == cli.OK
    assert "Unclear, as the interval reaches beyond what is allowed: d_step" in done.out


def test_too_few_rounds_are_not_measured(gate, tmp_path):
    done = gate(write_session(tmp_path / "now.json", rounds=7))
    assert done.code == cli.BAD
    assert "Not measured, with too few rounds for an interval: d_step, parzen, report." in done.out


def test_another_class_of_machines_is_not_measured(gate, tmp_path):
    done = gate(write_session(tmp_path / "now.json", machine={"torch": "9.9"}))
    assert (done.code, done.out) == (cli.BAD, "")
    assert done.err.startswith("error: Not measured: ")
    assert done.err.count("\n") == 1
    assert "torch 9.9" in done.err
    assert "bench.gate --update SESSION.json" in done.err


def test_nothing_in_common_is_not_measured_but_missing(gate, tmp_path):
    assert gate(write_session(tmp_path / "now.json", {"new": 1.0})).code == cli.FAILURES


def broken(text):
    return lambda path: path.write_text(text)


def without_times(path):
    content = json.loads(write_session(path).read_text())
    content["benchmarks"][0]["extra_info"]["path"]["seconds"] = []
    path.write_text(json.dumps(content))


def a_time_of_nothing(path):
    content = json.loads(write_session(path).read_text())
    content["benchmarks"][0]["extra_info"]["plain"]["seconds"][3] = 0.0
    path.write_text(json.dumps(content))


def a_time_that_is_no_number(path):
    content = json.loads(write_session(path).read_text())
    content["benchmarks"][0]["extra_info"]["path"]["seconds"][3] = float("nan")
    path.write_text(json.dumps(content))


def another_versions_class(path):
    content = json.loads(write_session(path).read_text())
    del next(iter(content["machine_info"].values()))["clock"]
    path.write_text(json.dumps(content))


def half_a_round(path):
    content = json.loads(write_session(path).read_text())
    content["benchmarks"][0]["extra_info"]["plain"]["seconds"].pop()
    path.write_text(json.dumps(content))


def twice(path):
    content = json.loads(write_session(path).read_text())
    content["benchmarks"] *= 2
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "Cannot read the session"),
        (broken('{"benchmarks": [{'), "is damaged: it is not JSON"),
        (broken(""), "is damaged: it is not JSON"),
        (broken("[]"), "is damaged or no session"),
        (broken('{"machine_info": {}, "benchmarks": []}'), "No hot path was timed"),
        (lambda path: write_session(path, {}), "No hot path was timed"),
        (without_times, "is damaged or no session"),
        (a_time_of_nothing, "is damaged or no session"),
        (a_time_that_is_no_number, "is damaged or no session"),
        (another_versions_class, "is damaged or no session"),
        (half_a_round, "is damaged or no session"),
        (twice, "d_step stands in"),
    ],
)
def test_a_session_that_says_nothing_is_not_measured(gate, tmp_path, make, sentence):
    make(tmp_path / "now.json")
    done = gate(tmp_path / "now.json")
    assert (done.code, done.out) == (cli.BAD, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert sentence in done.err


def test_no_baselines_at_all(run, tmp_path):
    done = run(f"{write_session(tmp_path / 'now.json')}", bench.gate.main)
    assert done.code == cli.BAD
    assert "has no baselines for this class of machines" in done.err


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', '{"format": 9}'])
def test_damaged_baselines_are_not_measured(gate, tmp_path, content):
    (tmp_path / "baselines" / file_name(machine_class())).write_text(content)
    done = gate(write_session(tmp_path / "now.json"))
    assert done.code == cli.BAD
    assert "are damaged or another version's" in done.err


def test_several_sessions_are_for_update(gate, tmp_path):
    done = gate(f"{write_session(tmp_path / 'a.json')} {write_session(tmp_path / 'b.json')}")
    assert done.code == cli.BAD
    assert "several are for --update" in done.err


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"machine": {"torch": "9.9"}}, "different classes of machines"),
        ({"paths": {"d_step": 0.9}}, "only one has parzen, report"),
        ({"rounds": 5}, "too few rounds"),
    ],
)
def test_sessions_that_make_no_baselines(run, tmp_path, how, sentence):
    made = [*sessions(tmp_path / "made", 5), write_session(tmp_path / "odd.json", **how)]
    done = run(f"--update {' '.join(map(str, made))}", bench.gate.main)
    assert done.code == cli.BAD
    assert sentence in done.err
    assert not Path("tests").exists()


def test_few_sessions_make_no_baselines(run, tmp_path):
    done = run(f"--update {' '.join(map(str, sessions(tmp_path / 'made', 4)))}", bench.gate.main)
    assert done.code == cli.BAD
    assert "at least 5 sessions" in done.err


def test_update_says_which_margins_let_30_percent_pass(run, tmp_path):
    made = sessions(tmp_path / "made", scatter=0.08)
    done = run(f"--update {' '.join(map(str, made))} --baselines {tmp_path / 'b'}", bench.gate.main)
    assert done.code == cli.OK
    assert "These scatter so much that 30 % slower may pass: d_step, parzen, report." in done.out
    assert "15 sessions" in done.out


@pytest.mark.parametrize(("scatter", "least", "most"), [(0.001, FLOOR, FLOOR), (0.05, 1.15, 1.6)])
def test_margins_follow_the_scatter_of_sessions(tmp_path, scatter, least, most):
    """3.7 standard deviations of a normal distribution, somewhat more for knowing them from 15 sessions."""
    read = [read_session(path) for path in sessions(tmp_path / "made", scatter=scatter)]
    baselines = calibrate(read)
    assert (baselines.sessions, baselines.commit) == (15, "c0ffee")
    assert all(least <= baseline.margin <= most for baseline in baselines.benchmarks.values())


def test_forty_unchanged_and_twenty_slowed_sessions(tmp_path):
    """By simulation, with the noise of a busy machine: what the proof shows on a real one."""
    baselines = calibrate([read_session(path) for path in sessions(tmp_path / "made", scatter=0.02)])

    def slower(paths, seed):
        session = read_session(write_session(tmp_path / "now.json", paths, seed=seed, scatter=0.02))
        return [judged.name for judged in judge(session, baselines) if judged.verdict == "slower"]

    assert [slower(PATHS, 1000 + i) for i in range(40)] == [[]] * 40
    names = [list(PATHS)[i % 3] for i in range(20)]
    caught = [slower(PATHS | {name: 1.3 * PATHS[name]}, 2000 + i) for i, name in enumerate(names)]
    assert sum(found == [name] for found, name in zip(caught, names, strict=True)) >= 19
