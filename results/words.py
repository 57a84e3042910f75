"""A comparison as a sentence."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from results.observations import Side
from results.planning import MOST
from results.verdicts import Tested

_SHORT = {"fid": "FID", "is": "IS", "kid": "KID", "parzen": "log-likelihood", "cmmd": "CMMD"}
_COSTS = {
    "images_per_sec": "images/s",
    "training_sec": "training time",
    "peak_memory_bytes": "peak memory",
}
UNITS = {"training_sec": "s", "peak_memory_bytes": "GiB", "parzen": "nats"}
"""Units that values are shown in."""
_TIMES = ("images_per_sec", "training_sec")


def in_words(test: Tested, row: Mapping[str, Any], *, margin: float | None, level: float) -> str:
    """Say what a comparison showed, and what it could not show."""
    a, b = test.pair.a, test.pair.b
    verdict = row["verdict"]
    size, chance = _effect(test), _chance(test, row, level)
    if verdict in ("better", "worse"):
        said = f"{b.label} is {verdict} than {a.label}: {size}; {chance}."
    elif verdict == "not worse" and margin is not None:
        said = f"{b.label} is not worse than {a.label} by {100 * margin:.3g} % or more: {size}."
    elif _same_everywhere(test):
        metric = short_name(test.pair.metric)
        said = f"{a.label} and {b.label} have the same {metric}: every seed has the very same value in both."
    elif verdict == "too few seeds":
        said = f"Too few seeds to tell {b.label} from {a.label} ({a.n} and {b.n}): {_why_too_few(test)}."
        said += f" {plan_words(row['seeds_needed'])}" if test.decided_by_ranks else ""
    else:
        said = f"{b.label} and {a.label} cannot be told apart with {a.n} and {b.n} seeds: {size}; {chance}."
        said += f" {plan_words(row['seeds_needed'])}"
    return " ".join([said, *_notes(test, row, margin, level)])


def number(value: float) -> str:
    """Three significant digits, and all digits before the point."""
    if not math.isfinite(value):
        return "unknown" if math.isnan(value) else "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")
    return text.replace("-", "−") if value < 0 else text


def p_words(p: float) -> str:
    """As "p = 0.013", "p < 0.0001"."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def short_name(metric: str) -> str:
    """The metric's usual name, without the network."""
    name = metric.partition("@")[0]
    return _COSTS.get(metric) or _SHORT.get(name, name)


def _effect(test: Tested) -> str:
    """As "FID 138 against 200, 0.69 times as high [0.64, 0.75]"."""
    if math.isnan(test.effect.estimate):
        return "without a finite score on both sides"
    metric = short_name(test.pair.metric)
    unit = 2.0**30 if test.pair.metric == "peak_memory_bytes" else 1.0
    unit_words = f" {UNITS[test.pair.metric]}" if test.pair.metric in UNITS else ""
    value_a, value_b = test.value_a.estimate / unit, test.value_b.estimate / unit
    values = f"{metric} {number(value_b)} against {number(value_a)}{unit_words}"
    if test.log:
        low, high = number(test.effect.low), number(test.effect.high)
        interval = "" if math.isnan(test.effect.low) else f" [{low}, {high}]"
        return f"{values}, {number(test.effect.estimate)} times as high{interval}"
    effect, low, high = (number(end / unit) for end in test.effect)
    interval = "" if math.isnan(test.effect.low) else f" [{low}, {high}]"
    sign = "+" if test.effect.estimate > 0 else ""
    return f"{values}, a difference of {sign}{effect}{interval}"


def _chance(test: Tested, row: Mapping[str, Any], level: float) -> str:
    corrected, alone, n = row["p_holm"], test.p_decisive, row["comparisons"]
    if math.isnan(corrected):
        return "no test could be made"
    said = p_words(corrected)
    if n > 1:
        said += f" corrected for {n} comparisons"
        if alone <= 1 - level < corrected:
            said += f" ({p_words(alone)} alone)"
    return said + (", by ranks" if test.decided_by_ranks else "")


def _why_too_few(test: Tested) -> str:
    if not test.decided_by_ranks:
        return "an interval needs two finite scores on each side"
    because = "failed seeds" if test.pair.a.n_failed + test.pair.b.n_failed else "scores that do not vary"
    return f"with {because} ranks decide, and their p cannot get below {test.p_rank_smallest:.2g} here"


def plan_words(needed: float) -> str:
    """Say how many seeds a side would be needed to tell, as `seeds_needed` gives them."""
    if not math.isfinite(needed):
        return f"More than {MOST:,} seeds each would be needed for a difference as small as the one seen."
    return f"About {needed:,.0f} seeds each would be needed for a difference as large as the one seen."


def _same_everywhere(test: Tested) -> bool:
    a, b = test.pair.a.by_seed, test.pair.b.by_seed
    failed = test.pair.a.n_failed + test.pair.b.n_failed
    return bool(a) and a == b and len(a) == test.pair.a.n == test.pair.b.n and not failed


def _notes(test: Tested, row: Mapping[str, Any], margin: float | None, level: float) -> list[str]:
    notes = [text for side in (test.pair.a, test.pair.b) for text in _counted(side)]
    if (
        row["verdict"] in ("better", "worse")
        and not test.decided_by_ranks
        and test.p_rank_smallest > 1 - level
    ):
        notes.append(
            "The exact rank test cannot confirm it with so few seeds "
            f"(its smallest p is {test.p_rank_smallest:.2g})."
        )
    if not test.log and test.pair.metric.partition("@")[0] != "parzen":
        notes.append("Not all scores are above 0: differences, not ratios.")
    if not test.log and margin is not None:
        notes.append("The margin is a share, and says nothing of differences.")
    if test.is_paired:
        notes.append(f"Paired by the {len(test.x)} seeds that both have.")
    if test.pair.same_work and test.pair.metric in _TIMES:
        notes.append("Timed at different times: how the machine drifted in between is in no interval.")
    return notes


def _counted(side: Side) -> list[str]:
    notes = []
    if side.failed:
        notes.append(
            f"{side.n_failed} of {side.n} seeds of {side.label} failed ({_list(side.failed)}) and "
            f"{'counts' if side.n_failed == 1 else 'count'} as worse than any score."
        )
    if side.aside:
        notes.append(f"Of {side.label}, {aside_words(side)}.")
    return notes


def aside_words(side: Side) -> str:
    """Say which trainings count neither way, as "2 seeds are running"."""
    n = side.aside.total()
    return f"{n} {'seed is' if n == 1 else 'seeds are'} not counted ({_list(side.aside)})"


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
