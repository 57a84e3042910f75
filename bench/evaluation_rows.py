"""An evaluation's scores as rows: beside those of the run that drew the samples, or in their own folder."""

import argparse
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

import metrics
import results
from bench.exporting import export_as
from bench.fake_side import FakeSide
from bench.provenance import provenance
from bench.real_side import RealSide
from bench.scoring import row_of

_LONGEST_SLUG = 100  # characters of a pile's name in its folder's: file systems take 255 in all


def write_rows(
    scores: Sequence[metrics.Score],
    real: RealSide,
    fake: FakeSide,
    options: argparse.Namespace,
    command: list[str],
    device: str,
) -> Path:
    """Write one sealed row file; returns it."""
    measured = provenance(command, device)
    if fake.run is not None:
        folder = fake.run
        header = {**_header_of_run(folder), **measured, "trained": False}
    else:
        identity = hashlib.sha256(f"evaluate {fake.content} {fake.how}".encode()).hexdigest()[:16]
        slug = re.sub(r"[^A-Za-z0-9_.-]+", "_", fake.name).strip("_.")[-_LONGEST_SLUG:] or "pile"
        folder = options.output / f"evaluate-{slug}-{identity[:8]}"
        header = {
            "training_id": identity,
            "trained": False,
            "variant": fake.name,
            # Two piles of one name are no two seeds of one variant, to be averaged.
            "variant_version": identity[:8],
            "dataset": real.name,
            "dataset_fingerprint": real.fingerprint,
            "image_shape": None if real.shape is None else "x".join(str(side) for side in real.shape),
            "device": torch.device(device).type,
            **measured,
        }
    with results.Journal.open(folder, header) as journal:
        for score in scores:
            journal.append(**row_of(score, split=real.split))
        sealed = journal.seal("ok")
    if options.format is not None:
        frame = results.load(folder)
        newest = frame[frame["attempt"] == frame["attempt"].max()]
        table, _ = results.compact_table(newest)
        print(f"exported {export_as(options.format, newest, table, sealed.with_suffix(''))}")
    return sealed


def _header_of_run(folder: Path) -> dict[str, object]:
    """The run columns of a run's last attempt, as it wrote them."""
    last = results.read_run(folder).iloc[-1]
    columns = [column.name for column in results.COLUMNS if column.scope == "run"]
    return {name: _plain(last[name]) for name in columns if not pd.isna(last[name])}


def _plain(value: object) -> object:
    return value.item() if hasattr(value, "item") else value
