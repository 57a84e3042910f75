"""`metrics.score` on Inception features against torch-fidelity's `calculate_metrics`.

The weights are random, because the real ones can't be had offline: with convolutions initialised
for ReLU and batch norms calibrated on a few images, features spread as those of a trained network.
"""

import hashlib

import pytest
import torch
from torch import nn
from torch_fidelity import calculate_metrics
from torch_fidelity import feature_extractor_inceptionv3 as inception

from metrics import Reference, load_extractor, score, scoring


def images(n, seed, brightness):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 3, 4, 4, generator=generator) * brightness
    return nn.functional.interpolate(coarse, 20, mode="bilinear").mul(255).to(torch.uint8)


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        patch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
        network = inception.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.BatchNorm2d):
                module.momentum = None
        network.train()
        with torch.no_grad():
            network(images(4, 0, 1.0))
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(network.state_dict(), path)
    return path


def test_against_torch_fidelity(random_weights, monkeypatch):
    fake, true = images(10, 1, 1.0), images(6, 2, 0.7)
    theirs = calculate_metrics(
        input1=Images(fake),
        input2=Images(true),
        feature_extractor_weights_path=str(random_weights),
        isc=True,
        fid=True,
        isc_splits=1,
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
    )
    extractor = load_extractor(f"inception-v3-compat:{random_weights}")
    assert extractor.sha256 == hashlib.sha256(random_weights.read_bytes()).hexdigest()
    # A resample in 2,048 dimensions costs a second, and its spread is tested elsewhere.
    monkeypatch.setattr(scoring, "_RESAMPLES", 2)
    real = Reference("coarse/test@0", true)
    ours = score(fake, real, ["fid", "is"], extractor=extractor, generator=torch.Generator().manual_seed(0))
    # Both push the same float32 logits through float64; batches may differ in float32 rounding.
    assert ours["is"].details["whole_set"] == pytest.approx(theirs["inception_score_mean"], rel=1e-5)
    assert ours["is"].metric == "is@inception-v3-compat"
    # Fewer samples than dimensions: the reference is the inexact side, good to about 1e-5.
    scale = float(real.moments(extractor).covariance.trace())
    assert abs(ours["fid"].value - theirs["frechet_inception_distance"]) < 1e-5 * scale
    assert ours["fid"].value > 1e-2 * scale
    gray = fake[:1, :1]
    repeated, rgb = extractor.extract(gray), extractor.extract(gray.repeat(1, 3, 1, 1))
    assert torch.equal(repeated.features, rgb.features)


class Images(torch.utils.data.Dataset):
    """torch-fidelity takes a data set of uint8 tensors."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __len__(self):
        return len(self.tensor)

    def __getitem__(self, index):
        return self.tensor[index]
