"""One group: every mode made ready, then all that may be timed in turns."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

import gans
import metrics
from bench.energy import EnergyMeter
from bench.execute import outcome_of
from bench.flops import step_flops
from bench.machine_state import Watch
from bench.synthetic import NAME
from bench.throughput_modes import Mode, Wrong, on_device, prepare
from bench.throughput_plan import SETTLED, Group, SpeedCell, outcome_in
from bench.throughput_rows import Features, Timed, agreement_row, rows_of, write
from bench.timing import alternate, measure, synchronize

SECONDS_A_CALL = 15.0  # of timing, at most, for each thing that is timed
ENERGY_SEC = 2.0  # the counter moves every 100 ms
FEATURE_IMAGES = 250

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is timed, and until when."""

    rounds: int
    deadline: float = float("inf")  # of time.monotonic()

    @property
    def reached(self) -> bool:
        """Whether nothing new may begin."""
        return time.monotonic() >= self.deadline


def run_group(
    group: Group,
    todo: Sequence[SpeedCell],
    store: Path,
    *,
    limits: Limits,
    extractor: metrics.Extractor | None,
    command: list[str],
    say: Say,
) -> None:
    """Leave rows of every cell that is to do, each as soon as its outcome is known."""
    device = group.baseline.settings.device
    data = on_device(group.baseline.dataset, device)
    ready: list[Mode] = []
    lost = ""
    for cell in todo:
        outcome, reason, rows = "", "", []
        mode = "eager" if cell.settings.compile == "off" else f"compile={cell.settings.compile}"
        mode = f"{mode} {cell.settings.precision}"
        if limits.reached and outcome_in(store, cell) in SETTLED:
            continue  # eager fp32 that was to be timed anew beside others
        if why := _unsupported(cell):
            outcome, reason = "unsupported", why
        elif limits.reached:
            outcome, reason = "timeout", "The time limit was reached before it was begun."
        elif lost:
            outcome, reason = "error", f"Eager fp32, which it is compared with, failed: {lost}"
        else:
            try:
                ready.append(prepare(cell, group.baseline, data))
                say(f"{mode}: first step {ready[-1].first_step_sec:.3g} s. {_told(ready[-1])}")
            except Wrong as wrong:
                outcome, reason, rows = "fast-but-wrong", str(wrong), [agreement_row(wrong.found)]
            except Exception as error:
                outcome, reason = outcome_of(error)
            if outcome and cell is group.baseline:
                lost = reason
        if outcome:
            write(store, cell, command, rows, outcome=outcome, reason=reason)
            say(f"{mode}: {outcome}: {reason}")
        _free(device)
    if ready:
        say(f"timing {len(ready)} modes in turns")
        try:
            _time(ready, store, limits, extractor, command)
        except Exception as error:
            outcome, reason = outcome_of(error)
            say(f"{outcome}: {reason}")
            for one in ready:
                write(store, one.cell, command, outcome=outcome, reason=reason)
    ready.clear()
    _free(device)


def extractor_of(dataset_name: str, choice: str | None, device: str) -> metrics.Extractor | None:
    """The network whose features are timed: what was asked for, or the data set's own if it comes along."""
    if choice is not None:
        return metrics.load_extractor(choice, device)
    shipped = f"{dataset_name}-classifier"
    if dataset_name == NAME or shipped not in metrics.SHIPPED_CLASSIFIERS:
        return None
    return metrics.load_extractor(shipped, device)


def _time(
    ready: Sequence[Mode],
    store: Path,
    limits: Limits,
    extractor: metrics.Extractor | None,
    command: list[str],
) -> None:
    baseline = ready[0]
    device, batch = baseline.cell.settings.device, baseline.cell.settings.batch_size
    calls: dict[str, Callable[[], object]] = {}
    for i, mode in enumerate(ready):
        calls[f"{i} iteration"], calls[f"{i} d"] = mode.trainer.step, mode.trainer.discriminator_step
    sampler = baseline.trainer.sampler()
    source = gans.generator_for(0, "samples")
    calls["sampling"] = lambda: sampler.sample(batch, generator=source)
    max_sec = min(SECONDS_A_CALL * len(calls), max(1.0, limits.deadline - time.monotonic()))
    flops = step_flops(baseline.trainer)
    with Watch(device) as watch:
        timings = alternate(calls, device=device, rounds=limits.rounds, max_sec=max_sec)
    timed = [
        Timed(
            iteration=timings[f"{i} iteration"],
            d_step=timings[f"{i} d"],
            joules_per_iteration=_joules(mode.trainer),
            sampling=timings["sampling"] if mode is baseline else None,
            features=_features(mode, extractor, limits) if mode is baseline and extractor else None,
        )
        for i, mode in enumerate(ready)
    ]
    for mode, measured in zip(ready, timed, strict=True):
        write(store, mode.cell, command, rows_of(mode, measured, timed[0], flops, watch))


def _joules(trainer: gans.Trainer) -> float | None:
    """Of one iteration, over seconds of them."""
    device = trainer.settings.device
    meter = EnergyMeter(device)
    if meter.joules() is None:
        return None
    meter, iterations, start = EnergyMeter(device), 0, time.monotonic()
    while time.monotonic() - start < ENERGY_SEC:
        trainer.step()
        iterations += 1
        synchronize(device)
    joules = meter.joules()
    return None if joules is None else joules / iterations


def _features(mode: Mode, extractor: metrics.Extractor, limits: Limits) -> Features:
    dataset = mode.cell.dataset
    images = dataset.train.at(torch.arange(min(FEATURE_IMAGES, len(dataset.train.samples))))
    timing = measure(
        lambda: extractor.extract(images),
        device=mode.cell.settings.device,
        rounds=limits.rounds,
        max_sec=SECONDS_A_CALL,
    )
    return Features(extractor=extractor.name, images=len(images), timing=timing)


def _unsupported(cell: SpeedCell) -> str:
    """Why this machine cannot do it, which costs nothing to say; "" if it can."""
    try:
        cell.settings.require_support()
    except gans.Unsupported as why:
        return str(why)
    return ""


def _told(mode: Mode) -> str:
    return "Others must agree with it." if mode.agreement is None else mode.agreement.words()


def _free(device: str) -> None:
    gc.collect()
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
