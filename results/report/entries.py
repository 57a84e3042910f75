"""Who competes with whom: contests (one a data set) of entries (one a variant and its conditions)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from results.palette import Style, styles
from results.report.subsets import Subsets, main_protocol
from results.summary import GROUP, cells_of, final_scores
from results.tuning import tuned
from results.verdicts import on_log_scale

MOST_DRAWN = 12
"""Entries in a drawing: more lines would not be told apart. The main table has all."""

_PRIMARY = ("fid", "cmmd", "kid", "high_quality_share", "modes", "parzen", "is")
_IN_LABEL = {
    "image_shape": "{}",
    "kimg_budget": "{:g} kimg",
    "batch_size": "batch {}",
    "precision": "{}",
    "compile": "compile {}",
    "device": "{}",
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A variant under one set of conditions, over its seeds."""

    label: str
    """Unique in its contest: the variant, and what tells it from others of that name."""
    key: tuple[str, ...]
    """The values of `results.summary.GROUP`, as texts."""
    variant: str
    changed: str
    style: Style
    tuning: str
    """How its settings were come by, in words."""
    passed_over: bool
    """A setting of a tuned variant that validation scores did not choose: not compared, not drawn."""
    cells: pd.DataFrame
    """One row a training, by training_id: ``results.summary.cells_of``."""

    @cached_property
    def ok(self) -> pd.DataFrame:
        """The trainings that ended ok, lowest seed first; not to be changed."""
        return self.cells[self.cells["outcome"].eq("ok").fillna(False)].sort_values("seed")


@dataclass(frozen=True, kw_only=True)
class Contest:
    """All entries on one data set, best first by `metric` (entries without that score last)."""

    name: str
    """Unique in the report, of letters, digits and hyphens."""
    title: str
    dataset: str
    entries: tuple[Entry, ...]
    metrics: tuple[str, ...]
    """Final scores on test data, the one that ranks first."""

    @property
    def metric(self) -> str | None:
        """What ranks the entries."""
        return self.metrics[0] if self.metrics else None

    @property
    def drawn(self) -> tuple[Entry, ...]:
        """The entries that are compared, as many as fit into a drawing."""
        return self.competing[:MOST_DRAWN]

    @property
    def competing(self) -> tuple[Entry, ...]:
        """All entries but settings that were tried and not chosen."""
        return tuple(entry for entry in self.entries if not entry.passed_over)

    def drawn_note(self) -> tuple[str, ...]:
        """Say what is not drawn, if anything."""
        if len(self.competing) <= MOST_DRAWN:
            return ()
        return (f"Shown are the {MOST_DRAWN} best of {len(self.competing)} entries; the main table has all.",)

    def entry_of(self) -> dict[str, Entry]:
        """Training id to its entry."""
        return {training: entry for entry in self.entries for training in entry.cells.index}


def contests(frame: pd.DataFrame, subsets: Subsets) -> list[Contest]:
    """Split a loaded frame into contests, in the order of the data sets' names."""
    cells = cells_of(frame)
    if cells.empty:
        return []
    scores = final_scores(frame)
    scores = scores[scores["split"].fillna("test").eq("test")]
    look = styles(cells["variant"])
    several = cells.groupby("dataset")["dataset_fingerprint"].nunique(dropna=False)
    made = []
    groups = cells.groupby(["dataset", "dataset_fingerprint"], dropna=False, sort=True)
    for number, ((dataset, fingerprint), mine) in enumerate(groups):
        of_contest = scores[scores["training_id"].isin(mine.index)]
        metrics = _ordered_metrics(of_contest)
        entries = _entries(mine, look, _tuning(subsets, mine, metrics))
        if metrics:
            rank = _ranks(of_contest[of_contest["metric"].eq(metrics[0])], entries)
            entries = sorted(entries, key=lambda entry: (entry.passed_over, *rank[entry.label]))
        known = "" if pd.isna(fingerprint) else str(fingerprint)
        made.append(
            Contest(
                name=f"data{number}",
                title=f"{dataset} ({known[:8]})" if several[dataset] > 1 else str(dataset),
                dataset=str(dataset),
                entries=tuple(entries),
                metrics=metrics,
            )
        )
    return made


def _ordered_metrics(scores: pd.DataFrame) -> tuple[str, ...]:
    counts = scores.groupby("metric", sort=False)["training_id"].nunique()

    def key(metric: str) -> tuple[int, int]:
        plain = metric.partition("@")[0]
        return (_PRIMARY.index(plain) if plain in _PRIMARY else len(_PRIMARY), -counts[metric])

    first = sorted(counts.index, key=key)[:1]
    return (*first, *(metric for metric in counts.index if metric not in first))


def _tuning(subsets: Subsets, cells: pd.DataFrame, metrics: tuple[str, ...]) -> dict[str, str]:
    """Training id to how its settings were come by; those that were passed over are not in it."""
    if not metrics:
        return dict.fromkeys(map(str, cells.index), "")
    rows = subsets.of(metrics[0])
    kept = tuned(rows[rows["training_id"].isin(cells.index)], metrics[0]).drop_duplicates("training_id")
    return dict(zip(kept["training_id"].astype(str), kept["tuning"].astype(str), strict=True))


def _entries(cells: pd.DataFrame, look: dict[str, Style], tuning: dict[str, str]) -> list[Entry]:
    groups = list(cells.groupby(GROUP, dropna=False, sort=True))
    keys = pd.DataFrame([key for key, _ in groups], columns=GROUP)
    varying = [name for name in _IN_LABEL if keys[name].nunique(dropna=False) > 1]
    versions = keys.groupby("variant")["variant_version"].nunique(dropna=False)
    settings = keys.groupby("variant")["changed"].agg(lambda texts: list(dict.fromkeys(texts.fillna(""))))
    made = []
    for key, group in groups:
        values = dict(zip(GROUP, key, strict=True))
        variant = str(values["variant"])
        changed = "" if pd.isna(values["changed"]) else str(values["changed"])
        parts = [_IN_LABEL[name].format(values[name]) for name in varying if not pd.isna(values[name])]
        if versions[variant] > 1:
            parts.append(f"version {values['variant_version']}")
        if len(settings[variant]) > 1:
            parts.append(_what_differs(changed, settings[variant]))
        training = str(group.index[0])
        made.append(
            Entry(
                label=f"{variant} ({', '.join(parts)})" if parts else variant,
                key=key_of(key),
                variant=variant,
                changed=changed,
                style=look[variant],
                tuning=tuning.get(training, "tried, not chosen on validation data"),
                passed_over=training not in tuning,
                cells=group,
            )
        )
    return made


def _what_differs(changed: str, settings: list[str]) -> str:
    """The fields by which one of several settings differs from the others, as short as can be.

    Of "ngf=8 optimiser_g.lr=0.1 optimiser_d.lr=0.1", where all have ngf=8, "lr=0.1".
    """
    shared = set.intersection(*(set(text.split()) for text in settings))

    def own(text: str) -> list[str]:
        return [part for part in text.split() if part not in shared]

    def brief(text: str) -> str:
        fields = (part.rpartition("=") for part in own(text))
        return " ".join(dict.fromkeys(f"{path.rpartition('.')[2]}={value}" for path, _, value in fields))

    briefs = [brief(text) for text in settings]
    said = brief(changed) if len(set(briefs)) == len(briefs) else " ".join(own(changed))
    return said or "unchanged"


def key_of(values: Iterable[object]) -> tuple[str, ...]:
    """Conditions as texts that compare, missing ones too."""
    return tuple("" if pd.isna(value) else str(value) for value in values)  # type: ignore[call-overload]


def _ranks(scores: pd.DataFrame, entries: list[Entry]) -> dict[str, tuple[bool, float]]:
    """By the means that the table shows: under one protocol, geometric where all values are above 0."""
    sign = -1.0 if scores["better"].eq("higher").any() else 1.0
    ended = {training for entry in entries for training in entry.ok.index}
    scores = scores[scores["training_id"].isin(ended)]
    scores = scores[scores["protocol_hash"].fillna("").eq(main_protocol(scores["protocol_hash"]))]
    scores = scores[np.isfinite(scores["value"])].drop_duplicates("training_id", keep="last")
    by_training = scores.set_index("training_id")["value"]
    log = on_log_scale(str(next(iter(scores["metric"]), "")), by_training)
    ranks = {}
    for entry in entries:
        values = by_training.reindex(entry.ok.index).dropna().to_numpy(dtype=float)
        mean = float(np.mean(np.log(values) if log else values)) if len(values) else math.nan
        ranks[entry.label] = (not math.isfinite(mean), sign * mean if math.isfinite(mean) else 0.0)
    return ranks


def short(label: str, most: int = 26) -> str:
    """A label that fits beside a drawing."""
    clean = "".join(letter if letter.isprintable() else "�" for letter in label)
    return clean if len(clean) <= most else clean[: most - 1] + "…"
