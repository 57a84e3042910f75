"""`--track tensorboard`: event files, read back by TensorBoard's own reader."""

import csv
import io
import sys
from pathlib import Path

import numpy as np
from commands import VANILLA, learned, only_folder
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import gans
import results
from bench import cli

TRACKED = VANILLA + " --eval-every 0.128 --track tensorboard"


def read(folder: Path, number: str = "000") -> EventAccumulator:
    everything = {"scalars": 0, "images": 0}  # 0: keep all, not a sample
    return EventAccumulator(str(folder / "tracked" / number), size_guidance=everything).Reload()


def test_it_holds_the_monitors_scores_and_pictures_of_the_run(run):
    assert run(TRACKED).code == cli.OK
    folder = only_folder(Path("runs"))
    events = read(folder)
    with (folder / "history.csv").open(newline="") as file:
        history = list(csv.DictReader(file))
    for name in history[0].keys() - {"step", "kimg", "real_images"}:
        points = events.Scalars(f"monitors/{name}")
        assert [point.step for point in points] == [round(float(row["kimg"]) * 1000) for row in history]
        # Event files hold float32.
        expected = [np.float32(row[name]) for row in history]
        np.testing.assert_array_equal([np.float32(point.value) for point in points], expected)
    frame = results.load(folder)
    scores = frame[frame["phase"] == "score"]
    for split in ("test", "validation"):
        mine = scores[scores["split"] == split]
        points = events.Scalars(f"scores/parzen/{split}")
        assert [point.step for point in points] == [0, 128, 256]
        np.testing.assert_array_equal(
            np.array([point.value for point in points], "float32"), mine["value"].astype("float32")
        )
    assert {tag.partition("/")[0] for tag in events.Tags()["scalars"]} == {"monitors", "scores"}
    samples = events.Images("samples")
    assert [image.step for image in samples] == [0, 128, 256]
    for image, path in ((samples[-1], "samples.png"), (events.Images("walks")[0], "walk.png")):
        shown = Image.open(io.BytesIO(image.encoded_image_string))
        with Image.open(folder / path) as left:
            assert shown.tobytes() == left.convert("RGB").tobytes()


def test_it_changes_nothing_that_is_learned_or_measured(run, vanilla_store):
    run(TRACKED)
    ours, plain = (learned(only_folder(at)) for at in (Path("runs"), vanilla_store))
    assert all(tensor.equal(plain[name]) for name, tensor in ours.items())


def test_each_attempt_has_its_own_and_a_failed_one_is_closed(run, monkeypatch):
    step = gans.Trainer.step

    def failing(trainer):
        if trainer.steps == 2:
            raise RuntimeError("no more")
        return step(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(gans.Trainer, "step", failing)
        assert run(TRACKED).code == cli.FAILURES
    folder = only_folder(Path("runs"))
    assert [point.step for point in read(folder).Scalars("scores/parzen/test")] == [0, 128]
    assert run(TRACKED).code == cli.OK  # from the checkpoint before the second score
    assert [point.step for point in read(folder, "001").Scalars("scores/parzen/test")] == [128, 256]


def test_without_the_option_there_is_none(vanilla_store):
    assert not (only_folder(vanilla_store) / "tracked").exists()


def test_a_package_that_is_not_there_is_said_before_anything_is_trained(run, monkeypatch):
    monkeypatch.delitem(sys.modules, "bench.trackers.tensorboard", raising=False)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as if it were not installed
    done = run(TRACKED)
    assert done.code == cli.BAD
    assert "--track tensorboard needs a package that is not installed" in done.err
    assert "python -m pip install 'gan-bench[tensorboard]'" in done.err
    assert not Path("runs").exists()


def test_points_are_tracked_without_walks(run):
    assert run(TRACKED + " --dataset ring8").code == cli.OK
    assert read(only_folder(Path("runs"))).Tags()["images"] == ["samples"]
