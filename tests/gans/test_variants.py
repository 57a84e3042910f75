"""What every recipe can be trained on, and what it refuses with a sentence."""

import pytest
import torch
from tiny import VARIANTS, images, labels, points, settings, tiny, trainer_on

import gans

CONVOLUTIONAL = tuple(name for name in VARIANTS if tiny(name).network.kind == "dcgan")


def test_every_variant_is_tested():
    assert gans.names() == VARIANTS


@pytest.mark.parametrize("name", CONVOLUTIONAL)
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 8), (1, 28), (3, 32), (3, 40)])
def test_convolutional_variants_train_at_the_sizes_of_dcgan(name, channels, size):
    trained = trainer_on(images(20, channels=channels, size=size), tiny(name), settings(1))
    (record,) = trained.train()
    assert record["loss_d"] == record["loss_d"]  # no NaN
    assert trained.sampler().sample(2).shape == (2, channels, size, size)


@pytest.mark.parametrize("name", ["acgan", "cgan", "lsgan", "vanilla", "wgan", "wgan_gp"])
def test_multi_layer_perceptrons_make_points(name):
    variant = tiny(name) if name == "vanilla" else gans.set_field(tiny(name), "network", "mlp")
    for path, text in (("hidden_g", "8"), ("hidden_d", "8")):
        variant = gans.set_field(variant, path, text)
    trained = trainer_on(points(), variant, settings(2))
    list(trained.train())
    samples = trained.sampler().sample(5)
    assert (samples.shape, samples.dtype) == ((5, 2), torch.float32)


@pytest.mark.parametrize("name", [*CONVOLUTIONAL, "gan2014"])
def test_networks_for_images_refuse_points(name):
    with pytest.raises(gans.VariantError, match=r"makes images.*, not points; choose vanilla"):
        trainer_on(points(), tiny(name), settings(1))


@pytest.mark.parametrize(
    ("name", "key", "text"),
    [
        ("lsgan", "network", "mlp"),
        ("dcgan", "loss", "hinge"),
        ("dcgan", "conditioning", "class-head"),
        ("vanilla", "conditioning", "joined"),
        ("gan2014", "conditioning", "joined"),
        ("acgan", "penalty", "gradient"),
        ("wgan", "optimiser_d", "sgd"),
        ("dcgan", "dropout", "0.3"),
    ],
)
def test_pieces_go_together(name, key, text):
    """Another piece in one slot is one change, and what is trained is what was asked for."""
    plain, changed = tiny(name), gans.set_field(tiny(name), key, text)
    if (key, text) == ("network", "mlp"):
        for path in ("hidden_g", "hidden_d"):
            changed = gans.set_field(changed, path, "8")
    states = []
    for variant in (plain, changed):
        trained = gans.Trainer(variant, images(), settings(2), labels=labels())
        (record,) = trained.train()
        states.append([p.detach().clone() for p in trained.generator.parameters()])
        assert all(p.isfinite().all() for p in states[-1])
    shapes = [[p.shape for p in state] for state in states]
    assert shapes[0] != shapes[1] or not all(map(torch.equal, *states))
    assert record["class_loss"] > 0 or text != "class-head"
    assert record["penalty"] > 0 or text != "gradient"
