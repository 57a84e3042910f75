"""Does `bench.gate` stay silent on unchanged code, and catch and name a path that is 30 % slower?

    python tests/perf/prove_gate.py --output proof --baseline-sessions 15
    python tests/perf/prove_gate.py --output proof

The first line makes sessions of unchanged code, each a process of its own, and the baselines in
tests/perf/baselines from them. The second judges others by those: 40 of unchanged code and 20 in which one
path does 30 % more work, another path each time; one of those follows two of these. It prints a line a
session, and the counts. Sessions that lie in the output folder already are not made again, so that an
interrupted proof goes on where it was. Run it on the machine as it is, busy or not; from the repository's
root.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.baselines import read_baselines
from bench.gate import FOLDER, judge
from bench.perf_session import read_session

HERE = Path(__file__).parent
PATHS = ("d_step", "features", "frechet", "g_step", "parzen", "report", "sampling", "store_load")


def make_session(path, slow_path=None):
    """Run the hot paths in a process of their own; `path` is there when they have ended."""
    if path.exists():
        return
    unfinished = path.with_suffix(".unfinished")
    command = [sys.executable, "-m", "pytest", "-q", "-m", "perf", str(HERE / "hot_paths")]
    command.append(f"--benchmark-json={unfinished}")
    if slow_path:
        command += ["-p", "slow_path", "--slow-path", slow_path]
    folders = (str(Path.cwd()), str(HERE), os.environ.get("PYTHONPATH", ""))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"{path.name} failed:\n{ended.stdout}{ended.stderr}")
    unfinished.rename(path)


def verdict_of(path):
    """Names of the paths that are called slower, and the slowest rise over the baselines with its name."""
    session = read_session(path)
    baselines = read_baselines(FOLDER, session.machine)
    if baselines is None:
        sys.exit(f"There are no baselines for this machine in {FOLDER}: make them by --baseline-sessions.")
    judged = judge(session, baselines)
    slower = [j.name for j in judged if j.verdict in ("slower", "missing", "too few rounds")]
    rises = {j.name: j.now.low / j.baseline.allowed for j in judged if j.now and j.baseline}
    nearest = max(rises, key=rises.get)
    return slower, f"nearest to its limit: {nearest}, {rises[nearest]:.3f} of it"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="folder of the sessions")
    parser.add_argument("--baseline-sessions", type=int, metavar="N", help="make baselines from so many")
    parser.add_argument("--unchanged", type=int, default=40, help="sessions of unchanged code (default 40)")
    parser.add_argument("--pause", type=float, default=5, help="seconds between sessions (default 5)")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)

    if options.baseline_sessions:
        sessions = [options.output / f"baseline-{i:02}.json" for i in range(options.baseline_sessions)]
        for path in sessions:
            make_session(path)
            time.sleep(options.pause)
        update = ["-m", "bench.gate", "--update", *map(str, sessions)]
        sys.exit(subprocess.run([sys.executable, *update], check=False).returncode)

    false_alarms, slowed, caught, named_alone = 0, 0, 0, 0
    for i in range(options.unchanged):
        path = options.output / f"unchanged-{i:02}.json"
        make_session(path)
        slower, nearest = verdict_of(path)
        false_alarms += bool(slower)
        print(
            f"unchanged {i:2}: {'slower: ' + ', '.join(slower) if slower else 'silent'}; {nearest}",
            flush=True,
        )
        time.sleep(options.pause)
        if i % 2:
            name = PATHS[slowed % len(PATHS)]
            path = options.output / f"slowed-{slowed:02}-{name}.json"
            make_session(path, name)
            slower, nearest = verdict_of(path)
            slowed += 1
            caught += name in slower
            named_alone += slower == [name]
            print(
                f"{name} slowed: {'slower: ' + ', '.join(slower) if slower else 'silent'}; {nearest}",
                flush=True,
            )
            time.sleep(options.pause)
    print(f"\nunchanged sessions: {options.unchanged}, false alarms: {false_alarms}")
    print(f"slowed sessions: {slowed}, caught and named: {caught}, with no other path named: {named_alone}")


if __name__ == "__main__":
    main()
