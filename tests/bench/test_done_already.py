"""The same command skips what is done; other scores never train; damaged files are rebuilt."""

from pathlib import Path

import pytest
from commands import VANILLA, contents, only_folder

import gans
import results
from bench import cli
from bench.todo import CHECKPOINT

# What the command line shows as a warning must not be pytest's error first.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def no_training(monkeypatch):
    """Training fails the test."""

    def trained(*_, **__):
        raise AssertionError("this trains")

    monkeypatch.setattr(gans.Trainer, "__init__", trained)


def attempts(store: Path) -> list[list[object]]:
    frame = results.read_run(only_folder(store))
    return frame.groupby("attempt")[["outcome", "trained"]].first().to_numpy().tolist()


def test_the_same_command_skips_what_is_done_and_still_shows_it(run, store, no_training):
    before = contents(store)
    done = run(VANILLA)
    assert done.code == cli.OK
    assert "is done already; --rerun does it again." in done.err
    assert "vanilla" in done.out
    assert contents(store) == before


@pytest.mark.parametrize(
    ("change", "metric", "n_fake"),
    [
        (("--metrics parzen", "--metrics fid"), "fid@digits-classifier", 16),
        (("--samples 16", "--samples 17"), "parzen", 17),
    ],
    ids=["metric", "samples"],
)
def test_other_scores_are_taken_without_training(change, metric, n_fake, run, store, no_training):
    before = contents(store)
    assert run(VANILLA.replace(*change)).code == cli.OK
    assert before.items() <= contents(store).items()
    assert attempts(store) == [["ok", True], ["ok", False]]
    frame = results.load(store)
    new = frame[~frame["trained"]]
    assert new[["metric", "n_fake", "kimg", "final"]].to_numpy().tolist() == [[metric, n_fake, 0.256, True]]
    trained = frame[frame["metric"] == "training_sec"]
    assert new["training_sec"].item() == trained["training_sec"].item()
    assert new["real_images"].item() == 256


def test_only_the_scores_asked_for_are_in_the_table(run, store):
    run(VANILLA.replace("--samples 16", "--samples 17"))
    done = run(VANILLA)
    (line,) = [line for line in done.out.splitlines() if line.startswith("vanilla ")]
    frame = results.load(store)
    asked = frame[(frame["metric"] == "parzen") & (frame["n_fake"] == 16)]["value"].item()
    assert f" {asked:.2f} [" in line
    assert len([line for line in done.out.splitlines() if line.startswith("vanilla ")]) == 1


def test_metrics_none_trains_and_scores_nothing(run):
    done = run(VANILLA.replace("--metrics parzen", "--metrics none"))
    assert done.code == cli.OK
    assert set(results.load("runs")["phase"]) == {"training"}
    assert run(VANILLA.replace("--metrics parzen", "--metrics none")).err.count("is done already") == 1


def test_rerun_trains_again_to_the_same_scores(run, store):
    old = results.load(store)
    assert run(VANILLA + " --rerun").code == cli.OK
    assert attempts(store) == [["ok", True], ["ok", True]]
    new = results.load(store)
    assert set(new["attempt"]) == {1}
    parzen = [frame.loc[frame["metric"] == "parzen", "value"].item() for frame in (old, new)]
    assert parzen[0] == parzen[1]


def test_a_lost_checkpoint_is_trained_again_when_it_is_needed(run, store):
    (only_folder(store) / CHECKPOINT).unlink()
    assert run(VANILLA.replace("--samples 16", "--samples 17")).code == cli.OK
    assert attempts(store) == [["ok", True], ["ok", True]]


def test_a_damaged_checkpoint_is_named_set_aside_and_trained_again(run, store):
    checkpoint = only_folder(store) / CHECKPOINT
    whole = gans.load(checkpoint).sample(3)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    done = run(VANILLA.replace("--samples 16", "--samples 17"))
    assert done.code == cli.OK
    assert f"warning: The checkpoint runs/{checkpoint.relative_to(store)} is damaged" in done.err
    assert f"set aside as {CHECKPOINT}.damaged.\n" in done.err
    assert checkpoint.with_name(f"{CHECKPOINT}.damaged").is_file()
    assert attempts(store) == [["ok", True], ["ok", True]]
    assert gans.load(checkpoint).sample(3).equal(whole)


def test_a_damaged_row_file_is_named_set_aside_and_its_cell_done_again(run, store):
    rows = only_folder(store) / "rows-000.jsonl"
    run(VANILLA + " --seeds 1")
    damaged = rows.read_bytes().replace(b'"parzen"', b'"parsen"')
    rows.write_bytes(damaged)
    done = run(VANILLA + " --seeds 0,1")
    assert done.code == cli.OK
    assert (
        f"warning: runs/{rows.relative_to(store)} is damaged and left out (its checksum is wrong)" in done.err
    )
    assert rows.with_name("rows-000.jsonl.damaged").read_bytes() == damaged
    assert sorted(results.load(store)["seed"].unique()) == [0, 1]
    assert " 2/2 " in done.out
