"""The scores of a contest's entries, one value a seed, with intervals over seeds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.intervals import Interval, t_interval
from results.observations import NO_FAILURE
from results.report.entries import Contest, Entry
from results.report.names import metric_bounds, metric_name
from results.report.subsets import Subsets, main_protocol
from results.selection import scores_at
from results.verdicts import on_log_scale

LEVEL = 0.95
_TEXTS = ["training_id", "outcome", "metric", "better", "protocol_hash", "protocol", "split", "selected_on"]
_REALS = [
    *("final", "best", "trailing", "final_uncertainty", "best_uncertainty", "trailing_uncertainty"),
    "best_kimg",
]
_WIDE = 2.5  # highest over lowest value, from which on an axis is logarithmic


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One entry's scores by one metric; a row a training, failed ones with NaNs."""

    entry: Entry
    rows: pd.DataFrame
    log: bool
    bounds: tuple[float, float]
    """What the metric can be at least and at most: no interval reaches beyond."""

    def values(self, at: str = "final") -> np.ndarray:
        """One value a seed that has a finite one, lowest seed first."""
        values = self.rows[at].to_numpy(dtype=float)
        return values[np.isfinite(values)]

    def interval(self, at: str = "final") -> Interval:
        """The mean over seeds (geometric on a log scale) with its t interval; NaN where there is none."""
        values = self.values(at)
        if not len(values):
            return Interval(math.nan, math.nan, math.nan)
        estimate, low, high = t_interval(values, level=LEVEL, log=self.log)
        least, most = self.bounds
        return Interval(estimate, float(np.maximum(low, least)), float(np.minimum(high, most)))

    @property
    def failed(self) -> int:
        """How many trainings count as worse than any score."""
        return int((~self.rows["outcome"].isin(NO_FAILURE)).sum()) + self.not_finite

    @property
    def not_finite(self) -> int:
        """How many trainings ended ok with a final score that is NaN or infinite: they count as failed."""
        return int((self.rows["scored"] & ~np.isfinite(self.rows["final"])).sum())

    @property
    def within(self) -> float:
        """Mean over seeds of the uncertainty within a run, of the final values."""
        return float(self.rows["final_uncertainty"].mean())


@dataclass(frozen=True, kw_only=True)
class Standings:
    """A contest by one metric, under the protocol that most trainings were scored by."""

    contest: Contest
    metric: str
    better: str | None
    unit: str
    log: bool
    protocol_hash: str
    other_protocols: bool
    by_label: Mapping[str, Standing]

    @property
    def on_log_axis(self) -> bool:
        """Whether the values span so much that a linear axis would hide the small ones."""
        finals = np.concatenate([s.values() for s in self.by_label.values()])
        return self.log and self.better == "lower" and len(finals) > 0 and finals.max() / finals.min() > _WIDE

    @property
    def axis_title(self) -> str:
        """The metric's name, with its unit if that is one word."""
        unit = f" [{self.unit}]" if self.unit and " " not in self.unit else ""
        return f"{metric_name(self.metric)}{unit}"

    @property
    def sign(self) -> float:
        """1 where lower is better, else −1."""
        return -1.0 if self.better == "higher" else 1.0


def standings_of(subsets: Subsets, contests: list[Contest]) -> dict[tuple[str, str], Standings]:
    """Contest name and metric to its standings."""
    made = {}
    known = {}
    units = {}
    for metric in dict.fromkeys(metric for contest in contests for metric in contest.metrics):
        rows = subsets.of(metric)
        # Plain objects: each selection from a small frame of Arrow texts takes a millisecond a column.
        known[metric] = scores_at(rows, metric).astype(dict.fromkeys(_TEXTS, object))
        units[metric] = next(iter(rows.loc[rows["metric"].eq(metric).fillna(False), "unit"].dropna()), "")
    for contest in contests:
        entry_of = contest.entry_of()
        for metric in contest.metrics:
            rows = known[metric]
            rows = rows[rows["training_id"].isin(entry_of)][[*_TEXTS, "seed", "scored", *_REALS]]
            hashes = rows["protocol_hash"].fillna("")
            # Failed seeds stand under every protocol and do not decide.
            known_hashes = hashes[rows["final"].notna()]
            chosen = main_protocol(known_hashes)
            rows = rows[hashes.eq(chosen)].sort_values("seed")
            finals = rows.loc[np.isfinite(rows["final"]), "final"]
            log = on_log_scale(metric, finals)
            better = next(iter(rows["better"].dropna()), None)
            label_of = rows["training_id"].map({t: e.label for t, e in entry_of.items()})
            by_label = {
                entry.label: Standing(
                    entry=entry, rows=rows[label_of.eq(entry.label)], log=log, bounds=metric_bounds(metric)
                )
                for entry in contest.entries
            }
            made[contest.name, metric] = Standings(
                contest=contest,
                metric=metric,
                better=better,
                unit=str(units[metric]),
                log=log,
                protocol_hash=chosen,
                other_protocols=known_hashes.nunique() > 1,
                by_label=by_label,
            )
    return made
