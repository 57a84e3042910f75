"""What a training costs, gathered while it runs: time, speed, memory, energy, arithmetic, host reads."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Self, TypeVar

from scipy import stats

import gans
from bench.energy import EnergyMeter
from bench.flops import step_flops
from bench.host_reads import host_reads, reading_operations
from bench.machine_state import Watch
from bench.matmul_rate import matmul_rate
from bench.memory import PeakMemory
from gans.trainer import MONITOR_EVERY

INTERVAL = "95 %, Student's t on the log of the speed, over the windows after the first"

T = TypeVar("T")
Record = dict[str, float]
Row = dict[str, object]


class TrainingCosts:
    """The meters of one training.

    Enter it around the training, call `stretch` whenever it goes on after a score, and `window` with each
    of its records. A meter that fails costs its row and leaves a sentence in the row of `images_per_sec`.
    """

    def __init__(self, trainer: gans.Trainer) -> None:
        self.trainer = trainer
        self.device = trainer.settings.device
        self.records: list[Record] = []
        self._watch = Watch(self.device)
        self._memory: PeakMemory | None = None
        self._energy: EnergyMeter | None = None
        self._joules: list[float | None] = []  # of each window
        self._joules_before = 0.0
        self._allocated_bytes = self._reserved_bytes = 0
        self._failures: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._guarded("machine state", self._watch.__enter__)
        return self

    def __exit__(self, *error: object) -> None:
        self._guarded("machine state", lambda: self._watch.__exit__(*error))

    def stretch(self) -> None:
        """Training goes on: what was between, scoring, is not its cost."""
        self._memory = self._guarded("memory", lambda: PeakMemory(self.device))
        self._energy = self._guarded("energy", lambda: EnergyMeter(self.device))
        self._joules_before = 0.0

    def window(self, record: Record) -> None:
        """Note what stands after one record of the trainer."""
        self.records.append(record)
        self._guarded("memory", self._note_memory)
        joules = self._guarded("energy", lambda: None if self._energy is None else self._energy.joules())
        self._joules.append(None if joules is None else joules - self._joules_before)
        self._joules_before = joules or 0.0
        self._guarded("machine state", self._watch.sample)

    def rows(self) -> Iterator[Row]:
        """Value columns, `training_sec` always first.

        Speeds are those of the windows after the first, in which memory is first touched and graphs are
        compiled, if there are more. What needs another step is left out unless the training ended.
        """
        final = self.trainer.steps == self.trainer.settings.total_steps
        common: Row = {"phase": "training", "final": final}
        yield common | _row("training_sec", self.trainer.training_sec, "s", "lower")
        rows = list(self._of_windows()) if self.records else []
        if rows and final:
            rows += self._guarded("arithmetic", lambda: list(self._arithmetic())) or []
            rows += self._guarded("host reads", lambda: list(self._reads())) or []
        if self.records:
            rows.insert(0, self._speed())  # made last, because it tells which meters failed
        for row in rows:
            yield common | row

    def _of_windows(self) -> Iterator[Row]:
        first = self.records[0]
        steps: Row = {"steps": int(first["step"])}
        yield _row("first_window_sec", first["training_sec"], "s", "lower", details=steps)
        for name, peak in (
            ("peak_memory_bytes", self._allocated_bytes),
            ("peak_memory_reserved_bytes", self._reserved_bytes),
        ):
            if peak:  # 0: unknown, as what is reserved is on a CPU
                yield _row(name, float(peak), "bytes", "lower")
        joules = self._joules[1:] or self._joules
        if None not in joules:
            spent = sum(filter(None, joules)) / self._counted("kimg")
            yield _row("joules_per_1000_images", spent, "J", "lower")

    def _speed(self) -> Row:
        """Generator steps × batch per second, the D steps before each included."""
        seconds = self._counted("training_sec")
        speed = 1000 * self._counted("kimg") / seconds
        windows = [
            (1000 * (after["kimg"] - before["kimg"]), after["training_sec"] - before["training_sec"])
            for before, after in zip(self.records, self.records[1:], strict=False)
        ]
        error = ratio_error(windows)
        details: Row = {"windows": len(windows) or 1}
        if error is not None:
            away = float(stats.t.ppf(0.975, len(windows) - 1)) * error / speed
            details |= {
                "low": speed * math.exp(-away),
                "high": speed * math.exp(away),
                "interval": INTERVAL,
            }
        details["conditions"] = self._watch.conditions()
        said = " ".join([*self._watch.warnings(), *self._failures.values()])
        return _row("images_per_sec", speed, "images/s", "higher", details=details) | {
            "uncertainty": error,
            "uncertainty_kind": None
            if error is None
            else f"standard error over windows of up to {MONITOR_EVERY} G steps",
            "warnings": said or None,
        }

    def _arithmetic(self) -> Iterator[Row]:
        flops = step_flops(self.trainer)
        batch = self.trainer.settings.batch_size
        done = flops.of(
            g_steps=round(self._counted("step")), d_steps=round(self._counted("real_images") / batch)
        )
        reached = done / self._counted("training_sec")
        details: Row = {
            "flops_of_d_step": flops.d_step,
            "flops_of_g_step": flops.g_step,
            "counted": "matrix products and convolutions of the eager step",
        }
        yield _row("flops_per_sec", reached, "FLOP/s", "higher", details=details)
        rate = matmul_rate(self.device, self.trainer.settings.precision)
        yield _row("matmul_share", reached / rate, "", "higher", details={"matmul_flops_per_sec": rate})

    def _reads(self) -> Iterator[Row]:
        reads = host_reads(self.trainer)
        where = dict(Counter(reading_operations(self.trainer))) if reads else {}
        details: Row = {"eager_operations": where}
        yield _row("host_reads_per_iteration", float(reads), "reads", "lower", details=details)

    def _counted(self, column: str) -> float:
        """By how much a column of the records grew in the windows that count."""
        first = self.records[0][column] if len(self.records) > 1 else 0.0
        return self.records[-1][column] - first

    def _note_memory(self) -> None:
        assert self._memory is not None
        self._allocated_bytes = max(self._allocated_bytes, self._memory.bytes() or 0)
        self._reserved_bytes = max(self._reserved_bytes, self._memory.reserved_bytes() or 0)

    def _guarded(self, what: str, ask: Callable[[], T]) -> T | None:
        """What a meter says, or None: a training never falls over what was to describe it."""
        try:
            return ask()
        except Exception as error:
            self._failures[what] = f"The {what} could not be measured ({type(error).__name__}: {error})."
            return None


def ratio_error(windows: Sequence[tuple[float, float]]) -> float | None:
    """Standard error of Σ amount / Σ seconds over windows of (amount, seconds); None of fewer than two.

    The linearised error of a ratio (Cochran, Sampling Techniques, §2.11): windows may differ in length.
    """
    k = len(windows)
    if k < 2:
        return None
    seconds = sum(sec for _, sec in windows)
    ratio = sum(amount for amount, _ in windows) / seconds
    squares = sum((amount - ratio * sec) ** 2 for amount, sec in windows)
    return math.sqrt(k / (k - 1) * squares) / seconds


def _row(metric: str, value: float, unit: str, better: str, *, details: Row | None = None) -> Row:
    row: Row = {"metric": metric, "value": value, "unit": unit, "better": better}
    return row if details is None else row | {"details": json.dumps(details)}
