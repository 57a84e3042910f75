import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import gans
import gans.variants
from gans import registry
from gans.pieces import Piece

ROOT = Path(gans.__file__).parent.parent

RECIPE = """
import gans
from gans.networks import MLP
from gans.noise import Normal
from gans.optimisers import Adam

{decorator}
def recipe():
    return gans.Variant(
        summary="A test's", reference="none", network=MLP(hidden_g=(8,), hidden_d=(8,)),
        noise=Normal(nz=4), loss="non-saturating", optimiser_g=Adam(), optimiser_d=Adam(),
    )
"""


@pytest.fixture
def fresh(monkeypatch):
    """A registry that has yet to discover; what a test adds to it goes with the test."""
    monkeypatch.setattr(registry, "_recipes", {name: registry._recipes[name] for name in gans.names()})
    registry._discover.cache_clear()
    yield
    registry._discover.cache_clear()


def install(folder: Path, package: str, source: str, **entry_points: str) -> None:
    """What pip would leave in site-packages: a module, and who it says it is."""
    (folder / f"{package}.py").write_text(source)
    info = folder / f"{package}-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0\n")
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[gan_bench.variants]", *lines, ""]))


def test_names_are_those_of_the_files():
    assert {"dcgan", "vanilla", "wgan"} <= set(gans.names())
    assert list(gans.names()) == sorted(gans.names())
    assert all(gans.get(name).name == name for name in gans.names())


@pytest.mark.parametrize("typed", ["dcgn", "DCGAN"])
def test_unknown_name_says_what_was_meant_and_what_there_is(typed):
    with pytest.raises(gans.VariantError) as error:
        gans.get(typed)
    assert f"There is no variant '{typed}'. Did you mean 'dcgan'?" in str(error.value)
    assert ", ".join(gans.names()) in str(error.value)


def test_name_like_no_other_gets_no_hint():
    with pytest.raises(gans.VariantError, match=r"There is no variant 'qqqqq'\. There are:"):
        gans.get("qqqqq")


def test_one_name_for_two_recipes_is_refused_and_the_first_stays(fresh):
    with pytest.raises(gans.VariantError, match=r"'dcgan': gans\.variants\.dcgan\.dcgan and .*mine"):

        @gans.register("dcgan")
        def mine(): ...

    assert gans.get("dcgan").network.kind == "dcgan"


def test_module_imported_anew_may_register_again(fresh):
    def recipe():
        return gans.get("dcgan")

    gans.register("again")(recipe)
    gans.register("again")(recipe)
    assert gans.get("again").name == "again"


def test_one_file_among_the_variants_is_enough(fresh, tmp_path, monkeypatch):
    (tmp_path / "dropped_in.py").write_text(RECIPE.format(decorator='@gans.register("dropped-in")'))
    monkeypatch.setattr(gans.variants, "__path__", [*gans.variants.__path__, str(tmp_path)])
    assert "dropped-in" in gans.names()
    assert gans.get("dropped-in").noise.nz == 4


def test_the_readme_s_variant_is_found_as_it_stands_there(fresh, tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    (recipe,) = (block for block in blocks if "@register(" in block)
    assert len(recipe.splitlines()) < 20
    (tmp_path / "from_readme.py").write_text(recipe)
    monkeypatch.setattr(gans.variants, "__path__", [*gans.variants.__path__, str(tmp_path)])
    ours, theirs = gans.get("dcgan-uniform"), gans.get("dcgan")
    assert gans.field_values(ours) == gans.field_values(theirs) | {"noise": "uniform", "noise.bound": "1.0"}


@pytest.mark.parametrize("decorator", ["", '@gans.register("plugged")'])
def test_entry_point_offers_a_recipe_registered_or_not(fresh, tmp_path, monkeypatch, decorator):
    package = "plugin_registered" if decorator else "plugin_plain"
    install(tmp_path, package, RECIPE.format(decorator=decorator), plugged=f"{package}:recipe")
    monkeypatch.syspath_prepend(tmp_path)
    assert "plugged" in gans.names()
    assert gans.get("plugged") == gans.get("plugged")
    assert gans.get("plugged").name == "plugged"


@pytest.mark.parametrize(
    ("package", "source", "said"),
    [
        ("plugin_raises", "raise OSError('no disk')", "cannot be loaded: OSError: no disk"),
        ("plugin_empty", "", "cannot be loaded: AttributeError"),
        ("plugin_string", "recipe = 'text'", "cannot be loaded: TypeError"),
        ("plugin_none", "recipe = lambda: None", "is not a gans.Variant"),
    ],
)
def test_broken_plugin_is_an_error_only_for_who_asks(fresh, tmp_path, monkeypatch, package, source, said):
    install(tmp_path, package, source, broken=f"{package}:recipe")
    monkeypatch.syspath_prepend(tmp_path)
    assert "broken" in gans.names()
    assert gans.get("vanilla").name == "vanilla"
    with pytest.raises(gans.VariantError, match=f"variant 'broken' of {package}:recipe {said}"):
        gans.get("broken")


def test_plugin_with_a_taken_name_is_an_error_only_for_who_asks(fresh, tmp_path, monkeypatch):
    install(tmp_path, "plugin_dcgan", RECIPE.format(decorator=""), dcgan="plugin_dcgan:recipe")
    monkeypatch.syspath_prepend(tmp_path)
    assert "dcgan" in gans.names()
    assert gans.get("wgan").name == "wgan"
    with pytest.raises(gans.VariantError, match=r"'dcgan': gans\.variants\.dcgan\.dcgan and plugin_dcgan"):
        gans.get("dcgan")


def test_another_package_trains_without_a_change_here(tmp_path):
    install(tmp_path, "their_gan", RECIPE.format(decorator=""), theirs="their_gan:recipe")
    script = """
        import gans, torch
        trainer = gans.Trainer(gans.get("theirs"), torch.randn(64, 2), gans.Settings(kimg=64 * 3 / 1000))
        print([record["step"] for record in trainer.train()], tuple(trainer.sampler().sample(5).shape))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[3] (5, 2)", done.stderr


def test_two_pieces_of_one_kind_are_refused():
    class Slot(Piece): ...

    class One(Slot, kind="one"): ...

    with pytest.raises(gans.VariantError, match=r"Two pieces call themselves 'one': .*One and .*Other"):

        class Other(Slot, kind="one"): ...

    assert Slot.kinds == {"one": One}


def test_pieces_of_one_name_in_two_modules_are_two():
    class Slot(Piece): ...

    type("Same", (Slot,), {"__module__": "here", "__qualname__": "Same"}, kind="same")
    with pytest.raises(gans.VariantError, match=r"here\.Same and there\.Same"):
        type("Same", (Slot,), {"__module__": "there", "__qualname__": "Same"}, kind="same")
