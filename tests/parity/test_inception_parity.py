"""Our Inception under torch-fidelity's preprocessing against torch-fidelity."""

import hashlib

import pytest
import torch
from frechet_of_features import BOUND, FEW, our_frechet, statistics
from torch_fidelity import calculate_metrics
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.utils import create_feature_extractor

from metrics import inception_score, load_extractor

# Each side is about 1.5e-5 of the largest feature away from the same network in float64: rounding grows over
# 94 random layers. Another preprocessing would be off by 1e-2 or more.
FEATURES = 1e-4


class Images(torch.utils.data.Dataset):
    """torch-fidelity takes a data set of uint8 tensors."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __len__(self):
        return len(self.tensor)

    def __getitem__(self, index):
        return self.tensor[index]


def settings(weights):
    return {
        "feature_extractor_weights_path": str(weights),
        "cuda": False,
        "cache": False,
        "verbose": False,
        "save_cpu_ram": True,
    }


@pytest.fixture(scope="module")
def ours(inception_weights):
    return load_extractor(f"inception-v3-compat:{inception_weights}")


def its_network(weights):
    return create_feature_extractor(
        "inception-v3-compat",
        ["2048", "logits_unbiased"],
        cuda=False,
        verbose=False,
        feature_extractor_weights_path=str(weights),
    )


def test_features_and_scores(ours, inception_weights, piles, parity):
    assert ours.sha256 == hashlib.sha256(inception_weights.read_bytes()).hexdigest()
    fake, true = (ours.extract(pile) for pile in piles)
    network = its_network(inception_weights)
    with torch.no_grad():
        (plain, its_logits), (features, logits) = network(piles[0]), network(piles[1])
    for what, mine, theirs in (("features", true.features, features), ("logits", true.logits, logits)):
        parity(
            "torch-fidelity",
            f"{what}, largest difference",
            float((mine - theirs).abs().max()),
            0.0,
            FEATURES,
            float(theirs.abs().max()),
        )
    isc = isc_features_to_metric(its_logits, splits=1)
    score, _ = inception_score(fake.logits.double().softmax(dim=1), 1)
    # Both push the same logits through float64; what differs is their float32 rounding.
    parity("torch-fidelity", "IS", score, isc["inception_score_mean"], 1e-5)
    few = [dict(zip(("mu", "sigma"), statistics(f[:, :FEW]), strict=True)) for f in (plain, features)]
    expected = fid_statistics_to_metric(*few, False)["frechet_inception_distance"]
    distance, trace = our_frechet(fake.features[:, :FEW], true.features[:, :FEW])
    parity("torch-fidelity", f"FID of {FEW} features", distance, expected, BOUND, trace)
    assert distance > 1e-2 * trace


@pytest.mark.slow
def test_fid_in_all_dimensions(ours, inception_weights, piles, parity):
    """Eigenvalues of a product of 2,048 × 2,048: seconds."""
    theirs = calculate_metrics(
        input1=Images(piles[0]), input2=Images(piles[1]), fid=True, **settings(inception_weights)
    )
    distance, trace = our_frechet(*(ours.extract(pile).features for pile in piles))
    parity("torch-fidelity", "FID", distance, theirs["frechet_inception_distance"], BOUND, trace)
    # The same formula on either features: what folding, layout and resize do to FID. The same network in
    # float64 is 5e-7 away from torch-fidelity's float32, and 1e-6 from ours.
    network = its_network(inception_weights)
    with torch.no_grad():
        on_theirs, _ = our_frechet(*(network(pile)[0] for pile in piles))
    parity("torch-fidelity", "FID, our formula on its features", distance, on_theirs, 5e-6)


def test_results_do_not_depend_on_the_batch_size(ours, piles):
    together, alone = ours.extract(piles[1], batch_size=4), ours.extract(piles[1], batch_size=1)
    for one, other in ((together.features, alone.features), (together.logits, alone.logits)):
        # Another batch size may take another order of float32 sums: as above.
        assert (one - other).abs().max() <= FEATURES * one.abs().max()


def test_gray_images_are_repeated_to_rgb(ours, piles):
    gray = piles[1][:1, :1]
    one, other = ours.extract(gray).features, ours.extract(gray.repeat(1, 3, 1, 1)).features
    assert (one - other).abs().max() <= FEATURES * one.abs().max()


@pytest.mark.slow
def test_conventions_and_precisions_have_keys_and_features_of_their_own(inception_weights, piles):
    name, image = f"inception-v3-compat:{inception_weights}", piles[0][:1]
    default, legacy = load_extractor(name), load_extractor(name, preprocessing="studiogan-legacy")
    plain, rounded = (
        load_extractor(name, preprocessing="pytorch-fid"),
        load_extractor(name, precision="bfloat16"),
    )
    assert len({extractor.key for extractor in (default, legacy, plain, rounded)}) == 4
    made = [extractor.extract(image) for extractor in (default, legacy, plain, rounded)]
    # StudioGAN's default is pytorch-fid's network, with the bias on its logits.
    assert torch.equal(made[1].features, made[2].features)
    bias = torch.load(inception_weights)["fc.bias"]
    torch.testing.assert_close(made[1].logits, made[2].logits + bias)
    scale = made[0].features.abs().max()
    assert (made[0].features - made[1].features).abs().max() > 1e-2 * scale
    # Eight bits instead of 24: far more than rounding to float32, far less than another image.
    lost = (made[0].features - made[3].features).norm() / made[0].features.norm()
    assert 1e-3 < lost < 0.3
    assert (rounded.dtype, made[3].features.dtype) == ("bfloat16", torch.float32)
