"""Scores against the validation split: what choices are made on, beside those that are reported."""

import json
from pathlib import Path

import pytest
import torch
from commands import VANILLA, only_folder

import bench.scoring
import gans
import metrics
import results
from bench import cli, datasets
from bench.scoring import STREAM, reference_name
from bench.todo import CHECKPOINT
from metrics import generated

ON_THE_WAY = VANILLA.replace("--metrics parzen", "--metrics fid,is,parzen") + " --eval-every 0.128"
BOTH = ["fid@digits-classifier", "parzen"]


def scores(store: str | Path = "runs"):
    frame = results.load(store)
    return frame[frame["phase"] == "score"]


def test_every_evaluation_has_them_beside_the_test_scores(run):
    assert run(ON_THE_WAY).code == cli.OK
    rows = scores()
    for split in ("test", "validation"):
        mine = rows[rows["split"] == split]
        assert mine["metric"].tolist() == BOTH * 3
        assert mine["kimg"].tolist() == [0, 0, 0.128, 0.128, 0.256, 0.256]
        assert mine["final"].tolist() == [False] * 4 + [True] * 2
        assert mine["protocol_hash"].nunique() == 2
    # What looks at the samples alone is there once.
    assert rows.loc[rows["metric"] == "is@digits-classifier", "kimg"].tolist() == [0, 0.128, 0.256]
    assert rows.groupby("protocol_hash")["split"].nunique(dropna=False).max() == 1


def test_they_are_of_the_validation_split_and_say_so(run):
    run(ON_THE_WAY)
    data = datasets.get("digits").load(None, 16)
    sampler = gans.load(only_folder(Path("runs")) / CHECKPOINT)
    fake = sampler.sample(16, generator=gans.generator_for(0, STREAM))
    held_out = data.validation.tensor
    expected = metrics.score(
        fake,
        metrics.Reference(reference_name(data, "validation"), held_out, held_out),
        ["fid", "parzen"],
        extractor="digits-classifier",
        samples="G in evaluation mode, EMA off, noise of the cell's 'evaluation' stream",
    )
    final = scores()
    final = final[final["final"] & final["split"].eq("validation").fillna(False)].set_index("metric")
    for one in expected.values():
        row = final.loc[one.metric]
        # The same arithmetic on the same samples, but for the order of batches.
        assert row["value"] == pytest.approx(one.value, rel=1e-6)
        assert row["protocol_hash"] == one.protocol.hash
        assert row["n_real"] == len(held_out)
        assert json.loads(row["protocol"])["reference"].startswith("digits/validation@")


def test_the_samples_are_drawn_and_extracted_once(run, monkeypatch):
    drawn, extracted = [], []
    sample, collect = gans.Sampler.sample, generated.collect
    monkeypatch.setattr(
        gans.Sampler, "sample", lambda *given, **more: drawn.append(0) or sample(*given, **more)
    )
    monkeypatch.setattr(
        generated, "collect", lambda *given, **more: extracted.append(0) or collect(*given, **more)
    )
    assert run(ON_THE_WAY).code == cli.OK
    assert len(drawn) == len(extracted) == 3  # once an evaluation


def test_without_a_curve_there_are_none(store):
    assert scores(store)["split"].unique().tolist() == ["test"]


def test_the_table_shows_the_test_scores_alone(run):
    done = run(ON_THE_WAY)
    assert "validation" not in done.out + done.err
    assert "fid@digits-classifier" in done.err


def test_what_is_done_is_skipped(run):
    run(ON_THE_WAY)
    before = len(results.read_run(only_folder(Path("runs"))))
    assert run(ON_THE_WAY).err.count("is done already") == 1
    assert run(ON_THE_WAY.replace(" --eval-every 0.128", "")).err.count("is done already") == 1
    assert len(results.read_run(only_folder(Path("runs")))) == before


def test_a_new_score_of_a_finished_curve_is_of_the_test_split_alone(run):
    run(ON_THE_WAY)
    more = ON_THE_WAY.replace("fid,is,parzen", "fid,is,parzen,coverage")
    assert "scored its checkpoint: coverage@digits-classifier" in run(more).err
    rows = scores()
    assert rows.loc[rows["metric"] == "coverage@digits-classifier", "split"].tolist() == ["test"]


def test_a_curve_that_lost_its_end_gets_it(run, monkeypatch):
    rows = bench.scoring.Scoring.rows

    def failing(*arguments):
        for row in rows(*arguments):
            if row["split"] == "validation" and row["metric"] == "parzen" and failing.last:
                raise RuntimeError("no end")
            yield row
        failing.done += 1
        failing.last = failing.done == 2

    failing.done, failing.last = 0, False
    with monkeypatch.context() as patch:
        patch.setattr(bench.scoring.Scoring, "rows", failing)
        assert run(ON_THE_WAY).code == cli.FAILURES
    done = run(ON_THE_WAY)
    assert done.code == cli.OK
    assert "goes on from 0.256 kimg" in done.err
    ends = scores().query("final and split == 'validation'")
    assert ends["metric"].tolist() == BOTH


def test_memorisation_is_no_choice_and_small_splits_make_none(run):
    data = datasets.get("digits").load(None, 16)
    small = metrics.Reference("digits/validation@0", data.validation.tensor[:3], data.validation.tensor[:3])
    scoring = bench.scoring.Scoring(
        names=("fid", "kid", "is", "memorisation"),
        n_samples=200,
        extractor=metrics.load_extractor("digits-classifier"),
        references=bench.scoring.references_of(data),
    )
    cell = bench.grid.Cell(variant=gans.get("dcgan"), dataset=data, settings=gans.Settings())
    assert set(scoring.choices(cell)) == {"fid", "kid"}
    fewer = bench.scoring.Scoring(
        **{**vars(scoring), "references": {**scoring.references, "validation": small}}
    )
    assert set(fewer.choices(cell)) == {"fid"}  # kid needs 4


def test_labels_go_with_their_split():
    data = datasets.get("digits").load(None, 16)
    validation = bench.scoring.references_of(data)["validation"]
    assert validation.test_labels is not None
    assert torch.equal(validation.test_labels, data.validation.labels)
