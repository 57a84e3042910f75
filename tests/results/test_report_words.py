"""What the first section of a report says, and that nothing below it says otherwise."""

import math
from pathlib import Path
from typing import Any

from rows_to_write import score
from trainings_to_write import loaded, training, trainings

import results


def verdicts(frame: Any, path: Path) -> str:
    """The first section of the frame's report in Markdown."""
    results.write_report(frame, path, format="markdown")
    text = path.read_text()
    return text[text.index("## What came out") : text.index("## The table")]


def test_who_lost_most_seeds_does_not_win_by_the_mean_of_the_rest(tmp_path: Path) -> None:
    frame = loaded(tmp_path, {"steady": [100.0 + n for n in range(8)], "brittle": [90.0, *["oom"] * 7]})
    said = verdicts(frame, tmp_path / "report.md")
    assert (
        "**steady is the best: FID 103.5, 95 % interval 101.4 to 105.5, 8 seeds. It beats every other" in said
    )
    assert "brittle is worse than steady" in said
    assert "7 of 16 trainings failed (brittle 7 of 8): they count against their variant." in said


def test_running_and_unsupported_trainings_are_no_failures(tmp_path: Path) -> None:
    frame = loaded(tmp_path, {"dcgan": [100.0, 101.0, 102.0, "running", "unsupported"]})
    said = verdicts(frame, tmp_path / "report.md")
    assert "failed" not in said
    assert "1 training is still running or lost without a word. 1 training asks for what" in said


def test_the_best_of_many_beats_those_it_was_compared_with(tmp_path: Path) -> None:
    others = {f"v{n:02d}": [500.0 + n, 501.0 + n, 502.0 + n] for n in range(13)}
    said = verdicts(loaded(tmp_path, {"best": [10.0, 10.1, 9.9], **others}), tmp_path / "report.md")
    assert "best is the best: FID 10.00" in said
    assert "It beats every variant compared with it" in said
    assert "2 further entries not compared here." in said


def test_no_training_took_more_memory_than_the_one_that_took_most(tmp_path: Path) -> None:
    costs = {"phase": "training", "split": None, "protocol_hash": None, "better": "lower"}
    for seed, gibibytes in enumerate((1.0, 1.0, 8.0)):
        rows = [
            score(100.0 + seed),
            score(gibibytes * 2**30, metric="peak_memory_bytes", unit="bytes", **costs),
            score(10.0, metric="training_sec", unit="s", **costs),
        ]
        training(tmp_path / "runs", *rows, seed=seed, device_name="cpu model")
    said = verdicts(results.load(tmp_path / "runs"), tmp_path / "report.md")
    assert "No training took more than 8.00 GiB of memory." in said


def test_settings_whose_validation_scores_do_not_compare_are_not_chosen_from(tmp_path: Path) -> None:
    for changed, protocol in (("lr=0.1", "v"), ("lr=0.2", "other")):
        for seed in range(2):
            rows = [score(100.0 + seed), score(90.0, split="validation", protocol_hash=protocol)]
            training(tmp_path / "runs", *rows, seed=seed, changed=changed, tuning_axes="lr=0.1,0.2")
    results.write_report(results.load(tmp_path / "runs"), tmp_path / "report.md", format="markdown")
    text = (tmp_path / "report.md").read_text()
    assert "one of 2 settings, none chosen: their validation scores do not compare" in text


def test_a_variant_without_any_score_is_compared_by_its_failures(tmp_path: Path) -> None:
    frame = loaded(tmp_path, {"a": [100.0, 110.0], "b": [90.0, 95.0], "c": ["diverged"] * 2})
    results.write_report(frame, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "∞" not in page[: page.index('id="conditions"')]
    assert "c 2 of 2" in page


def test_budgets_are_not_compared_and_not_said_to_be_alike(tmp_path: Path) -> None:
    for budget in (100.0, 200.0):
        trainings(tmp_path / "runs", {"a": [100.0, 101.0], "b": [50.0, 51.0]}, kimg_budget=budget)
    said = verdicts(results.load(tmp_path / "runs"), tmp_path / "report.md")
    leader = said[said.index("**") : said.index("**", said.index("**") + 2)]
    assert "It was not compared with" in leader
    assert "other conditions" in leader
    assert "Cost:" not in said


def test_only_one_protocol_ranks_and_is_compared(tmp_path: Path) -> None:
    for variant, of_p1, of_p2 in (("a", 100.0, 1.0), ("b", 50.0, 2.0), ("c", 70.0, 3.0)):
        for seed in range(4):
            rows = [score(of_p1 + seed, protocol_hash="p1"), score(of_p2 + seed / 10, protocol_hash="p2")]
            training(tmp_path / "runs", *rows[: 1 if variant == "c" else 2], variant=variant, seed=seed)
    said = verdicts(results.load(tmp_path / "runs"), tmp_path / "report.md")
    assert "**b is the best: FID 51.5" in said
    assert "not compared" not in said


def test_scores_that_are_not_finite_are_shown_as_lost(tmp_path: Path) -> None:
    frame = loaded(tmp_path, {"part": [math.nan, 140.0, 150.0, 145.0], "none": [math.inf] * 3})
    results.write_report(frame, tmp_path / "report.md", format="markdown")
    text = (tmp_path / "report.md").read_text()
    table = text[text.index("## The table") : text.index("## Every seed")]
    assert "1 seed not finite" in table
    assert "– 3 seeds not finite" in table
    assert "3 seeds, 1 more failed" in text


def test_the_first_is_first_by_the_means_that_are_shown(tmp_path: Path) -> None:
    said = verdicts(loaded(tmp_path, {"a": [10.0, 100.0, 100.0], "b": [60.0, 60.5, 61.0]}), tmp_path / "r.md")
    assert "a has the best mean (FID 46" in said  # geometric; the arithmetic one is 70


def test_times_of_other_numbers_of_threads_are_not_set_against_each_other(tmp_path: Path) -> None:
    for variant, threads, seconds in (("a", 1, 81.0), ("b", 8, 11.0)):
        for seed in range(2):
            time = {"phase": "training", "metric": "training_sec", "unit": "s", "better": "lower"}
            rows = [score(100.0 + seed), score(seconds, **time, split=None, protocol_hash=None)]
            about = {"device_name": "cpu model", "cpu_threads": threads, "variant": variant}
            training(tmp_path / "runs", *rows, seed=seed, **about)
    results.write_report(results.load(tmp_path / "runs"), tmp_path / "report.md", format="markdown")
    text = (tmp_path / "report.md").read_text()
    assert "trained fastest" not in text
    assert "timed on different machines (cpu model, 1 threads; cpu model, 8 threads)" in text
