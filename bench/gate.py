"""Has a hot path got slower than its baseline?

    python -m pytest -m perf tests/perf/hot_paths --benchmark-json=s.json && python -m bench.gate s.json

Each benchmark is a path's time as a multiple of plain code's for the same work, timed in the same rounds, so
that it depends little on how fast or busy the machine is. It fails when the lower end of the 99 % interval of
that multiple passes the baseline by more than the benchmark's own margin, and when it is missing: renaming
must not hide anything. Exit codes: 0 nothing has got slower, 1 something has or is missing, 2 not measured.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench import cli
from bench.baselines import Baseline, Baselines, calibrate, read_baselines
from bench.errors import InputError
from bench.machine_class import in_words
from bench.medians import PairedTiming
from bench.perf_session import Session, read_session
from bench.plain_table import plain_table

FOLDER = Path("tests/perf/baselines")

COARSE = 1.25
"""A margin beyond which a slowdown of 30 % may pass: said when baselines are made."""

FAIL = ("slower", "missing")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One benchmark beside its baseline; either may be missing."""

    name: str
    now: PairedTiming | None
    baseline: Baseline | None

    @property
    def verdict(self) -> str:
        """One of: slower, missing, no baseline, too few rounds, unclear, faster, ok."""
        if self.now is None:
            return "missing"
        if self.now.low <= 0:
            return "too few rounds"
        if self.baseline is None:
            return "no baseline"
        if self.now.low > self.baseline.allowed:
            return "slower"
        if self.now.high > self.baseline.allowed:
            return "unclear"
        return "faster" if self.now.high < self.baseline.ratio / self.baseline.margin else "ok"


def judge(session: Session, baselines: Baselines) -> list[Judged]:
    """Every benchmark of either, those of the baselines first."""
    names = [*baselines.benchmarks, *(name for name in session.paths if name not in baselines.benchmarks)]
    return [
        Judged(name=name, now=session.paths.get(name), baseline=baselines.benchmarks.get(name))
        for name in names
    ]


def main(arguments: list[str]) -> int:
    """Compare one session with the baselines, or make baselines of several."""
    parser = cli.Parser(prog="python -m bench.gate", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument(
        "sessions", nargs="+", type=Path, metavar="SESSION.json", help="what pytest --benchmark-json wrote"
    )
    parser.add_argument(
        "--baselines", type=Path, default=FOLDER, metavar="DIR", help=f"where they lie (default {FOLDER})"
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="make baselines from several sessions of the same code, each a process of its own",
    )
    options = parser.parse_args(arguments)
    sessions = [read_session(path) for path in options.sessions]
    if options.update:
        return _update(sessions, options.baselines)
    if len(sessions) > 1:
        raise InputError("One session is compared at a time; several are for --update.")
    (session,) = sessions
    baselines = read_baselines(options.baselines, session.machine)
    if baselines is None:
        raise InputError(
            f"Not measured: {options.baselines} has no baselines for this class of machines "
            f"({in_words(session.machine)}); make them of 15 sessions of code that you trust with "
            "`python -m bench.gate --update SESSION.json …`."
        )
    judged = judge(session, baselines)
    print(f"{_table(judged)}\n\n{in_words(session.machine)}; baselines of {baselines.sessions} sessions.")
    return _conclude(judged)


def _conclude(judged: list[Judged]) -> int:
    by_verdict = {verdict: [j for j in judged if j.verdict == verdict] for verdict in _SENTENCES}
    for verdict, sentence in _SENTENCES.items():
        if found := by_verdict[verdict]:
            print(sentence.format(", ".join(_described(j) for j in found)))
    if any(by_verdict[verdict] for verdict in FAIL):
        return cli.FAILURES
    measured = [j for j in judged if j.now is not None and j.baseline is not None]
    if by_verdict["too few rounds"] or not measured:
        return cli.BAD
    print("No path is shown to be slower than its margin allows.")
    return cli.OK


_SENTENCES = {
    "slower": "Slower than allowed: {}.",
    "missing": "Missing, or renamed: {}. A path that is gone on purpose goes from the baselines by --update.",
    "too few rounds": "Not measured, with too few rounds for an interval: {}.",
    "no baseline": "Without a baseline, so not compared: {}. --update makes one.",
    "unclear": "Unclear, as the interval reaches beyond what is allowed: {}. Time another session.",
    "faster": "Faster by more than the margin: {}. Unless --update says so, getting as slow again will pass.",
}


def _described(judged: Judged) -> str:
    if judged.verdict != "slower" or judged.now is None or judged.baseline is None:
        return judged.name
    return f"{judged.name} ({judged.now.ratio / judged.baseline.ratio:.2f} times its baseline)"


def _table(judged: list[Judged]) -> str:
    rows = []
    for j in judged:
        now = "–" if j.now is None else f"{j.now.ratio:.3f} [{j.now.low:.3f}, {j.now.high:.3f}]"
        milliseconds = "–" if j.now is None else f"{1000 * j.now.target.median_sec:.1f}"
        baseline, allowed = "–", "–"
        if j.baseline is not None:
            baseline, allowed = f"{j.baseline.ratio:.3f}", f"{j.baseline.allowed:.3f}"
        rows.append((j.name, milliseconds, now, baseline, allowed, j.verdict))
    columns = ["benchmark", "ms", "ratio to plain code [99 %]", "baseline", "allowed", "verdict"]
    return plain_table(pd.DataFrame(rows, columns=columns, dtype="string"))


def _update(sessions: list[Session], folder: Path) -> int:
    baselines = calibrate(sessions)
    cli.writable_folder(folder)
    path = baselines.write(folder)
    rows = [
        (name, f"{b.ratio:.3f}", f"{b.scatter:.1%}", f"{b.margin:.3f}", f"{b.allowed:.3f}")
        for name, b in baselines.benchmarks.items()
    ]
    columns = ["benchmark", "ratio", "scatter", "margin", "allowed"]
    print(f"{plain_table(pd.DataFrame(rows, columns=columns, dtype='string'))}\n")
    print(
        f"{path}: {len(rows)} benchmarks of {baselines.sessions} sessions on {in_words(baselines.machine)}."
    )
    if coarse := [name for name, b in baselines.benchmarks.items() if b.margin > COARSE]:
        print(
            f"These scatter so much that 30 % slower may pass: {', '.join(coarse)}. Give more sessions, or "
            "more rounds in tests/perf/hot_paths."
        )
    return cli.OK


if __name__ == "__main__":
    sys.exit(cli.call(main))
