"""What a training costs, gathered while it runs: time, speed, memory, energy, arithmetic, host reads."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Self, TypeVar

import torch
from scipy import stats
from torch import Tensor

import gans
from bench.energy import EnergyMeter
from bench.flops import step_flops
from bench.host_reads import host_reads, reading_operations
from bench.machine_state import Watch
from bench.matmul_rate import matmul_rate
from bench.memory import PeakMemory
from gans.trainer import MONITOR_EVERY

INTERVAL = "95 %, Student's t on the log of the speed, over the windows after the first"

COUNTS = ("step", "real_images")  # columns of the records that are whole numbers

T = TypeVar("T")
Record = dict[str, float]
Row = dict[str, object]


class TrainingCosts:
    """The meters of one training.

    Enter it around the training, call `stretch` whenever it goes on after a score, and `window` with each
    of its records. A meter that fails costs its row and leaves a sentence in the row of `images_per_sec`.
    Costs go on over a resume: `state_dict` is saved with the trainer's, and loaded with it.

    Of a training that several processes share, speeds are of all of them, memory is this process's, and
    energy is left out: its meter knows one device.
    """

    def __init__(self, trainer: gans.Trainer) -> None:
        self.trainer = trainer
        self.device = trainer.settings.device
        self.records: list[Record] = []
        self._starts = [0]  # how many records there were when the training began, and when it went on
        self._watch = Watch(self.device)
        self._memory: PeakMemory | None = None
        self._energy: EnergyMeter | None = None
        self._joules: list[float | None] = []  # of each window
        self._joules_before = 0.0
        self._allocated_bytes = self._reserved_bytes = 0
        self._failures: dict[str, str] = {}
        self._earlier: tuple[str, ...] = ()  # warnings of before the training went on

    def __enter__(self) -> Self:
        self._guarded("machine state", self._watch.__enter__)
        return self

    def __exit__(self, *error: object) -> None:
        self._guarded("machine state", lambda: self._watch.__exit__(*error))

    def stretch(self) -> None:
        """Training goes on: what was between, scoring, is not its cost."""
        self._memory = self._guarded("memory", lambda: PeakMemory(self.device))
        if self._processes == 1:
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

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what is in a record; none before the first."""
        return tuple(self.records[0]) if self.records else ()

    def state_dict(self) -> dict[str, Tensor]:
        """All that was gathered, as tensors; the records are float64 `(n, columns)`."""
        joules = [math.nan if spent is None else spent for spent in self._joules]
        return {
            "costs.records": float64([list(record.values()) for record in self.records]),
            "costs.joules": float64(joules),
            "costs.peak_bytes": float64([self._allocated_bytes, self._reserved_bytes]),
            "costs.starts": torch.tensor(self._starts),
        }

    def load_state_dict(self, state: Mapping[str, Tensor], columns: Sequence[str]) -> None:
        """Go on from where `state_dict` was taken, and `columns`."""
        self.records = [
            {name: int(value) if name in COUNTS else value for name, value in zip(columns, row, strict=True)}
            for row in state["costs.records"].tolist()
        ]
        self._joules = [None if math.isnan(spent) else spent for spent in state["costs.joules"].tolist()]
        self._allocated_bytes, self._reserved_bytes = map(int, state["costs.peak_bytes"].tolist())
        self._starts = [*state["costs.starts"].tolist(), len(self.records)]

    def warnings(self) -> list[str]:
        """What these figures suffer from, in sentences, over all that the training went on from."""
        return list(dict.fromkeys([*self._earlier, *self._watch.warnings(), *self._failures.values()]))

    def load_warnings(self, warnings: Sequence[str]) -> None:
        """Go on from where `warnings` was taken."""
        self._earlier = tuple(warnings)

    def rows(self, *, final: bool) -> Iterator[Row]:
        """Value columns, `training_sec` always first.

        Speeds leave out the first window, in which memory is first touched and graphs are compiled, and the
        first after each resume, if there are others. What needs another step is left out unless the
        training has ended (`final`).
        """
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
        joules = [self._joules[i] for i in self._counting]
        if None not in joules:
            spent = sum(filter(None, joules)) / self._counted("kimg")
            yield _row("joules_per_1000_images", spent, "J", "lower")

    def _speed(self) -> Row:
        """Generator steps × batch per second, the D steps before each included."""
        seconds = self._counted("training_sec")
        speed = 1000 * self._counted("kimg") / seconds
        windows = [(1000 * self._grown("kimg", i), self._grown("training_sec", i)) for i in self._counting]
        # Windows that memory was first touched in say nothing of how the others scatter.
        error = None if set(self._counting) & set(self._starts) else ratio_error(windows)
        details: Row = {"windows": len(windows)}
        if len(self._starts) > 1:
            details["resumed"] = len(self._starts) - 1
        if error is not None:
            away = float(stats.t.ppf(0.975, len(windows) - 1)) * error / speed
            details |= {
                "low": speed * math.exp(-away),
                "high": speed * math.exp(away),
                "interval": INTERVAL,
            }
        details["conditions"] = self._watch.conditions()
        said = " ".join(self.warnings())
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
        share = reached / (rate * self._processes)
        yield _row("matmul_share", share, "", "higher", details={"matmul_flops_per_sec": rate})

    def _reads(self) -> Iterator[Row]:
        reads = host_reads(self.trainer)
        where = dict(Counter(reading_operations(self.trainer))) if reads else {}
        details: Row = {"eager_operations": where}
        yield _row("host_reads_per_iteration", float(reads), "reads", "lower", details=details)

    @property
    def _processes(self) -> int:
        return 1 if self.trainer.processes is None else self.trainer.processes.count

    @property
    def _counting(self) -> list[int]:
        """The windows that speeds are taken over."""
        windows = range(len(self.records))
        return [i for i in windows if i not in self._starts] or list(windows)

    def _counted(self, column: str) -> float:
        """By how much a column of the records grew in the windows that count."""
        return sum(self._grown(column, i) for i in self._counting)

    def _grown(self, column: str, window: int) -> float:
        return self.records[window][column] - (self.records[window - 1][column] if window else 0.0)

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


def float64(numbers: object) -> Tensor:
    """A tensor that holds every number that a record does exactly."""
    return torch.tensor(numbers, dtype=torch.float64)


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
