"""Scores during training: where, at what cost, and that they change nothing."""

import time
from pathlib import Path

import pytest
from commands import VANILLA, learned, only_folder
from PIL import Image

import bench.scoring
import gans
import results
from bench import cli
from bench.training import evaluation_points

TWICE = VANILLA + " --eval-every 0.1"  # 0.128 is the first step that reaches it


def test_rows_at_0_each_k_and_the_end(run):
    assert run(TWICE).code == cli.OK
    frame = results.load("runs")
    scores = frame[(frame["phase"] == "score") & (frame["split"] == "test")]
    assert scores["kimg"].tolist() == [0, 0.128, 0.256]
    assert scores["final"].tolist() == [False, False, True]
    assert scores["real_images"].tolist() == [0, 128, 256]
    assert scores["training_sec"].iloc[0] == 0
    assert scores["training_sec"].is_monotonic_increasing
    assert scores["training_sec"].is_unique
    assert scores["value"].is_unique
    names = sorted(path.name for path in only_folder(Path("runs")).glob("progress/*"))
    assert names == ["kimg-00000.000.png", "kimg-00000.128.png"]


def test_scoring_is_not_training_time(run, monkeypatch):
    hours, score, clock = [0.0], bench.scoring.metrics.score_against, time.perf_counter

    def slow(*arguments, **options):
        hours[0] += 3600
        return score(*arguments, **options)

    monkeypatch.setattr(bench.scoring.metrics, "score_against", slow)
    monkeypatch.setattr(time, "perf_counter", lambda: clock() + hours[0])
    assert run(TWICE).code == cli.OK
    assert hours[0] == 3 * 3600
    frame = results.load("runs")
    assert 0 < frame.loc[frame["metric"] == "training_sec", "value"].item() < 600
    assert frame.loc[frame["metric"] == "images_per_sec", "value"].item() > 0.256 * 1000 / 600


def test_evaluation_changes_nothing(run, vanilla_store):
    run(TWICE)
    folders = only_folder(Path("runs")), only_folder(vanilla_store)
    with_it, without = (learned(folder) for folder in folders)
    assert with_it.keys() == without.keys()
    assert all(tensor.equal(without[name]) for name, tensor in with_it.items())
    frames = [results.load(folder) for folder in folders]
    of_test = [f[(f["metric"] == "parzen") & (f["split"] == "test")] for f in frames]
    final = [rows.loc[rows["final"], "value"].item() for rows in of_test]
    assert final[0] == final[1]
    pictures = [(folder / "samples.png").read_bytes() for folder in folders]
    assert pictures[0] == pictures[1]


def test_a_finished_training_is_not_scored_on_the_way_later(run, store):
    done = run(TWICE)
    assert done.code == cli.OK
    assert "is trained already; --rerun trains again to score it on the way (--eval-every)." in done.err


def test_progress_pictures_show_the_same_noise_growing_up(run):
    run(TWICE)
    folder = only_folder(Path("runs"))
    pictures = [Image.open(path).tobytes() for path in [*folder.glob("progress/*"), folder / "samples.png"]]
    assert len(set(pictures)) == 3


@pytest.mark.parametrize(
    ("kimg", "batch_size", "every", "steps"),
    [
        (0.256, 64, None, [4]),
        (0.256, 64, 0.064, [0, 1, 2, 3, 4]),
        (0.256, 64, 0.1, [0, 2, 4]),
        (0.3, 100, 0.1, [0, 1, 2, 3]),  # 0.1 + 0.2 > 0.3
        (0.256, 64, 0.001, [0, 1, 2, 3, 4]),  # finer than a step
        (0.256, 100, 0.25, [0, 3]),  # the last point rounds up to the end
        (0.256, 64, 0.256, [0, 4]),
    ],
)
def test_no_step_is_evaluated_twice(kimg, batch_size, every, steps):
    settings = gans.Settings(kimg=kimg, batch_size=batch_size)
    points = list(evaluation_points(settings, every))
    assert [settings.steps_at(point) for point in points] == steps
    assert points[-1] == kimg
