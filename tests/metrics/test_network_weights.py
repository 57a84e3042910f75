"""Weights files that are missing, broken, or something else: one sentence each, and no code is run."""

import pickle
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from metrics import MetricError, load_extractor
from metrics.network_weights import read_state_dict

NAMES = ["inception-v3-compat", "dinov2-vit-s-14", "clip-vit-b-32"]


class Malicious:
    def __reduce__(self):
        return (print, ("this must never be printed",))


def write(path, contents):
    path.write_bytes(contents)
    return path


def whole(path):
    torch.save({"weight": torch.zeros(1000)}, path)
    return path.read_bytes()


CASES = {
    "missing": (lambda path: None, "can't be read from .*there is no such file"),
    "folder": (lambda path: path.mkdir(), "it is a folder, and one file is needed"),
    "empty": (lambda path: write(path, b""), "the file is empty"),
    "text": (lambda path: write(path, b"not a checkpoint"), "it is not a file of PyTorch weights"),
    "cut short": (lambda path: write(path, whole(path)[:-200]), "the file is cut short"),
    "code": (lambda path: torch.save({"weight": Malicious()}, path), "damaged, or holds more than tensors"),
    "old code": (lambda path: write(path, pickle.dumps(Malicious())), "not a file of PyTorch weights"),
    "a tensor": (lambda path: torch.save(torch.zeros(3), path), "it is not a state dict"),
    "a checkpoint": (lambda path: torch.save({"epoch": 3}, path), "it is not a state dict"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES)
def test_no_weights_file(name, case, tmp_path, capsys):
    make, words = CASES[case]
    path = tmp_path / "weights.pth"
    make(path)
    with pytest.raises(MetricError, match=words) as raised:
        load_extractor(f"{name}:{path}")
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "never" not in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_another_network(name, tmp_path):
    path = tmp_path / "weights.pth"
    whole(path)
    with pytest.raises(MetricError, match=r"does not hold .*weights"):
        load_extractor(f"{name}:{path}")


def test_a_torchscript_archive_is_recognised_and_not_loaded(tmp_path):
    path = tmp_path / "archive.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/constants.pkl", b"")
        archive.writestr("archive/code/__torch__.py", b"")
    with pytest.raises(
        MetricError, match=r"TorchScript archive, which runs code of its own.*as a state dict"
    ):
        read_state_dict(path, "the weights")


def test_safetensors_are_read_and_broken_ones_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.arange(4.0)}, path)
    assert torch.equal(read_state_dict(path, "the weights")["weight"], torch.arange(4.0))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(MetricError, match="not a whole safetensors file"):
        read_state_dict(path, "the weights")
