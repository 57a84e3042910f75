"""Whether a run that was interrupted and gone on with left what an unbroken one leaves."""

import csv
from pathlib import Path

import pandas as pd
from commands import contents, learned

import results

OF_TIME_AND_PLACE = [
    *("attempt", "resumed_kimg", "command", "started_utc", "training_sec", "run_folder", "trained"),
    *("device_name", "platform", "cpu_threads", "backend", "git_commit"),
]
"""Columns that tell when and where a row was measured, and not what."""


def scores(folder: Path) -> pd.DataFrame:
    """The rows of scores, what tells of time and place left out, in the order of the training."""
    frame = results.load(folder)
    rows = frame[frame["phase"] == "score"].drop(columns=OF_TIME_AND_PLACE)
    return rows.sort_values(["kimg", "metric", "split"], kind="stable", ignore_index=True)


def history(folder: Path) -> list[dict[str, str]]:
    """The lines of history.csv as they stand there, the clock left out."""
    with (folder / "history.csv").open(newline="") as file:
        return [
            {name: text for name, text in row.items() if name != "training_sec"}
            for row in csv.DictReader(file)
        ]


def pictures(folder: Path) -> dict[str, bytes]:
    """Samples and walks; the plot of the monitors is over time, too."""
    return {name: content for name, content in contents(folder).items() if name.endswith(".png")}


def assert_same(folder: Path, whole: Path) -> None:
    """Weights, optimisers, generators, monitors, history, scores and pictures are equal bit for bit."""
    ours, theirs = learned(folder), learned(whole)
    assert ours.keys() == theirs.keys()
    assert [n for n in ours if ours[n].numpy().tobytes() != theirs[n].numpy().tobytes()] == []
    assert history(folder) == history(whole)
    pd.testing.assert_frame_equal(scores(folder), scores(whole), check_exact=True)
    assert pictures(folder) == pictures(whole)
    costs = [set(results.load(at).query("phase == 'training' and final")["metric"]) for at in (folder, whole)]
    assert costs[0] == costs[1]
