"""DINOv2 against numbers that Facebook's own code made, and from files good and bad."""

import hashlib

import pytest
import torch
from made_up_weights import made_up, shapes_of, wave_images
from torch.nn import functional as F

from metrics import MetricError, dinov2, load_extractor

NAME = "dinov2-vit-s-14"

# The class tokens, every 17th of 128 numbers of two images, of facebookresearch/dinov2 at b8931f7
# (DinoVisionTransformer with img_size 518, patch_size 14, embed_dim 128, depth 3, num_heads 2, init_values 1,
# interpolate_offset .1), on the weights of `small` and the images below.
FACEBOOKS = {
    False: [
        *(-1.380154, 1.258655, -1.439425, 0.781882, -0.247605, -0.357894, 0.934105, -1.09488),
        *(-1.380152, 1.258674, -1.439387, 0.781894, -0.247565, -0.357864, 0.934122, -1.094821),
    ],
    # With ffn_layer swiglufused.
    True: [
        *(-1.373078, 1.261344, -1.423582, 0.78114, -0.248398, -0.348539, 0.919218, -1.096726),
        *(-1.373077, 1.261362, -1.423545, 0.781153, -0.248358, -0.348509, 0.919235, -1.096667),
    ],
}


def small(gated=False):
    network = dinov2.DinoV2(128, 3, gated).eval()
    # Attention that picks tokens, and positions that stand out: else the class token sees an average.
    larger = {"qkv.weight": 4, "pos_embed": 10}
    weights = made_up(shapes_of(network))
    for name in weights:
        for part, factor in larger.items():
            weights[name] = weights[name] * (factor if part in name else 1)
    network.load_state_dict(weights)
    return network


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A weights file of a small network that goes by the name of a large one."""
    monkeypatch.setitem(dinov2._SHAPES, NAME, (128, 3, False))
    path = tmp_path / "small.pth"
    torch.save(small().state_dict(), path)
    return path


@pytest.mark.parametrize("gated", [False, True])
def test_numbers_of_facebooks_code(gated):
    images = (wave_images(2, 3, 224, 224).float() - 127.5) / 60
    with torch.no_grad():
        tokens = small(gated)(images)
    # Float32 rounding, 4e-7 against float64, and the six digits that are written above.
    expected = torch.tensor(FACEBOOKS[gated])
    torch.testing.assert_close(tokens[:, ::17].flatten(), expected, rtol=0, atol=5e-6)


def test_the_numbers_would_show_another_interpolation_of_positions(monkeypatch):
    original = F.interpolate
    monkeypatch.setattr(
        F,
        "interpolate",
        lambda grid, mode, antialias, **_: original(grid, (16, 16), mode=mode, antialias=antialias),
    )
    images = (wave_images(2, 3, 224, 224).float() - 127.5) / 60
    with torch.no_grad():
        tokens = small()(images)
    # Without the tenth of a patch; measured 2e-5, four times what the numbers above are held to.
    assert (tokens[:, ::17].flatten() - torch.tensor(FACEBOOKS[False])).abs().max() > 1e-5


@pytest.mark.parametrize("name", dinov2._SHAPES)
def test_parameters_of_each_size(name):
    """Oquab et al., Table 17 and the model card: 21, 86, 300 and 1,100 million."""
    with torch.device("meta"):
        network = dinov2.DinoV2(*dinov2._SHAPES[name])
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    expected = dict(zip(dinov2._SHAPES, (22.1, 86.6, 304.4, 1136.5), strict=True))[name]
    assert millions == pytest.approx(expected, abs=0.05)


def test_extractor(weights):
    extractor = load_extractor(f"{NAME}:{weights}")
    images = wave_images(5, 3, 40, 30)
    made = extractor.extract(images)
    assert made.features.shape == (5, 128)
    assert (made.logits, extractor.n_logits, extractor.class_names) == (None, None, None)
    assert extractor.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    with pytest.raises(MetricError, match="tells classes apart"):
        _ = made.class_logits
    # Float32 rounding of numbers up to 2.3; another batch size may take another order of sums.
    alone = torch.cat([extractor.extract(image[None]).features for image in images])
    torch.testing.assert_close(alone, made.features, rtol=0, atol=1e-5)
    gray = images[:, :1]
    repeated = extractor.extract(gray.repeat(1, 3, 1, 1)).features
    torch.testing.assert_close(extractor.extract(gray).features, repeated, rtol=0, atol=1e-5)


def test_conventions_and_precisions_have_keys_of_their_own(weights):
    images = wave_images(3, 3, 40, 30)
    default = load_extractor(f"{NAME}:{weights}")
    others = [
        load_extractor(f"{NAME}:{weights}", preprocessing="torch-fidelity"),
        load_extractor(f"{NAME}:{weights}", precision="bfloat16"),
    ]
    assert len({extractor.key for extractor in (default, *others)}) == 3
    assert "dgm-eval" in default.resize
    assert "torch-fidelity" in others[0].resize
    assert others[1].dtype == "bfloat16"
    for other in others:
        apart = (other.extract(images).features - default.extract(images).features).abs().max()
        assert 1e-5 < apart < 0.5


def test_files_of_other_networks_are_refused(weights, tmp_path):
    state = torch.load(weights)
    cases = {
        "it has a 'register_tokens', which": {**state, "register_tokens": torch.zeros(1, 4, 128)},
        "it has no 'norm.bias'": {name: value for name, value in state.items() if name != "norm.bias"},
        r"'norm.bias' is \(7,\) and should be \(128,\)": {**state, "norm.bias": torch.zeros(7)},
    }
    path = tmp_path / "other.pth"
    for words, contents in cases.items():
        torch.save(contents, path)
        with pytest.raises(MetricError, match=words):
            load_extractor(f"{NAME}:{path}")


def test_offline_says_where_to_get_the_weights(tmp_path, monkeypatch):
    def no_network(*_args, **_kwargs):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(
        MetricError, match=r"fetch https://dl\.fbaipublicfiles\.com/dinov2/dinov2_vitl14/.*:PATH"
    ):
        load_extractor("dinov2-vit-l-14")
