"""What `bench.evaluate` prints: a table, what its ± are, what weakens it, and the protocols in words."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

import metrics
from bench.fake_side import FakeSide
from bench.plain_table import plain_table
from bench.real_side import RealSide

_CURVES = ("validation_at_", "fid_at_")
_SHOWN_DETAILS = 6  # numbers below the table, of each score; the rows have all


def show_scores(scores: Sequence[metrics.Score], real: RealSide, fake: FakeSide, rows: Path) -> None:
    """Print the scores of one evaluation."""
    shape = " × ".join(str(side) for side in fake.pile.shape[1:])
    n_real = f"{real.reference.n:,} samples" if real.reference.n else "an unknown number of samples"
    print(f"generated  {fake.name}: {fake.pile.shape[0]:,} samples, {shape} ({fake.how})")
    print(f"real       {real.reference.name}: {n_real}\n")
    table = pd.DataFrame(
        [
            {
                "score": f"{score.metric} {'↓' if score.better == 'lower' else '↑'}",
                "value": _number(score.value, score.uncertainty),
                "±": "–" if score.uncertainty is None else _two_digits(score.uncertainty),
                "unit": score.unit,
                "protocol": score.protocol.hash,
            }
            for score in scores
        ]
    )
    print(plain_table(table))
    for title, lines in (
        ("± is", _uncertainties(scores)),
        ("Details (the rows have more)", _details(scores)),
        ("Warnings", list(dict.fromkeys(warning for score in scores for warning in score.warnings))),
        ("Protocols (values compare only where these are equal)", _protocols(scores)),
    ):
        if lines:
            print(f"\n{title}:")
            print("\n".join(f"  {line}" for line in lines))
    print(f"\nrows     {rows}")


def _uncertainties(scores: Sequence[metrics.Score]) -> list[str]:
    """What each kind of ± is, and of which scores."""
    kinds: dict[str, list[str]] = {}
    for score in scores:
        kinds.setdefault(score.uncertainty_kind, []).append(metrics.plain_name(score.metric))
    return [f"{', '.join(dict.fromkeys(names))}: {kind}" for kind, names in kinds.items()]


def _details(scores: Sequence[metrics.Score]) -> list[str]:
    return [
        f"{score.metric}: {_listed(shown)}"  # of several networks, each its own
        for score in scores
        if 0 < len(shown := _without_curve(score.details)) <= _SHOWN_DETAILS
    ]


def _without_curve(details: Mapping[str, float]) -> dict[str, float]:
    """The details but for the points of Parzen's σ curve and of FID∞'s line."""
    return {key: value for key, value in details.items() if not key.startswith(_CURVES)}


def _listed(details: Mapping[str, float]) -> str:
    return ", ".join(f"{key} {value:.5g}" for key, value in details.items())


def _protocols(scores: Sequence[metrics.Score]) -> list[str]:
    """The settings of each score, and what all scores of a network have in common once."""
    lines = []
    for extractor in dict.fromkeys(score.protocol.extractor for score in scores):
        same = [score.protocol for score in scores if score.protocol.extractor == extractor]
        width = max(len(protocol.metric) for protocol in same)
        for protocol in same:
            seed = "" if protocol.seed is None else f", seed {protocol.seed}"
            lines.append(f"{protocol.hash}  {protocol.metric:<{width}}  {protocol.rule}{seed}".rstrip())
        lines.append(f"  all: {_shared(same)}")
    return lines


def _shared(protocols: Sequence[metrics.Protocol]) -> str:
    one = protocols[0]
    compared = next((protocol for protocol in protocols if protocol.n_real), one)
    parts = [f"{one.n_fake:,} generated samples ({one.samples})"]
    if compared.reference != "none":
        n_real = f"{compared.n_real:,}" if compared.n_real else "an unknown number of"
        parts.append(f"real: {n_real} samples of {compared.reference}")
    if one.extractor is not None:
        parts.append(f"{one.extractor} (weights {(one.extractor_sha256 or '')[:12]}): {one.outputs}")
        parts.append(f"resize: {one.resize}")
        parts.append(f"channels: {one.grayscale}")
    parts += [f"values {one.value_range}", one.dtype]
    return "; ".join(parts)


def _two_digits(uncertainty: float) -> str:
    """Two significant digits, 110 and not 1.1e+02."""
    return f"{float(f'{uncertainty:.2g}'):.15g}" if uncertainty >= 100 else f"{uncertainty:.2g}"


def _number(value: float, uncertainty: float | None) -> str:
    """As many digits as the uncertainty leaves, one more than it has itself."""
    if not math.isfinite(value) or not uncertainty or not math.isfinite(uncertainty):
        return f"{value:.5g}"
    digits = max(0, 1 - math.floor(math.log10(uncertainty)))
    return f"{value:.{digits}f}"
