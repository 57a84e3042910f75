"""Which scores a cell has, and how its samples are drawn."""

from pathlib import Path

import pytest
import torch

import gans
import metrics
import results
from bench import cli, datasets
from bench.grid import Cell
from bench.scoring import LABEL_STREAM, STREAM, Scoring, references_of

ASKED = ("class_agreement", "class_fid")
TINY = "--set ngf=2 --set ndf=2 --kimg 0.256 --samples 200 --device cpu"


class Perfect:
    """What bench needs of a sampler: this one hands out the test images of the classes it is asked for."""

    def __init__(self, data, conditional=True):
        self.data, self.conditional = data, conditional
        self.seen = {}

    def draw_labels(self, n, generator):
        if not self.conditional:
            return None
        self.seen["labels"] = generator.initial_seed()
        return torch.randint(10, (n,), generator=generator)

    def sample(self, n, *, labels=None, generator=None, share=None):
        assert share is None  # one process
        self.seen["noise"] = generator.initial_seed()
        images, known = self.data.test
        picks = torch.randint(len(images), (n,), generator=generator)
        if labels is not None:
            rows = [(known == label).nonzero()[:, 0] for label in range(10)]
            picks = torch.tensor([int(rows[y][p % len(rows[y])]) for p, y in zip(picks, labels, strict=True)])
        return images[picks]


@pytest.fixture
def data():
    return datasets.get("digits").load(Path("nowhere"), 16)


@pytest.fixture
def scoring(data):
    reference = metrics.Reference(
        "digits/test@0", data.test.samples, test_labels=data.test.labels, class_names=data.class_names
    )
    return Scoring(
        names=("fid", *ASKED),
        n_samples=1000,
        extractor=metrics.load_extractor("digits-classifier"),
        references=references_of(data) | {"test": reference},
    )


def cell(variant, data):
    settings = gans.Settings(batch_size=64, kimg=1.0, seed=3)
    return Cell(variant=gans.get(variant), dataset=data, settings=settings)


def test_a_conditional_cell_is_scored_on_the_classes_it_was_asked_for(data, scoring):
    sampler, mine = Perfect(data), cell("cgan", data)
    rows = {
        row["metric"]: row for row in scoring.rows(sampler, mine, scoring.names_for(mine, validation=False))
    }
    assert set(rows) == {f"{name}@digits-classifier" for name in scoring.names}
    agreement = rows["class_agreement@digits-classifier"]
    # The classifier's test accuracy is .97 to .99; real digits are what it agrees with so often.
    assert agreement["value"] > 0.95
    assert agreement["split"] is None
    assert rows["class_fid@digits-classifier"]["split"] == "test"
    expected = (gans.generator_for(3, stream).initial_seed() for stream in (LABEL_STREAM, STREAM))
    assert tuple(sampler.seen[key] for key in ("labels", "noise")) == tuple(expected)
    said = {row["protocol_hash"] for row in rows.values()}
    assert said == {p.hash for p in scoring.protocols(mine).values()}


def test_an_unconditional_cell_has_no_score_of_classes_it_cannot_be_asked_for(data, scoring):
    mine = cell("dcgan", data)
    names = scoring.names_for(mine, validation=False)
    assert names == {"test": ("fid",), "validation": ()}
    assert set(scoring.protocols(mine)) == {"fid"}
    (row,) = scoring.rows(Perfect(data, conditional=False), mine, names)
    assert row["metric"] == "fid@digits-classifier"


def test_both_kinds_share_the_protocol_of_scores_of_the_whole_pile(data, scoring):
    a, b = (scoring.protocols(cell(name, data)) for name in ("cgan", "dcgan"))
    assert a["fid"].hash == b["fid"].hash


def test_a_mixed_grid_has_each_variants_own_scores(run):
    command = f"--variants cgan,dcgan {TINY}"
    assert run(command).code == cli.OK
    frame = results.load("runs")
    scores = frame[frame["phase"] == "score"]
    scored = {variant: set(rows["metric"]) for variant, rows in scores.groupby("variant")}
    both = {"fid@digits-classifier", "is@digits-classifier", "parzen", "min_class_share@digits-classifier"}
    assert scored["dcgan"] == both
    assert scored["cgan"] == both | {f"{name}@digits-classifier" for name in ASKED}
    assert run(command).err.count("is done already") == 2


def test_a_named_score_of_classes_is_given_where_it_can_be(run):
    first = run(f"--variants cgan,dcgan {TINY} --metrics parzen")
    assert first.code == cli.OK
    done = run(f"--variants cgan,dcgan {TINY} --metrics class_agreement")
    assert done.code == cli.OK
    assert "scored its checkpoint: class_agreement@digits-classifier" in done.err
    assert done.err.count("is done already") == 1
    frame = results.load("runs")
    added = frame[frame["metric"] == "class_agreement@digits-classifier"]
    assert added["variant"].tolist() == ["cgan"]
