"""Protocol: everything that decides whether two scores may be compared."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from metrics.errors import MetricError


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The conditions under which a score was computed.

    Two scores may be compared only when their protocols are equal, hence when their hashes are.
    No field has a default: a condition that nobody stated is the usual reason why a published
    score can't be reproduced.
    """

    metric: str
    """Qualified name, such as ``"fid@digits-classifier"`` or ``"parzen"``."""
    reference: str
    """The real pile and its split, such as ``"digits/test@1a2b3c4d5e6f"``, or ``"none"`` if it plays no
    part."""
    extractor: str | None
    """Name of the feature extractor, or None if the metric needs none."""
    extractor_sha256: str | None
    """SHA-256 of the extractor's weights in hex, or None."""
    outputs: str
    """Which layers of the extractor the features and the logits are, or "none"."""
    resize: str
    """How images were brought to the extractor's size, antialiased or not."""
    grayscale: str
    """How one-channel images met a three-channel extractor, or the other way round."""
    value_range: str
    """The range of values that the metric or the extractor saw."""
    dtype: str
    """Precision of the features and of the arithmetic on them."""
    n_real: int
    """Number of real samples; 0 if they play no part."""
    n_fake: int
    """Number of generated samples."""
    rule: str
    """The metric's own settings, in words: splits, subsets, k, σ and how it was chosen; "" if it has none."""
    seed: int | None
    """Seed of what is random in computing the value (a shuffle, subsets), or None if nothing is."""
    samples: str
    """How the generated pile was drawn, such as ``"G in evaluation mode, EMA off"``."""

    @property
    def hash(self) -> str:
        """First 12 hex digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, ASCII only; equal protocols give equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @classmethod
    def from_json(cls, text: str) -> "Protocol":
        """Read what `to_json` wrote.

        Raises
        ------
        MetricError
            If `text` is not a JSON object that has exactly this class's fields.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise MetricError(f"a protocol must be JSON, and this text is not: {error}") from error
        names = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or set(values) != names:
            given = sorted(values) if isinstance(values, dict) else type(values).__name__
            raise MetricError(
                f"a protocol must be a JSON object with the fields {sorted(names)}, got {given}"
            )
        return cls(**values)

    def words(self) -> str:
        """One sentence that a reader of a report can understand."""
        parts = [f"{self.metric} of {self.n_fake} generated samples ({self.samples})"]
        if self.n_real:
            parts.append(f"against {self.n_real} real samples of {self.reference}")
        elif self.reference != "none":
            parts.append(f"against {self.reference}")
        if self.extractor is not None:
            parts.append(f"features by {self.extractor} (weights {(self.extractor_sha256 or '')[:12]})")
            parts.append(f"layers: {self.outputs}")
            parts.append(f"resize: {self.resize}")
            parts.append(f"channels: {self.grayscale}")
        if self.rule:
            parts.append(self.rule)
        if self.seed is not None:
            parts.append(f"seed {self.seed}")
        parts.append(f"values {self.value_range}")
        parts.append(self.dtype)
        return ", ".join(parts) + "."

    def difference(self, other: "Protocol") -> dict[str, tuple[Any, Any]]:
        """Each field in which the two differ, as field → (this one's value, the other's)."""
        mine, theirs = asdict(self), asdict(other)
        return {key: (mine[key], theirs[key]) for key in mine if mine[key] != theirs[key]}

    def require_equal(self, other: "Protocol") -> None:
        """Refuse to compare two scores of different conditions.

        Raises
        ------
        MetricError
            Spells out every field in which the two differ.
        """
        if differing := self.difference(other):
            said = "; ".join(
                f"{field}: {mine!r} and {theirs!r}" for field, (mine, theirs) in differing.items()
            )
            raise MetricError(f"the two scores can't be compared, as their protocols differ in {said}")
