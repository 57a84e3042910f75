"""Hyper-parameter axes: `--set dcgan.lr=1e-4,2e-4`."""

import shlex
from pathlib import Path

from commands import VANILLA, contents

import gans
import results
from bench import cli
from bench.grid import with_changes
from bench.plan import plan
from bench.run_options import options_of
from bench.setting_axes import recipes_of

RATES = VANILLA + " --set lr=1e-3,2e-4"


def cells(command: str):
    found, _ = plan(options_of(shlex.split(command)))
    return found


def test_each_value_is_a_cell_and_no_other_training_than_alone():
    both = cells(RATES)
    alone = [cells(VANILLA + f" --set lr={rate}")[0] for rate in ("1e-3", "2e-4")]
    assert [cell.training_id for cell in both] == [cell.training_id for cell in alone]
    assert [cell.tuning_axes for cell in both] == ["lr=1e-3,2e-4"] * 2
    assert [cell.tuning_axes for cell in alone] == ["", ""]


def test_several_axes_are_every_combination_and_another_variants_make_no_difference():
    variants = [gans.get(name) for name in ("dcgan", "wgan", "vanilla")]
    changes = ["dcgan.lr=1e-4,2e-4", "ngf=8,16", "wgan.n_critic=3"]
    recipes = recipes_of(variants, changes, {})
    told = [(one.variant.name, one.tuning_axes) for one in recipes]
    assert told == [
        *[("dcgan", "lr=1e-4,2e-4 ngf=8,16")] * 4,
        *[("wgan", "ngf=8,16")] * 2,
        ("vanilla", ""),
    ]
    for recipe, rate, width in zip(recipes[:4], ("1e-4", "1e-4", "2e-4", "2e-4"), (8, 16) * 2, strict=True):
        (expected,) = with_changes(variants[:1], [f"lr={rate}", f"ngf={width}"], {})
        assert recipe.variant == expected
    assert [one.variant.network.ngf for one in recipes[4:6]] == [8, 16]
    assert all(one.variant.critic.n_critic == 3 for one in recipes[4:6])
    assert recipes[6].variant == variants[2]


def test_a_slot_can_be_an_axis_and_a_suggestion_gives_way():
    recipes = recipes_of([gans.get("dcgan")], ["network=dcgan,mlp"], {"ngf": "32"})
    assert [one.variant.network.kind for one in recipes] == ["dcgan", "mlp"]
    (one, other) = recipes_of([gans.get("dcgan")], ["ngf=8,16"], {"ngf": "32", "ndf": "4"})
    assert [(r.variant.network.ngf, r.variant.network.ndf) for r in (one, other)] == [(8, 4), (16, 4)]


def test_no_value_of_any_field_has_the_comma_that_parts_an_axis():
    for name in gans.names():
        values = gans.field_values(gans.get(name))
        assert not [path for path, value in values.items() if "," in value]


def test_rows_say_the_axes_and_the_selection_has_validation_scores(run):
    assert run(RATES).code == cli.OK
    frame = results.load("runs")
    assert frame["tuning_axes"].unique().tolist() == ["lr=1e-3,2e-4"]
    assert frame["changed"].nunique() == 2
    scores = frame[frame["phase"] == "score"]
    assert scores.groupby("changed")["split"].apply(sorted).tolist() == [["test", "validation"]] * 2
    assert scores["final"].all()


def test_the_table_and_the_progress_tell_the_settings_apart(run):
    done = run(RATES)
    lines = [line for line in done.out.splitlines() if line.startswith("vanilla ")]
    assert [line.count("lr=0.001") > 0 for line in lines] in ([True, False], [False, True])
    assert "lr=0.001" in done.err


def test_what_is_done_is_skipped_and_what_the_selection_lacks_is_scored(run):
    assert run(VANILLA + " --set lr=1e-3").code == cli.OK  # by hand: no choice, no validation score
    done = run(RATES)
    assert done.code == cli.OK
    assert "scored its checkpoint: parzen (validation)" in done.err
    frame = results.load("runs")
    assert (
        frame.groupby("changed")["split"].apply(lambda s: set(s.dropna())).tolist()
        == [{"test", "validation"}] * 2
    )
    assert frame.loc[frame["trained"], "training_id"].nunique() == 2
    before = contents(Path("runs"))
    assert run(RATES).err.count("is done already") == 2
    assert contents(Path("runs")) == before


def test_a_dry_run_lists_them(run):
    assert "\n2 cells" in run(RATES + " --dry-run").out
