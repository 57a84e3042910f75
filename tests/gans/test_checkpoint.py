import dataclasses
import pickle
import re

import pytest
import torch
from safetensors.torch import save_file
from tiny import assert_equal, everything, images, settings, tiny, trainer

import gans
from gans import registry
from gans.checkpoint import FORMAT, read_checkpoint, variant_of


@pytest.fixture
def saved(tmp_path):
    trained = trainer("dcgan", 2)
    list(trained.train())
    path = tmp_path / "checkpoint.safetensors"
    gans.save_checkpoint(path, trained.state_dict(), trained.variant, trained.shape, trained.classes)
    return path, trained


def test_everything_comes_back(saved):
    path, trained = saved
    tensors, metadata = read_checkpoint(path)
    del tensors["progress.training_sec"]
    assert_equal(tensors, everything(trained))
    assert variant_of(metadata) == trained.variant
    assert metadata["shape"] == [1, 16, 16]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_save_that_fails_leaves_the_old_file(saved, monkeypatch):
    path, trained = saved
    before = path.read_bytes()

    def full(*args):
        args[1].write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr("gans.checkpoint.save_file", full)
    with pytest.raises(OSError, match="No space"):
        gans.save_checkpoint(path, trained.state_dict(), trained.variant, trained.shape, trained.classes)
    assert path.read_bytes() == before


def test_missing(tmp_path):
    path = tmp_path / "none.safetensors"
    with pytest.raises(gans.VariantError, match=f"^There is no checkpoint {re.escape(str(path))}\\.$"):
        gans.load(path)
    with pytest.raises(gans.VariantError, match="There is no checkpoint"):
        gans.load(tmp_path)  # a folder


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_truncated(saved, share):
    path, _ = saved
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(gans.VariantError, match=f"^The checkpoint {re.escape(str(path))} is damaged: "):
        gans.load(path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_foreign_safetensors(tmp_path, metadata):
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata)
    with pytest.raises(gans.VariantError, match=r"model\.safetensors is not a checkpoint of gan-bench\.$"):
        gans.load(path)


class Trap:
    """Unpickling it touches a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return self.path.touch, ()


@pytest.mark.parametrize("writer", [torch.save, lambda trap, path: path.write_bytes(pickle.dumps(trap))])
def test_a_pickle_is_refused_and_not_run(tmp_path, writer):
    path = tmp_path / "model.pt"
    writer(Trap(tmp_path / "sprung"), path)
    with pytest.raises(gans.VariantError, match="is damaged"):
        gans.load(path)
    assert not (tmp_path / "sprung").exists()


def test_another_version_or_an_uninstalled_variant(saved, monkeypatch):
    path, _ = saved
    recipes = dict(registry._recipes)
    monkeypatch.setattr(registry, "_recipes", recipes)
    recipes["dcgan"] = lambda: dataclasses.replace(tiny("vanilla"), version=2), "here"
    with pytest.raises(gans.VariantError, match="is of dcgan version 1; this gan-bench has version 2"):
        gans.load(path)
    del recipes["dcgan"]
    with pytest.raises(gans.VariantError, match="There is no variant 'dcgan'"):
        gans.load(path)


def test_weights_of_another_size(saved, tmp_path):
    path, trained = saved
    other = gans.Trainer(gans.set_field(trained.variant, "ngf", "8"), images(), settings(1))
    gans.save_checkpoint(path, trained.state_dict(), other.variant, trained.shape, trained.classes)
    with pytest.raises(gans.VariantError, match="does not hold the weights of dcgan version 1"):
        gans.load(path)


def test_only_tensors_and_text_are_in_it(saved):
    path, _ = saved
    assert FORMAT.encode() in path.read_bytes()[:100_000]
    assert all(isinstance(tensor, torch.Tensor) for tensor in read_checkpoint(path)[0].values())
