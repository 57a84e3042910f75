"""Labels: how they enter the players, and what is refused."""

import copy

import pytest
import torch
from replay import ANOTHER_ALGORITHM, ROUNDING, difference, replayed
from tiny import BATCH, N_CLASSES, images, labels, points, settings, tiny, trainer
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

import gans
from gans.networks import MLP

STEPS = 20


def adam_pair(netg, netd, name):
    pieces = gans.get(name).optimiser_g, gans.get(name).optimiser_d
    return [
        torch.optim.Adam(net.parameters(), lr=piece.lr, betas=(piece.beta1, piece.beta2))
        for net, piece in zip((netg, netd), pieces, strict=True)
    ]


def conditional_loop(generator, discriminator, calls, name, *, weight=1.0):
    """CGAN or ACGAN with one generated batch a step, written from their papers."""
    netg, netd = copy.deepcopy(generator), copy.deepcopy(discriminator)
    optimizer_g, optimizer_d = adam_pair(netg, netd, name)
    ones, zeros = torch.ones(BATCH), torch.zeros(BATCH)

    def judge(x, y, draws):
        """(source loss towards real, towards fake, class loss)."""
        if name == "cgan":
            plane = netd.embedding.weight[y].reshape(len(x), 1, *x.shape[2:])
            logits, l_c = netd.network(torch.cat((x, plane), 1)), 0.0
        else:
            out = netd(x, draws=draws)
            logits, l_c = out[:, 0], weight * cross_entropy(out[:, 1:], y)
        return (
            binary_cross_entropy_with_logits(logits, ones),
            binary_cross_entropy_with_logits(logits, zeros),
            l_c,
        )

    for batch, random, _ in calls:
        z, y = random.latents.z, random.latents.labels
        beside = netg.embedding.weight[y] if name == "cgan" else torch.eye(N_CLASSES)[y]
        fake = netg.network(torch.cat((z, beside), 1))
        real_loss, _, real_class = judge(batch.samples / 127.5 - 1, batch.labels, random.draws_real)
        _, fake_loss, fake_class = judge(fake.detach(), y, random.draws_fake)
        optimizer_d.zero_grad()
        (real_loss + fake_loss + real_class + fake_class).backward()
        optimizer_d.step()
        source, _, right_class = judge(fake, y, random.draws_generator)
        optimizer_g.zero_grad()
        (source + right_class).backward()
        optimizer_g.step()
    return netg, netd


@pytest.mark.parametrize("name", ["cgan", "acgan"])
def test_conditional_variants_are_their_papers(name, float64):
    ours = trainer(name, STEPS)
    generator, discriminator, calls = replayed(ours)
    netg, netd = conditional_loop(generator, discriminator, calls, name)
    assert difference(ours.generator, netg, generator) < ROUNDING
    assert difference(ours.discriminator, netd, discriminator) < ROUNDING
    if name == "acgan":
        netg, _ = conditional_loop(generator, discriminator, calls, name, weight=0.0)
        assert difference(ours.generator, netg, generator) > ANOTHER_ALGORITHM


def test_generated_labels_have_the_datas_shares():
    uneven = torch.tensor([0] * 10 + [2] * 30 + [3] * 60)
    classes = gans.Classes.of(uneven, tuple("abcd"))
    drawn = classes.draw(100_000, torch.Generator().manual_seed(0))
    assert drawn.dtype == torch.int64
    shares = torch.bincount(drawn, minlength=4) / 100_000
    # Five standard errors of a share of 100,000 draws are at most .008.
    torch.testing.assert_close(shares, torch.tensor([0.1, 0.0, 0.3, 0.6]), rtol=0, atol=0.008)
    assert shares[1] == 0


@pytest.mark.parametrize("name", ["cgan", "acgan"])
def test_a_class_can_be_asked_for(name, tmp_path):
    trained = trainer(name, 3)
    list(trained.train())
    path = tmp_path / "checkpoint.safetensors"
    gans.save_checkpoint(path, trained.state_dict(), trained.variant, trained.shape, trained.classes)
    sampler = gans.load(path)
    assert sampler.class_names == tuple("abcd")
    z = torch.randn(1, 8, generator=torch.Generator().manual_seed(0)).expand(N_CLASSES, -1)
    one_a_class = sampler.decode(z, torch.arange(N_CLASSES))
    assert one_a_class.unique(dim=0).shape[0] == N_CLASSES  # one z, as many pictures as classes
    asked = sampler.sample(5, labels=torch.full((5,), 2))
    assert torch.equal(asked, sampler.sample(5, labels=torch.full((5,), 2)))
    assert not torch.equal(asked, sampler.sample(5, labels=torch.full((5,), 1)))
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(
        sampler.draw_labels(9, generator), trained.classes.draw(9, torch.Generator().manual_seed(0))
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (torch.tensor([0, 4]), "Labels must lie in 0 to 3."),
        (torch.tensor([-1, 0]), "Labels must lie in 0 to 3."),
        (torch.tensor([0]), "cgan needs one int64 label for each of 2 samples."),
        (torch.tensor([0.0, 1.0]), "cgan needs one int64 label for each of 2 samples."),
    ],
)
def test_what_cannot_be_asked_for(asked, said):
    with pytest.raises(gans.VariantError, match=said):
        trainer("cgan", 1).sampler().sample(2, labels=asked)


def test_an_unconditional_variant_cannot_be_asked_for_classes():
    sampler = trainer("dcgan", 1).sampler()
    assert sampler.class_names is None
    assert sampler.draw_labels(3, torch.Generator()) is None
    with pytest.raises(gans.VariantError, match="dcgan is not conditional"):
        sampler.sample(2, labels=torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("given", "names", "said"),
    [
        (None, None, "cgan needs labels, and these data have none."),
        (labels(71), None, "There are 71 labels for 72 training samples."),
        (labels(72).float(), None, r"Labels must be int64 \(n,\), not float32 of shape \(72,\)."),
        (labels(72) - 1, None, "Labels must lie in 0 and above; these go from -1 to 2."),
        (labels(72), tuple("abc"), "Labels must lie in 0 to 2; these go from 0 to 3."),
    ],
)
def test_labels_that_do_not_fit_are_refused(given, names, said):
    with pytest.raises(gans.VariantError, match=said):
        gans.Trainer(tiny("cgan"), images(), settings(1), labels=given, class_names=names)


def test_labels_without_names_are_called_by_their_numbers():
    trained = gans.Trainer(tiny("cgan"), images(), settings(1), labels=labels())
    assert trained.sampler().class_names == ("0", "1", "2", "3")


@pytest.mark.parametrize("name", ["cgan", "acgan"])
@pytest.mark.parametrize("discriminator_batch", ["separate", "combined"])
def test_conditioning_works_with_any_network_on_points(name, discriminator_batch):
    network = MLP(hidden_g=(8,), hidden_d=(8,))
    trained = trainer(name, 3, points(), network=network, discriminator_batch=discriminator_batch)
    (record,) = trained.train()
    assert (record["class_loss"] > 0) == (name == "acgan")  # NaN compares as false
    assert trained.sampler().sample(7).shape == (7, 2)


def test_the_same_labels_in_one_batch_or_two():
    # In the first step, before rounding can have moved anything.
    separate, combined = (
        trainer("cgan", 1, network=MLP(hidden_g=(8,), hidden_d=(8,), dropout=0.0), discriminator_batch=how)
        for how in ("separate", "combined")
    )
    torch.testing.assert_close(separate.step(), combined.step(), rtol=1e-4, atol=1e-5, equal_nan=True)


def test_a_class_without_training_samples_cannot_be_asked_for():
    some = labels().clamp(max=2)
    trained = gans.Trainer(tiny("cgan"), images(), settings(1), labels=some, class_names=tuple("abcd"))
    with pytest.raises(gans.VariantError, match="cgan was trained on no sample of class 'd'"):
        trained.sampler().sample(2, labels=torch.tensor([0, 3]))
