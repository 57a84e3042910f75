"""What was timed, as rows: one cell a mode."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import results
from bench.execute import header_of
from bench.flops import StepFlops
from bench.machine_state import Watch
from bench.matmul_rate import matmul_rate
from bench.throughput_modes import Mode
from bench.throughput_plan import SpeedCell
from bench.timing import Timing, ratio_of
from gans.agreement import Agreement

INTERVAL = "half the 95 % interval of the median over rounds, by order statistics"

Row = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Features:
    """How fast a network's features are had."""

    extractor: str
    images: int  # in each timed call
    timing: Timing


@dataclass(frozen=True, kw_only=True)
class Timed:
    """One mode's timings; those of a group were taken in turns."""

    iteration: Timing  # one G step with the D steps before it
    d_step: Timing
    joules_per_iteration: float | None = None
    sampling: Timing | None = None  # of one batch
    features: Features | None = None


def write(
    store: Path,
    cell: SpeedCell,
    command: list[str],
    rows: Iterable[Row] = (),
    *,
    outcome: str = "ok",
    reason: str = "",
) -> None:
    """One attempt of a cell, whole: its rows and how it ended."""
    folder = store / cell.folder
    results.seal_abandoned(folder)
    header = {**header_of(cell, command, trained=True), "purpose": "throughput", "kimg_budget": None}
    with results.Journal.open(folder, header) as journal:
        for row in rows:
            journal.append(phase="throughput", final=True, **row)
        journal.seal(outcome, reason=reason)


def rows_of(mode: Mode, timed: Timed, baseline: Timed, flops: StepFlops, watch: Watch) -> Iterator[Row]:
    """Value columns of a mode that was timed, `images_per_sec` first; without the phase."""
    settings, iteration = mode.cell.settings, timed.iteration
    said = list(watch.warnings())
    if not iteration.steady:
        said.append("Its times still fell when warming up was ended.")
    if iteration.low_sec == 0:
        said.append("Too few rounds for an interval.")
    yield rate(
        "images_per_sec", settings.batch_size, iteration, "images/s", conditions=watch.conditions()
    ) | {"warnings": " ".join(said) or None}
    if timed is not baseline:
        yield ratio(timed, baseline)
    yield milliseconds("d_step_ms", timed.d_step)
    yield milliseconds("g_step_ms", beyond_d_steps(timed, flops.critic_steps))
    yield plain("first_step_sec", mode.first_step_sec, "s")
    if settings.compile != "off":
        yield plain(
            "compile_sec",
            max(0.0, mode.first_step_sec - iteration.median_sec),
            "s",
            details={"counted": "the first step beyond a steady one", "caches": "empty"},
        )
    for name, peak in (
        ("peak_memory_allocated_bytes", mode.allocated_bytes),
        ("peak_memory_reserved_bytes", mode.reserved_bytes),
    ):
        if peak is not None:
            yield plain(name, float(peak), "bytes")
    if timed.joules_per_iteration is not None:
        per_1000 = 1000 * timed.joules_per_iteration / settings.batch_size
        yield plain("joules_per_1000_images", per_1000, "J")
    yield rate("flops_per_sec", flops.iteration, iteration, "FLOP/s", flops_of_iteration=flops.iteration)
    machine = matmul_rate(settings.device, settings.precision)
    yield rate("matmul_share", flops.iteration / machine, iteration, "", matmul_flops_per_sec=machine)
    yield plain("host_reads_per_iteration", float(mode.host_reads), "reads")
    if mode.agreement is not None:
        yield agreement_row(mode.agreement)
    if timed.sampling is not None:
        yield rate("sampling_images_per_sec", settings.batch_size, timed.sampling, "images/s")
    if (features := timed.features) is not None:
        yield rate(f"features_per_sec@{features.extractor}", features.images, features.timing, "images/s")


def agreement_row(found: Agreement) -> Row:
    """How near the mode came to the bounds of its precision: above 1 it is wrong."""
    shares = {name: found.figures[name] / bound for name, bound in found.bounds.items() if bound}
    wrong_start = math.inf if found.figures["start"] else 0.0
    details = {
        "figures": {name: str(value) for name, value in found.figures.items()},
        "bounds": dict(found.bounds),
        "steps": found.steps,
        "skipped": found.skipped,
    }
    value = max(wrong_start, *shares.values())
    return plain("agreement", value, "", details=details) | {"warnings": found.words()}


def beyond_d_steps(timed: Timed, critic_steps: int) -> Timing:
    """What an iteration takes beyond its D steps, round by round."""
    pairs = zip(timed.iteration.seconds, timed.d_step.seconds, strict=True)
    return Timing(
        seconds=tuple(whole - critic_steps * d for whole, d in pairs),
        warmup=timed.iteration.warmup,
        steady=timed.iteration.steady,
        first_sec=math.nan,
    )


def rate(metric: str, amount: float, timing: Timing, unit: str, **details: object) -> Row:
    """`amount` of something a call, as so much of `unit`, with the interval of the median."""
    low, high = amount / timing.high_sec, amount / timing.low_sec if timing.low_sec > 0 else math.inf
    return _with_interval(metric, amount / timing.median_sec, low, high, timing, unit, "higher", details)


def milliseconds(metric: str, timing: Timing) -> Row:
    """A timing's median with its interval."""
    low, median, high = (1e3 * sec for sec in (timing.low_sec, timing.median_sec, timing.high_sec))
    return _with_interval(metric, median, low, high, timing, "ms", "lower", {})


def ratio(timed: Timed, baseline: Timed) -> Row:
    """How many times as fast as eager fp32, the median of the rounds' ratios."""
    paired = ratio_of(baseline.iteration, timed.iteration)
    return _with_interval(
        "ratio_to_eager_fp32", paired.ratio, paired.low, paired.high, timed.iteration, "", "higher", {}
    )


def plain(metric: str, value: float, unit: str, *, details: Row | None = None) -> Row:
    """A value without an interval; less of it is better."""
    row: Row = {"metric": metric, "value": value, "unit": unit, "better": "lower"}
    return row if details is None else row | {"details": json.dumps(details)}


def _with_interval(
    metric: str,
    value: float,
    low: float,
    high: float,
    timing: Timing,
    unit: str,
    better: str,
    details: Row,
) -> Row:
    known = math.isfinite(high)
    interval = {"low": low, "high": high} if known else {}
    rounds = {"rounds": len(timing.seconds), "warmup": timing.warmup}
    return {
        "metric": metric,
        "value": value,
        "unit": unit,
        "better": better,
        "uncertainty": (high - low) / 2 if known else None,
        "uncertainty_kind": INTERVAL if known else None,
        "details": json.dumps(interval | rounds | details),
    }
