"""Other people's networks and data, through the same trainer."""

import pytest
import torch
from test_batches import Streamed
from tiny import assert_equal, everything, images, labels, points, settings, tiny
from torch import nn

import gans


class Theirs(nn.Module):
    """A generator as anyone would write it."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 256), nn.Tanh())

    def forward(self, z):
        return self.layers(z).view(-1, 1, 16, 16)


def their_pair(outputs=1):
    return Theirs(), nn.Sequential(nn.Flatten(), nn.Linear(256, outputs))


@pytest.mark.parametrize("name", ["dcgan", "lsgan", "wgan", "wgan_gp", "vanilla"])
def test_any_pair_of_modules_trains_under_any_recipe(name, tmp_path):
    generator, discriminator = their_pair()
    weights = generator.layers[0].weight, discriminator[1].weight
    before = [weight.clone() for weight in weights]
    trained = gans.Trainer(tiny(name), images(), settings(4), players=(generator, discriminator))
    (record,) = trained.train()
    assert all(torch.isfinite(torch.tensor(record[key])) for key in ("loss_d", "loss_g"))
    assert not any(map(torch.equal, before, weights))
    samples = trained.sampler().sample(5)
    assert (samples.shape, samples.dtype) == ((5, 1, 16, 16), torch.uint8)

    path = tmp_path / "checkpoint.safetensors"
    gans.save_checkpoint(path, trained.state_dict(), trained.variant, trained.shape, trained.classes)
    assert torch.equal(gans.load(path, generator=Theirs()).sample(5), samples)
    with pytest.raises(gans.VariantError, match="does not hold the weights of"):
        gans.load(path)


def test_a_pair_with_a_class_head():
    class Labelled(Theirs):
        def forward(self, z, labels):
            return super().forward(z) * (labels + 1).view(-1, 1, 1, 1) / 4

    pair = Labelled(), their_pair(outputs=1 + 4)[1]
    trained = gans.Trainer(tiny("acgan"), images(), settings(2), labels=labels(), players=pair)
    (record,) = trained.train()
    assert record["class_loss"] > 0
    assert trained.sampler().sample(3, labels=torch.tensor([0, 1, 3])).shape == (3, 1, 16, 16)


def test_a_generator_of_another_shape_is_refused():
    with pytest.raises(
        gans.VariantError, match=r"G makes \(1, 16, 16\), and the training samples are \(2,\)."
    ):
        gans.Trainer(tiny("vanilla"), points(), settings(1), players=their_pair())


@pytest.mark.parametrize("name", ["dcgan", "cgan", "gan2014"])
def test_streamed_and_in_memory_give_the_same_weights(name):
    states = []
    for data in (images(), Streamed(images())):
        trained = gans.Trainer(tiny(name), data, settings(12), labels=labels())
        list(trained.train())
        states.append(everything(trained))
    assert_equal(*states)


def test_a_streamed_training_goes_on_from_its_state():
    whole = gans.Trainer(tiny("vanilla"), Streamed(images()), settings(12))
    list(whole.train())
    first = gans.Trainer(tiny("vanilla"), Streamed(images()), settings(12))
    for _ in range(5):
        first.step()
    second = gans.Trainer(tiny("vanilla"), Streamed(images()), settings(12))
    second.load_state_dict(first.state_dict())
    list(second.train())
    assert_equal(everything(whole), everything(second))


class TwoOutputs(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :2]


class Unlabelled(Theirs):
    def forward(self, z, labels):
        return super().forward(z)


@pytest.mark.parametrize(
    ("name", "pair", "said"),
    [
        ("lsgan", (Theirs(), TwoOutputs()), r"D must give \(n,\) or \(n, 1\), not \(n, 2\)\."),
        ("acgan", (Unlabelled(), their_pair()[1]), r"D must give \(n, 5\), not \(n, 1\)\."),
        ("cgan", (Unlabelled(), their_pair()[1]), r"cannot be called as cgan calls them \(TypeError: "),
        (
            "lsgan",
            (nn.Linear(9, 256), their_pair()[1]),
            r"cannot be called as lsgan calls them \(RuntimeError: ",
        ),
    ],
)
def test_players_that_do_not_fit_the_recipe_are_refused(name, pair, said):
    with pytest.raises(gans.VariantError, match=said):
        gans.Trainer(tiny(name), images(), settings(1), labels=labels(), players=pair)


def test_players_of_a_conditional_variant_need_labels_too():
    with pytest.raises(gans.VariantError, match="cgan needs labels, and these data have none"):
        gans.Trainer(tiny("cgan"), images(), settings(1), players=their_pair())
