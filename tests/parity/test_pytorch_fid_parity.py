"""Our Inception under pytorch-fid's preprocessing against it, and under StudioGAN's against its recipe."""

from pathlib import Path

import numpy as np
import pytest
import torch
from frechet_of_features import BOUND, FEW, our_frechet, statistics
from PIL import Image
from pytorch_fid import fid_score, inception

from metrics import inception_score, load_extractor

# Each side is about 1.5e-5 of the largest feature away from the same network in float64: rounding grows over
# 94 random layers. Another preprocessing would be off by 1e-2 or more.
FEATURES = 1e-4


@pytest.fixture
def from_random_weights(inception_weights, monkeypatch):
    """pytorch-fid downloads its weights; the file has the layout of torch-fidelity's."""
    weights = torch.load(inception_weights)
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: weights)
    return weights


def test_features_and_fid(from_random_weights, inception_weights, piles, folders, parity, old_sqrtm):
    network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    theirs = [
        fid_score.get_activations(sorted(Path(folder).iterdir()), network, batch_size=2, num_workers=0)
        for folder in folders
    ]
    extractor = load_extractor(f"inception-v3-compat:{inception_weights}", preprocessing="pytorch-fid")
    ours = [extractor.extract(pile).features for pile in piles]
    for mine, other in zip(ours, theirs, strict=True):
        largest = float(np.abs(mine.numpy() - other).max())
        parity("pytorch-fid", "features, largest difference", largest, 0.0, FEATURES, float(other.max()))
    few = [other[:, :FEW] for other in theirs]
    distance, trace = our_frechet(*(mine[:, :FEW] for mine in ours))
    expected = fid_score.calculate_frechet_distance(*statistics(few[0]), *statistics(few[1]))
    parity("pytorch-fid", f"FID of {FEW} features", distance, expected, BOUND, trace)


def test_studiogan(from_random_weights, inception_weights, piles, parity):
    """Its metrics/preparation.py and utils/resize.py, composed from Pillow and pytorch-fid's network."""
    network = inception.fid_inception_v3().eval()
    images = []
    for image in piles[0]:
        channels = [
            np.asarray(
                Image.fromarray(c.numpy().astype(np.float32)).resize((299, 299), Image.Resampling.BILINEAR)
            )
            for c in image
        ]
        images.append(torch.from_numpy(np.stack(channels)))
    with torch.no_grad():
        logits = network((torch.stack(images) / 255 - 0.5) / 0.5)
    probabilities = logits.double().softmax(dim=1)
    expected = float(
        (probabilities * (probabilities / probabilities.mean(dim=0)).log()).sum(dim=1).mean().exp()
    )
    extractor = load_extractor(f"inception-v3-compat:{inception_weights}", preprocessing="studiogan")
    mine = extractor.extract(piles[0]).logits
    largest = float((mine - logits).abs().max())
    parity(
        "StudioGAN's recipe", "logits, largest difference", largest, 0.0, FEATURES, float(logits.abs().max())
    )
    score, _ = inception_score(mine.double().softmax(dim=1), 1)
    parity("StudioGAN's recipe", "IS", score, expected, 1e-5)
