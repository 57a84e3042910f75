"""Our Inception under torchmetrics' preprocessing against torchmetrics."""

import warnings

import pytest
import torch
from frechet_of_features import BOUND, FEW, our_frechet
from torch_fidelity import feature_extractor_inceptionv3

from metrics import inception_score, load_extractor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its imports of other packages, deprecated here and there
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.inception import InceptionScore

# Each side is about 1.5e-5 of the largest feature away from the same network in float64: rounding grows over
# 94 random layers. Another preprocessing would be off by 1e-2 or more.
FEATURES = 1e-4


class First(torch.nn.Module):
    """The leading features of its network; eigenvalues of all 2,048 take seconds."""

    num_features = FEW

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images)[:, :FEW]


@pytest.mark.slow
def test_fid_in_all_dimensions(inception_weights, piles, parity):
    metric = FrechetInceptionDistance(feature_extractor_weights_path=str(inception_weights))
    metric.update(piles[0], real=False)
    metric.update(piles[1], real=True)
    extractor = load_extractor(f"inception-v3-compat:{inception_weights}", preprocessing="torchmetrics")
    distance, trace = our_frechet(*(extractor.extract(pile).features for pile in piles))
    parity("torchmetrics", "FID", distance, float(metric.compute()), BOUND, trace)


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore` will save all extracted features")
def test_features_and_scores(inception_weights, piles, parity, monkeypatch):
    extractor = load_extractor(f"inception-v3-compat:{inception_weights}", preprocessing="torchmetrics")
    ours = [extractor.extract(pile) for pile in piles]
    metric = FrechetInceptionDistance(feature_extractor_weights_path=str(inception_weights))
    with torch.no_grad():
        theirs = metric.inception(piles[1])
    largest = float((ours[1].features - theirs).abs().max())
    parity("torchmetrics", "features, largest difference", largest, 0.0, FEATURES, float(theirs.max()))
    few = FrechetInceptionDistance(feature=First(metric.inception))
    few.update(piles[0], real=False)
    few.update(piles[1], real=True)
    distance, trace = our_frechet(*(one.features[:, :FEW] for one in ours))
    parity("torchmetrics", f"FID of {FEW} features", distance, float(few.compute()), BOUND, trace)

    # Its Inception score takes no weights file.
    weights = torch.load(inception_weights)
    monkeypatch.setattr(feature_extractor_inceptionv3, "load_state_dict_from_url", lambda *_, **__: weights)
    score = InceptionScore(splits=1)
    score.update(piles[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the standard deviation of one split
        expected, _ = score.compute()
    mine, _ = inception_score(ours[0].logits.double().softmax(dim=1), 1)
    # Theirs sums in float32 over 1,008 classes: a relative 1e-6.
    parity("torchmetrics", "IS", mine, float(expected), 1e-5)
