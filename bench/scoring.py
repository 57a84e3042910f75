"""Scores of one cell's samples, as rows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import gans
import metrics
from bench.grid import Cell

# Generated anew from the same noise at each evaluation, so that a curve over training shows the
# generator changing and not the noise.
STREAM = "evaluation"


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What to score on one data set, and with what."""

    names: tuple[str, ...]
    n_samples: int
    extractor: metrics.Extractor | None
    reference: metrics.Reference

    def protocols(self, cell: Cell) -> dict[str, metrics.Protocol]:
        """The protocol of each score that is asked for, without scoring."""
        return {
            name: metrics.protocol_of(
                name,
                reference=self.reference,
                n_fake=self.n_samples,
                extractor=self.extractor,
                samples=how_sampled(cell),
            )
            for name in self.names
        }

    def rows(self, sampler: gans.Sampler, cell: Cell, names: tuple[str, ...]) -> Iterator[dict[str, object]]:
        """Draw samples, score them, and yield the value columns of one row a score."""
        if not names:
            return
        seed = cell.settings.seed
        fake = sampler.sample(self.n_samples, generator=gans.generator_for(seed, STREAM))
        scores = metrics.score(
            fake,
            self.reference,
            names,
            extractor=self.extractor,
            generator=gans.generator_for(seed, "bootstrap"),
            samples=how_sampled(cell),
        )
        for score in scores.values():
            yield {
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
                "split": "test" if score.n_real else None,
                "details": json.dumps(dict(score.details)),
                "warnings": "; ".join(score.warnings) or None,
            }


def how_sampled(cell: Cell) -> str:
    """How the generated pile is drawn, in words: the part of a protocol that the trainer decides."""
    average = "on" if cell.variant.ema_kimg > 0 else "off"
    return f"G in evaluation mode, EMA {average}, noise of the cell's '{STREAM}' stream"
