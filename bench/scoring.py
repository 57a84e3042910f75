"""Scores of one cell's samples, as rows."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

import gans
import metrics
from bench.datasets import Dataset
from bench.grid import Cell
from bench.team import Team

# Generated anew from the same noise at each evaluation, so that a curve over training shows the
# generator changing and not the noise.
STREAM = "evaluation"
LABEL_STREAM = "evaluation-labels"
# Stands in the protocols of scores of asked classes alone: what a conditional variant makes when no class
# in particular is asked for is as comparable as what any other makes.
HOW_ASKED = f"by the training samples' shares, from the cell's '{LABEL_STREAM}' stream"

Split = Literal["test", "validation"]
Names = Mapping[Split, tuple[str, ...]]
"""Plain names of the scores to take against each split."""


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What to score on one data set, and with what.

    `names` are those of all its cells; `names_for` are those of one cell. Scores against the validation
    split are what a choice is made on: the best evaluation of a training, the best of several settings.
    """

    names: tuple[str, ...]
    n_samples: int
    extractor: metrics.Extractor | None
    references: Mapping[Split, metrics.Reference]

    def names_for(self, cell: Cell, *, validation: bool) -> Names:
        """The scores of a cell: those of asked classes only if its variant can be asked for a class."""
        return {"test": self._of_test(cell), "validation": tuple(self.choices(cell)) if validation else ()}

    def protocols(self, cell: Cell) -> dict[str, metrics.Protocol]:
        """The protocol of each score of the cell against the test split, without scoring."""
        return {name: self._protocol(cell, name, "test") for name in self._of_test(cell)}

    def choices(self, cell: Cell) -> dict[str, metrics.Protocol]:
        """The protocol of each score of the cell against the validation split.

        Those that compare with real data and that this split is large enough for. Memorisation compares with
        the training split whatever the held-out one is: no choice is made on it.
        """
        found = {}
        for name in self._of_test(cell):
            metric = metrics.METRICS[name]
            if metric.compares and "training" not in metric.needs:
                try:
                    found[name] = self._protocol(cell, name, "validation")
                except metrics.MetricError:  # of the test split it can be computed: `plan` has seen to that
                    continue
        return found

    def _of_test(self, cell: Cell) -> tuple[str, ...]:
        if cell.variant.conditional:
            return self.names
        return tuple(name for name in self.names if not needs_asked_classes(name))

    def _protocol(self, cell: Cell, name: str, split: Split) -> metrics.Protocol:
        return metrics.protocol_of(
            name,
            reference=self.references[split],
            n_fake=self.n_samples,
            extractor=self.extractor,
            samples=how_sampled(cell.variant),
            asked=HOW_ASKED,
        )

    def rows(
        self, sampler: gans.Sampler, cell: Cell, names: Names, team: Team | None = None
    ) -> Iterator[dict[str, Any]]:
        """Draw samples, score them once against each split, and yield the value columns of a row a score.

        With a team the others draw their shares of the samples.
        """
        wanted = {split: of_split for split, of_split in names.items() if of_split}
        if not wanted:
            return
        fake, labels = samples_of_all(sampler, self.n_samples, cell.settings.seed, team)
        scored = metrics.score_against(
            fake,
            [(self.references[split], of_split) for split, of_split in wanted.items()],
            labels=labels,
            extractor=self.extractor,
            samples=how_sampled(cell.variant),
            asked=HOW_ASKED,
        )
        for split, scores in zip(wanted, scored, strict=True):
            for score in scores.values():
                yield row_of(score, split=split)


def samples_of(
    sampler: gans.Sampler, n: int, seed: int, share: Callable[[int], slice] | None = None
) -> tuple[Tensor, Tensor | None]:
    """The samples of a seed's evaluation, or this process's share of them, and all their labels."""
    labels = sampler.draw_labels(n, gans.generator_for(seed, LABEL_STREAM))
    return sampler.sample(n, labels=labels, generator=gans.generator_for(seed, STREAM), share=share), labels


def samples_of_all(
    sampler: gans.Sampler, n: int, seed: int, team: Team | None
) -> tuple[Tensor, Tensor | None]:
    """The samples of a seed's evaluation, of which each process of the team makes its share."""
    if team is None:
        return samples_of(sampler, n, seed)
    with team.together():
        team.tell("sample", n=n, seed=seed)
        mine, labels = samples_of(sampler, n, seed, share=team.processes.share)
        return team.gather(mine), labels


def row_of(score: metrics.Score, *, split: str | None) -> dict[str, Any]:
    """The value columns of one score; `split` is of the real data, where they enter the value."""
    return {
        "phase": "score",
        "metric": score.metric,
        "value": score.value,
        "unit": score.unit,
        "better": score.better,
        "uncertainty": score.uncertainty,
        "uncertainty_kind": score.uncertainty_kind,
        "n_real": score.n_real,
        "n_fake": score.n_fake,
        "protocol_hash": score.protocol.hash,
        "protocol": score.protocol.to_json(),
        "split": split if score.n_real else None,
        "details": json.dumps(dict(score.details)),
        "warnings": "; ".join(score.warnings) or None,
    }


def needs_asked_classes(name: str) -> bool:
    """Whether a metric is about classes that were asked for."""
    return "asked_classes" in metrics.METRICS[name].needs


def reference_name(dataset: Dataset, split: str = "test") -> str:
    """What protocols call real data: equal where the samples are, whoever scores against them."""
    return f"{dataset.name}/{split}@{dataset.fingerprint}"


def reference_of(dataset: Dataset) -> metrics.Reference:
    """The real pile that samples are compared with: the test split, σ being chosen on validation."""
    return metrics.Reference(
        reference_name(dataset),
        dataset.test.tensor,
        dataset.validation.tensor,
        train=dataset.train.samples if len(dataset.shape) == 3 else None,
        test_labels=dataset.test.labels,
        class_names=dataset.class_names,
        modes=dataset.modes,
    )


def references_of(dataset: Dataset) -> dict[Split, metrics.Reference]:
    """The test split, and the validation split in its place, where choices are made.

    Parzen's σ is chosen on validation samples for both: one number, and a choice is not a result.
    """
    validation = metrics.Reference(
        reference_name(dataset, "validation"),
        dataset.validation.tensor,
        dataset.validation.tensor,
        test_labels=dataset.validation.labels,
        class_names=dataset.class_names,
    )
    return {"test": reference_of(dataset), "validation": validation}


def how_sampled(variant: gans.Variant) -> str:
    """How the generated pile is drawn, in words: the part of a protocol that the trainer decides."""
    average = "on" if variant.ema_kimg > 0 else "off"
    return f"G in evaluation mode, EMA {average}, noise of the cell's '{STREAM}' stream"
