"""Our Inception under clean-fid's preprocessing against clean-fid.

Its network is a TorchScript archive of the same weights, which can't be had offline; its own code calls
its layers on (x − 128) / 128, and so does the stand-in, made of torch-fidelity's layers.
"""

import numpy as np
import pytest
import torch
from cleanfid import fid
from frechet_of_features import BOUND, FEW, our_frechet, statistics
from torch_fidelity.utils import create_feature_extractor

from metrics import load_extractor

# Each side is about 1.5e-5 of the largest feature away from the same network in float64: rounding grows over
# 94 random layers. Another preprocessing would be off by 1e-2 or more.
FEATURES = 1e-4


@pytest.mark.filterwarnings("ignore:.*mode.*parameter is deprecated:DeprecationWarning")
def test_features_and_fid(inception_weights, piles, folders, parity, old_sqrtm):
    network = create_feature_extractor(
        "inception-v3-compat", ["2048"], cuda=False, feature_extractor_weights_path=str(inception_weights)
    )
    *layers, _fc = network.children()
    trunk = torch.nn.Sequential(*layers)
    theirs = [
        fid.get_folder_features(
            folder,
            model=lambda x: trunk((x - 128) / 128).flatten(1),
            num_workers=0,
            batch_size=3,
            device=torch.device("cpu"),
            mode="clean",
            verbose=False,
        )
        for folder in folders
    ]
    extractor = load_extractor(f"inception-v3-compat:{inception_weights}", preprocessing="clean-fid")
    ours = [extractor.extract(pile).features for pile in piles]
    for mine, other in zip(ours, theirs, strict=True):
        largest = float(np.abs(mine.numpy() - other).max())
        parity("clean-fid", "features, largest difference", largest, 0.0, FEATURES, float(other.max()))
    few = [other[:, :FEW] for other in theirs]
    distance, trace = our_frechet(*(mine[:, :FEW] for mine in ours))
    expected = fid.frechet_distance(*statistics(few[0]), *statistics(few[1]))
    parity("clean-fid", f"FID of {FEW} features", distance, expected, BOUND, trace)
