import hashlib
import urllib.error

import pytest
import torch
from quadrants import METADATA, quadrants
from torch.nn import functional as F

from metrics import DomainClassifier, DomainClassifierExtractor, MetricError, load_extractor

IMAGES, _ = quadrants(30, seed=5)


@pytest.fixture
def rgb_extractor(tmp_path):
    path = tmp_path / "rgb.safetensors"
    torch.manual_seed(0)
    DomainClassifier(name="rgb", image_size=8, channels=3, n_classes=4).save(path, METADATA)
    return DomainClassifierExtractor(path)


def test_shapes_types_and_independence_of_the_batch_size(extractor):
    whole = extractor.extract(IMAGES, batch_size=30)
    assert (whole.features.dtype, whole.features.shape) == (torch.float32, (30, extractor.dim))
    assert (whole.logits.dtype, whole.logits.shape) == (torch.float32, (30, 4))
    parts = extractor.extract(IMAGES, batch_size=7)
    # Another batch size may pick another kernel: float32 rounding of values of order 10.
    torch.testing.assert_close(parts.features, whole.features, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(parts.logits, whole.logits, rtol=1e-4, atol=1e-4)


def test_autocast_left_on_by_the_caller_changes_nothing(extractor):
    plain = extractor.extract(IMAGES)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = extractor.extract(IMAGES)
    assert torch.equal(inside.features, plain.features)


def test_features_carry_no_gradient_and_images_stay_as_they_were(extractor):
    before = IMAGES.clone()
    assert not extractor.extract(IMAGES).features.requires_grad
    assert torch.equal(IMAGES, before)


def test_other_sizes_are_resized_with_antialiasing_and_it_is_said(extractor, weights):
    noise = torch.randint(
        0, 256, (4, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    scaled = noise.float() / 127.5 - 1
    expected = F.interpolate(scaled, size=(8, 8), mode="bilinear", antialias=True)
    classifier, _ = DomainClassifier.load(weights)
    torch.testing.assert_close(classifier.prepare(noise), expected, rtol=0, atol=1e-6)
    assert "antialias" in extractor.resize
    assert "8×8" in extractor.resize


def test_rgb_goes_through_luma_into_a_gray_network_and_gray_is_repeated_into_rgb(extractor, rgb_extractor):
    gray_as_rgb = IMAGES.repeat(1, 3, 1, 1)
    plain, turned = extractor.extract(IMAGES), extractor.extract(gray_as_rgb)
    # The luma weights sum to 1, up to float32 rounding.
    torch.testing.assert_close(turned.features, plain.features, rtol=1e-4, atol=1e-4)
    red, blue = torch.zeros_like(gray_as_rgb), torch.zeros_like(gray_as_rgb)
    red[:, 0] = blue[:, 2] = 200
    assert not torch.equal(extractor.extract(red).features, extractor.extract(blue).features)
    assert "luma" in extractor.grayscale
    repeated = rgb_extractor.extract(IMAGES)
    assert torch.equal(repeated.features, rgb_extractor.extract(gray_as_rgb).features)
    assert "repeated" in rgb_extractor.grayscale


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (IMAGES.numpy(), "a torch tensor.*got ndarray"),
        (IMAGES.float() / 255, r"float32 .*in 0\.\..*\(images \* 255\)"),
        (IMAGES.float() / 127.5 - 1, r"values lie in -1\.\..*\(images \+ 1\) \* 127\.5"),
        (IMAGES.float(), r"give images\.round\(\)"),
        (IMAGES.float() - 300, "none of 0..1, -1..1 and 0..255"),
        (IMAGES.float() * torch.nan, "NaN or infinite"),
        (IMAGES.float() / 0, "NaN or infinite"),
        (IMAGES.long(), r"int64 .*give images\.to\(torch\.uint8\)"),
        (IMAGES.long() + 200, "beyond 0..255"),
        (IMAGES > 100, r"\* 255"),
        (IMAGES[0], r"\(1, 8, 8\): give one image as images\[None\]"),
        (IMAGES[0, 0], r"\(N, C, H, W\), got"),
        (IMAGES[:0], "at least one"),
        (IMAGES.repeat(1, 2, 1, 1), "1 or 3 channels"),
        (IMAGES.permute(0, 2, 3, 1), r"channels are last, give images\.permute\(0, 3, 1, 2\)"),
        (IMAGES[:, :, :0], "not empty"),
    ],
)
def test_anything_but_images_is_refused_with_what_to_do(extractor, images, words):
    with pytest.raises(MetricError, match=words):
        extractor.extract(images)


def test_a_batch_of_none_is_refused(extractor):
    with pytest.raises(MetricError, match="at least one at a time, got batch size 0"):
        extractor.extract(IMAGES, batch_size=0)


def test_key_is_of_all_that_decides_the_features(weights):
    extractor = DomainClassifierExtractor(weights)
    assert len(extractor.key) == 64
    assert extractor.key == DomainClassifierExtractor(weights).key
    keys = {extractor.key}
    for field in ("name", "sha256", "resize", "grayscale", "value_range", "outputs", "dtype"):
        other = DomainClassifierExtractor(weights)
        setattr(other, field, "something else")
        keys.add(other.key)
    assert len(keys) == 8


def test_an_unknown_extractor_is_answered_with_the_known_ones():
    with pytest.raises(MetricError, match=r"'incepton'.*mnist-classifier.*inception-v3-compat"):
        load_extractor("incepton")
    with pytest.raises(MetricError, match=r"no extractor 'inception-v3'.*did you mean 'inception-v3-compat'"):
        load_extractor("inception-v3")
    with pytest.raises(MetricError, match="did you mean 'dinov2-vit-l-14'"):
        load_extractor("dinov2-vitl-14")


def test_an_unknown_convention_or_precision_is_answered_with_the_known_ones(weights):
    with pytest.raises(
        MetricError, match=r"no preprocessing 'cleanfid' \(did you mean 'clean-fid'\?\).*studiogan"
    ):
        load_extractor("inception-v3-compat", preprocessing="cleanfid")
    with pytest.raises(MetricError, match=r"no precision 'fp16'.*float32, bfloat16"):
        load_extractor("dinov2-vit-s-14", precision="fp16")
    with pytest.raises(MetricError, match="has a preprocessing of its own"):
        load_extractor(weights, preprocessing="clean-fid")
    with pytest.raises(MetricError, match="precision 'bfloat16' is for"):
        load_extractor(weights, precision="bfloat16")


def test_a_path_may_be_text_or_a_path(weights):
    assert load_extractor(str(weights)).name == load_extractor(weights).name == "quadrants"
    assert load_extractor(weights).sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_inception_offline_says_where_the_weights_belong(tmp_path, monkeypatch):
    def no_network(*_args, **_kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(MetricError, match=r"(?s)not at .*checkpoints.*fetch https://.*:PATH"):
        load_extractor("inception-v3-compat")
