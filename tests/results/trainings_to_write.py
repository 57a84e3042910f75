"""Stores of whole trainings, for the tests of what compares them."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
from rows_to_write import header, score

import results

Scores = Sequence[float | str]


def trainings(store: Path, variants: Mapping[str, Scores], *values: dict[str, Any], **changes: Any) -> Path:
    """Write one training a score, seeds from 0 on; a text instead of one is an outcome without a score.

    `values` are written beside each score.
    """
    for variant, scores in variants.items():
        for seed, value in enumerate(scores):
            ended = value if isinstance(value, str) else "ok"
            rows = [] if isinstance(value, str) else [score(value), *values]
            training(store, *rows, outcome=ended, variant=variant, seed=seed, **changes)
    return store


def training(store: Path, *rows: dict[str, Any], outcome: str = "ok", **changes: Any) -> None:
    """Write one training; an outcome of "running" leaves its journal open."""
    identity = hashlib.sha256(repr(sorted(changes.items())).encode()).hexdigest()[:12]
    changes = {"training_id": identity, **changes}
    with mock.patch("os.fsync"):  # nobody pulls the plug, and waiting for the disk takes most of the time
        journal = results.Journal.open(store / str(changes["training_id"]), header(**changes))
        for row in rows:
            journal.append(**row)
        if outcome == "running":
            journal.close()
        else:
            journal.seal(outcome)


def curve(test: Mapping[float, float], validation: Mapping[float, float]) -> list[dict[str, Any]]:
    """Scores over training, kimg to value; that of the last kimg is final."""
    last = max(test)
    of_validation = {"split": "validation", "protocol_hash": "v"}
    return [
        *(score(value, kimg=at, final=at == last) for at, value in test.items()),
        *(score(value, kimg=at, final=at == last, **of_validation) for at, value in validation.items()),
    ]


def loaded(*args: Any, **kwargs: Any) -> pd.DataFrame:
    """What `trainings` wrote, loaded."""
    return results.load(trainings(*args, **kwargs))
