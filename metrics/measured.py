"""One measured value, how sure it is, and under which conditions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from metrics.catalogue import METRICS, plain_name
from metrics.protocol import Protocol


@dataclass(frozen=True, kw_only=True)
class Score:
    """One value, how sure it is, and under which conditions it was computed."""

    metric: str
    """Qualified name, such as ``"fid@digits-classifier"``."""
    value: float
    """The score, in `unit`."""
    unit: str
    """Such as ``"nats"``."""
    better: Literal["lower", "higher"]
    """Which way is better."""
    uncertainty: float | None
    """In the same unit; `uncertainty_kind` says what it means."""
    uncertainty_kind: str
    """In words, such as ``"standard error over test samples"``."""
    n_real: int
    """Number of real samples; 0 if they play no part."""
    n_fake: int
    """Number of generated samples."""
    protocol: Protocol
    """The conditions; two scores may be compared where these are equal."""
    details: Mapping[str, float]
    """Further numbers of this metric: σ, the share of each class, …"""
    warnings: tuple[str, ...]
    """Sentences about what weakens this value; empty if nothing does."""


def measured(
    protocol: Protocol,
    *,
    value: float,
    unit: str,
    uncertainty: float | None,
    uncertainty_kind: str,
    details: Mapping[str, float] | None = None,
    warnings: tuple[str, ...] = (),
) -> Score:
    """Return the score of a value: what the protocol says already need not be said again."""
    return Score(
        metric=protocol.metric,
        value=value,
        unit=unit,
        better=METRICS[plain_name(protocol.metric)].better,
        uncertainty=uncertainty,
        uncertainty_kind=uncertainty_kind,
        n_real=protocol.n_real,
        n_fake=protocol.n_fake,
        protocol=protocol,
        details=details or {},
        warnings=warnings,
    )
