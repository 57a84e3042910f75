"""What the hot paths' ratios were when their code was last declared good, and how much they scatter."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scipy.stats import t as student

from bench.errors import InputError
from bench.machine_class import file_name, in_words
from bench.perf_session import Session
from results.atomic import replacing

FORMAT = 1

MIN_SESSIONS = 5
"""With fewer, Student's quantile is so large that the margin lets anything pass."""

FLOOR = 1.10
"""The least margin. Sessions made one after another scatter less than those of other days, whose memory lies
elsewhere and whose neighbours are others; and a tenth is what the project does not stop a change for."""

FALSE_ALARM = 1e-4
"""How often the lower end of one unchanged benchmark may pass its margin: 40 sessions of 8 benchmarks then
have no false alarm with 97 % probability."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """One benchmark: its ratio, and by what factor the lower end of a later interval may pass it."""

    ratio: float
    """Median over the sessions."""
    margin: float
    """A factor above 1, from the scatter of the sessions' lower ends; at least `FLOOR`."""
    scatter: float
    """Standard deviation of the logarithm of those lower ends."""

    @property
    def allowed(self) -> float:
        """What the lower end may not pass."""
        return self.ratio * self.margin


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """All benchmarks of one class of machines, from a number of sessions of the same code."""

    machine: dict[str, str]
    sessions: int
    commit: str
    benchmarks: dict[str, Baseline]

    def write(self, folder: Path) -> Path:
        """Write them to the file of their class; its path."""
        path = folder / file_name(self.machine)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")
        return path


def calibrate(sessions: Sequence[Session]) -> Baselines:
    """Baselines from repeated sessions of unchanged code, each a process of its own.

    The gate asks whether the lower end of an interval passes ratio × margin. So the margin is what that very
    end stays below but once in 1 / `FALSE_ALARM` sessions: Student's one-sided prediction bound for one more
    session, on the logarithms.

    Raises
    ------
    InputError
        For too few sessions, of several classes of machines, with different benchmarks, or with so few
        rounds that an interval has no lower end.
    """
    first = sessions[0]
    if len(sessions) < MIN_SESSIONS:
        raise InputError(
            f"Baselines need at least {MIN_SESSIONS} sessions, better 15, each a process of its own, for "
            f"margins from how they scatter; {len(sessions)} is too few."
        )
    for other in sessions[1:]:
        if other.machine != first.machine:
            raise InputError(
                f"{first.source} and {other.source} come from different classes of machines: "
                f"{in_words(first.machine)}; {in_words(other.machine)}."
            )
        if different := sorted(other.paths.keys() ^ first.paths.keys()):
            raise InputError(
                f"{first.source} and {other.source} do not hold the same benchmarks: only one has "
                f"{', '.join(different)}."
            )
    return Baselines(
        machine=first.machine,
        sessions=len(sessions),
        commit=first.commit,
        benchmarks={name: _baseline(name, sessions) for name in sorted(first.paths)},
    )


def read_baselines(folder: Path, machine: dict[str, str]) -> Baselines | None:
    """Those of a class of machines; None if the folder has none for it.

    Raises
    ------
    InputError
        If their file is damaged.
    """
    path = folder / file_name(machine)
    try:
        content = json.loads(path.read_bytes())
        if content.pop("format") != FORMAT:
            raise ValueError("another format")
        content["benchmarks"] = {name: Baseline(**value) for name, value in content["benchmarks"].items()}
        baselines = Baselines(**content)
        if baselines.machine != machine:
            raise ValueError("another class of machines")
        if not all(0 < b.ratio < math.inf and 1 < b.margin < math.inf for b in baselines.benchmarks.values()):
            raise ValueError("no ratio or margin")
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"The baselines {path} are damaged or another version's: make them anew by --update."
        ) from error
    return baselines


def _baseline(name: str, sessions: Sequence[Session]) -> Baseline:
    pairs = [session.paths[name] for session in sessions]
    if not all(pair.low > 0 for pair in pairs):
        raise InputError(f"The benchmark {name} has a session with too few rounds for an interval.")
    ratio = statistics.median(pair.ratio for pair in pairs)
    lows = [math.log(pair.low / ratio) for pair in pairs]
    n, scatter = len(lows), statistics.stdev(lows)
    bound = statistics.mean(lows) + student.ppf(1 - FALSE_ALARM, n - 1) * scatter * math.sqrt(1 + 1 / n)
    return Baseline(ratio=ratio, margin=max(FLOOR, math.exp(bound)), scatter=scatter)
