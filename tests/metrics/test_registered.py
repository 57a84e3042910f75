"""Networks that someone registered with torch-fidelity."""

import pytest
import torch
from made_up_weights import wave_images
from torch import nn
from torch_fidelity import FeatureExtractorBase, register_feature_extractor
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from metrics import MetricError, Reference, load_extractor, score

IMAGES = wave_images(5, 3, 12, 10)


class Pooled(FeatureExtractorBase):
    """Mean colours, and a linear layer on them."""

    def __init__(self, name, features_list, feature_extractor_weights_path=None, **_kwargs):
        super().__init__(name, features_list)
        self.linear = nn.Linear(3, 7)
        with torch.no_grad():
            self.linear.weight.copy_(torch.arange(21.0).view(7, 3) / 10)
            self.linear.bias.zero_()
        if feature_extractor_weights_path is not None:
            self.load_state_dict(torch.load(feature_extractor_weights_path))

    def forward(self, images):
        colours = images.float().mean(dim=(2, 3)) / 255
        made = {"colours": colours, "logits": self.linear(colours)}
        return tuple(made[name] for name in self.features_list)

    @staticmethod
    def get_provided_features_list():
        return "logits", "colours"


class WithDefaults(Pooled):
    @staticmethod
    def get_default_feature_layer_for_metric(metric):
        return {"fid": "logits", "isc": "logits"}[metric]


class Maps(Pooled):
    def forward(self, images):
        return (images.float(),) * len(self.features_list)


class Failing(Pooled):
    def __init__(self, *_args, **_kwargs):
        raise ValueError("no such file")


class Breaking(Pooled):
    def forward(self, _images):
        raise RuntimeError("shapes cannot be multiplied")


@pytest.fixture
def register():
    before = dict(FEATURE_EXTRACTORS_REGISTRY)
    yield register_feature_extractor
    FEATURE_EXTRACTORS_REGISTRY.clear()
    FEATURE_EXTRACTORS_REGISTRY.update(before)


def test_features_and_logits(register):
    register("mean-colours", Pooled)
    extractor = load_extractor("mean-colours")
    made = extractor.extract(IMAGES, batch_size=2)
    torch.testing.assert_close(made.features, IMAGES.float().mean(dim=(2, 3)) / 255)
    assert made.logits.shape == (5, 7)
    assert (extractor.name, extractor.dim, extractor.n_logits) == ("mean-colours", 3, 7)
    assert extractor.outputs == "colours, logits"
    gray = extractor.extract(IMAGES[:, :1]).features
    assert torch.equal(gray, gray[:, :1].expand(-1, 3))


def test_layers_that_the_class_names_come_first(register):
    register("with-defaults", WithDefaults)
    extractor = load_extractor("with-defaults")
    made = extractor.extract(IMAGES)
    assert made.features.shape == (5, 7)
    assert (made.logits, extractor.n_logits) == (None, None)


def test_weights_decide_the_hash(register, tmp_path):
    register("mean-colours", Pooled)
    default = load_extractor("mean-colours")
    assert default.sha256 == load_extractor("mean-colours").sha256
    path = tmp_path / "weights.pth"
    torch.save({"linear.weight": torch.ones(7, 3), "linear.bias": torch.ones(7)}, path)
    other = load_extractor(f"mean-colours:{path}")
    assert other.sha256 != default.sha256
    assert other.key != default.key
    register("another-name", Pooled)
    namesake = load_extractor("another-name")
    assert (namesake.sha256, namesake.key == default.key) == (default.sha256, False)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Maps, "one row of 'colours' an image, got .* of 2 images"),
        (Failing, "can't be made: no such file"),
        (Breaking, r"fails on uint8 images of shape \(2, 3, 64, 64\): shapes cannot"),
    ],
)
def test_a_class_that_does_not_do_as_it_should_is_named(register, kind, words):
    register("broken", kind)
    with pytest.raises(MetricError, match=f"'broken'.*{words}"):
        load_extractor("broken")


def test_a_name_of_this_package_is_not_hidden_by_someone_elses(register):
    register("mnist-classifier", Pooled)
    with pytest.raises(MetricError, match="register yours under another name"):
        load_extractor("mnist-classifier")


def test_a_weights_file_that_is_missing(register, tmp_path):
    register("mean-colours", Pooled)
    with pytest.raises(MetricError, match="there is no such file"):
        load_extractor(f"mean-colours:{tmp_path / 'none.pth'}")


def test_the_protocol_of_torch_fidelity_takes_what_is_registered_with_it(register):
    register("mean-colours", Pooled)
    extractor = load_extractor("mean-colours", preprocessing="torch-fidelity")
    real = Reference("waves", wave_images(40, 3, 12, 10))
    one = score(IMAGES, real, ["precision"], extractor=extractor, convention="torch-fidelity")["precision"]
    assert one.protocol.rule == "k = 3, a ball's surface belongs to it"
    with pytest.raises(MetricError, match="has a preprocessing of its own"):
        load_extractor("mean-colours", preprocessing="clean-fid")
