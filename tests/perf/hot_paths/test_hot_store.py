"""The store beside a plain reader of the same files, and its table beside plain pandas."""

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

import results

pytestmark = pytest.mark.perf

RUNS, VALUES = 4, 40
SCORES = ("fid@digits-classifier", "parzen")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    for run in range(RUNS):
        header = {
            "training_id": f"t{run}",
            "trained": True,
            "variant": ("dcgan", "wgan")[run % 2],
            "variant_version": "1",
            "dataset": "digits",
            "seed": run // 2,
            "batch_size": 64,
            "kimg_budget": 100,
            "device": "cpu",
            "precision": "fp32",
            "compile": "off",
            "changed": "",
            "device_name": "a processor",
            "started_utc": datetime(2026, 1, 2, 3, run, tzinfo=UTC),
        }
        with results.Journal.open(folder / f"t{run}", header) as journal:
            for i in range(VALUES):
                journal.append(phase="training", metric="images_per_sec", value=1000.0 + i, kimg=i)
                journal.append(
                    phase="score",
                    metric=SCORES[i % len(SCORES)],
                    value=10 + run + i / VALUES,
                    uncertainty=0.25,
                    uncertainty_kind="standard error",
                    better="lower",
                    protocol_hash="p1",
                    split="test",
                    kimg=i,
                    final=i >= VALUES - len(SCORES),
                )
            journal.seal("ok")
    return folder


def test_store_load(compare, store):
    def plain():
        rows = []
        for path in sorted(store.glob("*/*.jsonl")):
            with path.open() as file:
                header, *values, _ = (json.loads(line) for line in file)
            rows += [{**header["run"], **value} for value in values]
        return pd.DataFrame(rows)

    assert len(plain()) == len(results.load(store))
    compare(lambda: results.load(store), plain)


def test_report(compare, store):
    """Today's report is the table that ends a run."""
    frame = results.load(store)
    final = frame[frame["final"].fillna(False)]

    def plain():
        table = pd.pivot_table(
            final,
            index=["variant", "dataset", "batch_size"],
            columns="metric",
            values="value",
            aggfunc=["mean", "std", "count"],
        )
        costs = (
            frame[frame["phase"].eq("training").fillna(False)]
            .groupby(["variant", "dataset"])["value"]
            .median()
        )
        return table.map("{:.4g}".format), costs.map("{:.4g}".format)

    compare(lambda: results.compact_table(frame), plain, rounds=48)  # of 0.2 s
