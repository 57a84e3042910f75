import dataclasses
import errno
import json
import os
import pickle
import re

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from tiny import assert_equal, everything, images, tiny, trainer
from tiny import settings as settings_of

import gans
from gans import registry
from gans.checkpoint import FORMAT, _checksum, read_checkpoint, variant_of
from gans.configuration import to_config


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

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gans.checkpoint.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        gans.save_checkpoint(path, trained.state_dict(), trained.variant, trained.shape, trained.classes)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


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


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_bit_that_has_flipped_is_found_wherever_it_is(saved, where, bit):
    path, _ = saved
    whole = bytearray(path.read_bytes())
    whole[int(where * len(whole))] ^= 1 << bit
    flipped = path.with_name("flipped.safetensors")
    flipped.write_bytes(whole)
    with pytest.raises(gans.VariantError, match=r"flipped\.safetensors is (damaged|not a checkpoint)"):
        read_checkpoint(flipped)


def rewritten(path, **changes):
    """The same file with other metadata, under a good checksum."""
    tensors, metadata = read_checkpoint(path)
    text = json.dumps(metadata | changes)
    save_file(tensors, path, {"format": FORMAT, "gan-bench": text, "sha256": _checksum(tensors, text)})


def test_a_file_of_before_there_were_checksums_is_read(saved):
    path, trained = saved
    tensors, metadata = read_checkpoint(path)
    del metadata["context"]
    save_file(tensors, path, {"format": FORMAT, "gan-bench": json.dumps(metadata)})
    assert read_checkpoint(path)[1] == metadata
    assert gans.load(path).sample(3).equal(trained.sampler().sample(3))


def test_one_that_cannot_be_read_is_not_called_damaged(saved, monkeypatch):
    path, _ = saved

    def refuse(*_):  # root, who may run these tests, is refused nothing
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(gans.VariantError, match=r"safetensors cannot be read: Permission denied\.$") as error:
        gans.load(path)
    assert isinstance(error.value.__cause__, OSError)


def test_what_else_a_reader_should_know_is_kept(saved):
    path, trained = saved
    context = {"configuration": {"seed": 3}, "attempts": [0, 2]}
    gans.save_checkpoint(
        path, trained.state_dict(), trained.variant, trained.shape, trained.classes, context=context
    )
    assert read_checkpoint(path)[1]["context"] == context


@pytest.mark.parametrize(
    "changes",
    [
        {"variant": None},
        {"variant": {}},
        {"variant": {"name": ["dcgan"], "version": 1}},
        {"variant": {"name": "dcgan", "version": 1, "network": {"kind": "dcgan", "ngf": "many"}}},
        {"variant": {"name": "dcgan", "version": 1, "network": {"kind": "dcgan", "ngf": 1e400}}},
        {"variant": {"name": "dcgan", "version": 1, "network": 3}},
        {"shape": None},
        {"shape": ["a", 16, 16]},
        {"shape": [1, -16, 16]},
        {"shape": [16]},
        {"classes": {"names": 3}},
        {"classes": {"sides": [3]}},
    ],
    ids=str,
)
def test_metadata_that_describe_nothing_are_a_sentence(saved, changes):
    path, _ = saved
    rewritten(path, **changes)
    with pytest.raises(gans.VariantError):
        gans.load(path)


@pytest.mark.parametrize("name", ["ngf", "ndf"])
def test_metadata_of_a_network_of_a_thousand_gigabytes_take_no_memory(saved, name):
    path, trained = saved
    huge = to_config(gans.set_field(trained.variant, name, "1000000"))
    rewritten(path, variant=huge)
    with pytest.raises(
        gans.VariantError, match="describes are larger than its weights"
    ):  # before any is made
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
    other = gans.Trainer(gans.set_field(trained.variant, "ngf", "8"), images(), settings_of(1))
    gans.save_checkpoint(path, trained.state_dict(), other.variant, trained.shape, trained.classes)
    with pytest.raises(gans.VariantError, match="does not hold the weights of dcgan version 1"):
        gans.load(path)


def test_only_tensors_and_text_are_in_it(saved):
    path, _ = saved
    assert FORMAT.encode() in path.read_bytes()[:100_000]
    assert all(isinstance(tensor, torch.Tensor) for tensor in read_checkpoint(path)[0].values())
