"""What the tests of this folder write."""

from datetime import UTC, datetime
from typing import Any


def header(**changes: Any) -> dict[str, Any]:
    base = {
        "training_id": "t0",
        "trained": True,
        "variant": "dcgan",
        "variant_version": "1",
        "dataset": "digits",
        "seed": 0,
        "batch_size": 64,
        "kimg_budget": 100,
        "device": "cpu",
        "precision": "fp32",
        "compile": "off",
        "changed": "",
        "device_name": "cpu model",
        "started_utc": datetime(2026, 1, 2, tzinfo=UTC),
    }
    return base | changes


def score(value: float, **changes: Any) -> dict[str, Any]:
    base = {
        "phase": "score",
        "metric": "fid@digits-classifier",
        "value": value,
        "uncertainty": 0.25,
        "uncertainty_kind": "standard error",
        "better": "lower",
        "protocol_hash": "p1",
        "split": "test",
        "kimg": 100,
        "final": True,
    }
    return base | changes
