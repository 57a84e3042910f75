"""What `--target` asks for, checked before anything is trained."""

import argparse
import difflib
import math
from collections.abc import Mapping, Sequence

from bench.errors import InputError
from bench.grid import Cell
from bench.scoring import Scoring
from metrics import plain_name


def target(text: str) -> tuple[str, float]:
    """One target of an option: `fid=60`."""
    name, equals, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not equals or not name or not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not METRIC=NUMBER, as fid=60")
    return name.strip(), number


def targets_of(
    asked: Sequence[tuple[str, float]],
    eval_every: float | None,
    cells: Sequence[Cell],
    scorings: Mapping[str, Scoring],
) -> dict[str, float]:
    """Metric to value.

    Raises
    ------
    InputError
        If nothing is scored on the way, a metric is not scored at all, or it has two targets.
    """
    if asked and eval_every is None:
        raise InputError("--target needs --eval-every: when a target is passed is seen at evaluations only.")
    scored = {
        protocol.metric: None
        for cell in cells
        for protocol in scorings[cell.dataset.name].protocols(cell).values()
    }
    known = list(dict.fromkeys([*map(plain_name, scored), *scored]))
    targets: dict[str, float] = {}
    for name, value in asked:
        if name not in known:
            near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}."
            raise InputError(f"--target {name}: nothing is scored by that name; {hint}")
        if name in targets:
            raise InputError(f"--target gives {name} twice; each row of its table has one target.")
        targets[name] = value
    return targets
