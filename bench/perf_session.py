"""The file that `pytest --benchmark-json` leaves, read as what tests/perf/hot_paths has put into it."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.errors import InputError
from bench.machine_class import machine_class
from bench.medians import PairedTiming, Timing

CONFIDENCE = 0.99
"""Of the interval of each ratio that is compared with a baseline."""

_MACHINE, _PATH, _PLAIN = "gan_bench_class", "path", "plain"  # where they stand in the file


@dataclass(frozen=True, kw_only=True)
class Session:
    """One run of the hot paths in one process.

    `paths` holds, by name, each path's time as a multiple of plain code's; `others` the names of benchmarks
    that are no hot paths. `commit` is "" if unknown.
    """

    source: Path
    machine: dict[str, str]
    commit: str
    paths: dict[str, PairedTiming]
    others: tuple[str, ...]


def machine_info() -> dict[str, Any]:
    """What the file must say of the machine, for the hook `pytest_benchmark_update_machine_info`."""
    return {_MACHINE: machine_class()}


def extra_info(pair: PairedTiming) -> dict[str, Any]:
    """What a hot path's benchmark must have as its `extra_info`."""
    return {_PATH: asdict(pair.target), _PLAIN: asdict(pair.reference)}


def read_session(path: Path) -> Session:
    """Read a session.

    Raises
    ------
    InputError
        If there is no such file, it is damaged or another's, or no hot path was timed.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"Cannot read the session {path}: {error.strerror}.") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged: it is not JSON.") from error
    try:
        machine = _class_of(content["machine_info"])
        timed = [(_name(entry), entry["extra_info"]) for entry in content["benchmarks"]]
        paths = {name: _pair(info) for name, info in timed if _PATH in info}
        commit = (content.get("commit_info") or {}).get("id") or ""
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{path} is damaged or no session of the hot paths, which `pytest --benchmark-json` writes."
        ) from error
    if not paths or machine is None:
        raise InputError(
            f"No hot path was timed in {path}: it comes from "
            "`python -m pytest -m perf tests/perf/hot_paths --benchmark-json=FILE`."
        )
    if len(names := [name for name, info in timed if _PATH in info]) > len(paths):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"The benchmark {twice} stands in {path} more than once.")
    others = tuple(name for name, info in timed if _PATH not in info)
    return Session(source=path, machine=machine, commit=commit, paths=paths, others=others)


def _class_of(info: dict[str, Any]) -> dict[str, str] | None:
    found: dict[str, str] | None = info.get(_MACHINE)
    if found is not None and found.keys() != machine_class().keys():
        raise ValueError("another version's class of machines")
    return found


def _name(entry: dict[str, Any]) -> str:
    return str(entry["name"]).removeprefix("test_")


def _pair(info: dict[str, Any]) -> PairedTiming:
    target, reference = (
        Timing(**(info[side] | {"seconds": tuple(map(float, info[side]["seconds"]))}))
        for side in (_PATH, _PLAIN)
    )
    times = target.seconds + reference.seconds
    if not target.seconds or not all(0 < sec < math.inf for sec in times):  # NaN is neither
        raise ValueError("a time that is not positive and finite")
    return PairedTiming(target=target, reference=reference, confidence=CONFIDENCE)
