"""CLIP's image encoder from small files of made-up weights."""

import hashlib
import warnings

import pytest
import torch
from made_up_weights import made_up, shapes_of, wave_images
from safetensors.torch import save_file
from torch import nn
from torch_fidelity.feature_extractor_clip import CLIPVisual, FeatureExtractorCLIP

from metrics import MetricError, clip, load_extractor

NAME = "clip-vit-b-32"


class Archive(nn.Module):
    """A module with the names of OpenAI's, which TorchScript can hold."""

    def __init__(self, weights):
        super().__init__()
        for name, value in weights.items():
            parent = self
            *path, leaf = name.split(".")
            for part in path:
                if not hasattr(parent, part):
                    parent.add_module(part, nn.Module())
                parent = getattr(parent, part)
            parent.register_buffer(leaf, value)

    def forward(self, x):
        return x


@pytest.fixture
def state():
    """A vision transformer of width 64 with 2 blocks for 64 × 64 pixels, in float16 as OpenAI's."""
    visual = CLIPVisual(16, 64, 2, 64, 16)
    weights = made_up(shapes_of(visual))
    return {name: value.half() for name, value in {**weights, "text_projection": torch.zeros(8, 16)}.items()}


@pytest.fixture
def weights(state, tmp_path):
    path = tmp_path / "clip.pth"
    torch.save(state, path)
    return path


@pytest.fixture
def archive(state, tmp_path):
    path = tmp_path / "openai.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and what OpenAI's files are
        torch.jit.save(torch.jit.script(Archive(state)), str(path))
    return path


def test_features_are_torch_fidelitys_under_its_convention(weights, archive):
    images = wave_images(3, 3, 40, 30)
    ours = load_extractor(f"{NAME}:{weights}", preprocessing="torch-fidelity").extract(images)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = FeatureExtractorCLIP(NAME, ["clip"], feature_extractor_weights_path=str(archive))
    assert ours.logits is None
    with torch.no_grad():
        expected = theirs(images)[0]
    assert expected.shape == (3, 16)
    # The resize differs by 3e-5 of 255, the rest by the order of float32 sums.
    torch.testing.assert_close(ours.features, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_a_state_dict_may_be_of_either_format(weights, state, tmp_path):
    other = tmp_path / "clip.safetensors"
    save_file(state, other)
    one, two = load_extractor(f"{NAME}:{weights}"), load_extractor(f"{NAME}:{other}")
    images = wave_images(2, 3, 40, 30)
    assert torch.equal(one.extract(images).features, two.extract(images).features)
    assert (one.dim, one.image_size) == (16, 64)
    assert one.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest() != two.sha256


def test_an_archive_is_loaded_only_if_it_is_openais(weights, archive, monkeypatch):
    with pytest.raises(MetricError, match="TorchScript archive, which runs code"):
        load_extractor(f"{NAME}:{archive}")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setitem(clip.MODEL_METADATA, NAME, {"hash": digest, "filename": "x"})
    images = wave_images(2, 3, 40, 30)
    official = load_extractor(f"{NAME}:{archive}").extract(images)
    assert torch.equal(official.features, load_extractor(f"{NAME}:{weights}").extract(images).features)


def test_the_default_is_the_preprocessing_of_cmmds_authors(weights):
    default = load_extractor(f"{NAME}:{weights}")
    assert "CMMD" in default.resize
    assert "central square" in default.resize
    images = wave_images(4, 3, 40, 30)
    made = default.extract(images).features
    # Cutting the central square by hand changes nothing.
    assert torch.equal(default.extract(images[:, :, 5:35]).features, made)
    other = load_extractor(f"{NAME}:{weights}", preprocessing="torch-fidelity")
    assert other.key != default.key
    assert (other.extract(images).features - made).abs().max() > 1e-3
    # Float32 rounding; another batch size may take another order of sums.
    alone = torch.cat([default.extract(image[None]).features for image in images])
    torch.testing.assert_close(alone, made, rtol=0, atol=1e-5 * float(made.abs().max()))


def test_another_networks_file_is_refused(state, tmp_path):
    path = tmp_path / "other.pth"
    for contents in ({"weight": torch.zeros(2)}, {**state, "visual.more": torch.zeros(2)}):
        torch.save(contents, path)
        with pytest.raises(MetricError, match=r"weights of clip-vit-b-32.*of another network"):
            load_extractor(f"{NAME}:{path}")


def test_offline_says_where_to_get_the_weights(tmp_path, monkeypatch):
    def no_network(*_args, **_kwargs):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(MetricError, match=r"fetch https://openaipublic.*ViT-L-14-336px\.pt.*:PATH"):
        load_extractor("clip-vit-l-14-336px")
