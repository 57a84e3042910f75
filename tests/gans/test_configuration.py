import json

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import gans
from gans.configuration import field_paths, from_config
from gans.networks import DCGAN, MLP

above_zero = st.floats(min_value=1e-12, max_value=1e12).map(str)
share = st.floats(min_value=0, max_value=1, exclude_max=True).map(str)
whole = st.integers(1, 10**6).map(str)
widths = st.lists(st.integers(1, 9999), max_size=4).map(lambda numbers: "-".join(map(str, numbers)))
# What each field may be set to: a new field has no place here until it is given one.
TEXTS = {
    "network": st.sampled_from(["mlp", "dcgan", "maxout"]),
    "conditioning": st.sampled_from(["none", "joined", "class-head"]),
    "penalty": st.sampled_from(["none", "gradient"]),
    "noise": st.sampled_from(["normal", "uniform"]),
    "loss": st.sampled_from(["non-saturating", "least-squares", "wasserstein"]),
    "optimiser_g": st.sampled_from(["adam", "rmsprop", "sgd"]),
    "optimiser_d": st.sampled_from(["adam", "rmsprop", "sgd"]),
    "schedule": st.sampled_from(["constant", "linear"]),
    "critic": st.sampled_from(["constant", "boosted"]),
    "weight_clip": above_zero | st.sampled_from(["none", "None"]),
    "update": st.sampled_from(["alternating", "simultaneous"]),
    "fake_batch": st.sampled_from(["shared", "fresh"]),
    "discriminator_batch": st.sampled_from(["separate", "combined"]),
    "ema_kimg": above_zero | st.just("0"),
    "activation_g": st.sampled_from(["relu", "leaky-relu"]),
    "activation_d": st.sampled_from(["relu", "leaky-relu"]),
    **dict.fromkeys(("norm_g", "norm_d"), st.sampled_from(["batch", "none"])),
    **dict.fromkeys(("eps", "bound", "init_g", "init_d", "noise_g", "weight"), above_zero),
    "lr": st.floats(min_value=1e-5, max_value=1e12).map(str),
    "min_lr": st.floats(min_value=0, max_value=1e-5).map(str),  # at most lr
    "lr_decay": st.floats(min_value=1, max_value=2).map(str),
    **dict.fromkeys(("beta1", "beta2", "alpha", "momentum", "final_momentum"), share),
    **dict.fromkeys(("dropout", "dropout_input", "dropout_g"), share),
    **dict.fromkeys(("nz", "ngf", "ndf", "n_critic", "boost", "every", "pieces", "embedding"), whole),
    "saturation_epoch": st.integers(2, 10**6).map(str),
    "first": whole | st.just("0"),
    **dict.fromkeys(("hidden_g", "hidden_d"), widths),
}


@st.composite
def changed(draw, changes=4):
    """A variant after some changes, each by a field's path or by its last part."""
    variant = gans.get(draw(st.sampled_from(gans.names())))
    for _ in range(draw(st.integers(0, changes))):
        path = draw(st.sampled_from(field_paths(variant)))
        leaf = path.rsplit(".", 1)[-1]
        variant = gans.set_field(variant, draw(st.sampled_from([path, leaf])), draw(TEXTS[leaf]))
    return variant


@hypothesis_settings(deadline=None, max_examples=150)
@given(changed())
def test_a_recipe_comes_back_from_json(variant):
    config = json.loads(json.dumps(gans.to_config(variant)))
    back = from_config(gans.get(variant.name), config)
    assert back == variant
    assert gans.to_config(back) == gans.to_config(variant)


@hypothesis_settings(deadline=None, max_examples=50)
@given(changed())
def test_a_recipe_comes_back_from_the_texts_of_its_fields(variant):
    back = gans.get(variant.name)
    for path, text in gans.field_values(variant).items():
        back = gans.set_field(back, path, text)
    assert back == variant


def test_a_name_that_pieces_share_sets_them_all_and_a_path_one():
    both = gans.set_field(gans.get("dcgan"), "lr", "1e-3")
    assert (both.optimiser_g.lr, both.optimiser_d.lr) == (1e-3, 1e-3)
    one = gans.set_field(gans.get("dcgan"), "optimiser_d.lr", "1e-3")
    assert (one.optimiser_g.lr, one.optimiser_d.lr) == (2e-4, 1e-3)


def test_a_slot_is_filled_anew_at_its_defaults_unless_it_is_filled_so_already():
    wide = gans.set_field(gans.get("dcgan"), "ngf", "128")
    assert gans.set_field(wide, "network", "mlp").network == MLP()
    assert gans.set_field(wide, "network", "dcgan").network == DCGAN(ngf=128)


def test_widths_and_none():
    assert gans.set_field(gans.get("vanilla"), "hidden_d", "32-16").network.hidden_d == (32, 16)
    assert gans.set_field(gans.get("vanilla"), "hidden_d", "").network.hidden_d == ()
    assert gans.set_field(gans.get("wgan"), "weight_clip", "none").weight_clip is None
    assert gans.set_field(gans.get("dcgan"), "weight_clip", ".1").weight_clip == 0.1


def test_the_original_is_left_alone():
    variant = gans.get("wgan")
    gans.set_field(variant, "n_critic", "3")
    assert variant == gans.get("wgan")


def test_a_field_is_found_by_its_path_and_by_its_last_part_only():
    variant = gans.get("dcgan")
    assert gans.has_field(variant, "optimiser_d.lr")
    assert gans.has_field(variant, "lr")
    assert not gans.has_field(variant, "d.lr")
    assert not gans.has_field(variant, "hidden_g")
    assert not gans.has_field(variant, "version")


@pytest.mark.parametrize(
    ("name", "key", "text", "said"),
    [
        ("dcgan", "ngff", "1", "dcgan has no field 'ngff'. Did you mean 'ngf'?"),
        (
            "dcgan",
            "optimiser_d.rate",
            "1",
            "dcgan has no field 'optimiser_d.rate'. Did you mean 'optimiser_d.lr'?",
        ),
        ("dcgan", "version", "2", "dcgan has no field 'version'."),
        ("dcgan", "qqqqq", "2", "dcgan has no field 'qqqqq'. It has: network, network.ngf, network.ndf, "),
        ("dcgan", "ngf", "wide", "dcgan.ngf must be a whole number, not 'wide'."),
        ("dcgan", "ngf", "1.5", "dcgan.ngf must be a whole number, not '1.5'."),
        ("dcgan", "ngf", "", "dcgan.ngf must be a whole number, not ''."),
        ("dcgan", "ngf", "0", "ngf of DCGAN must be above 0, not 0."),
        ("dcgan", "lr", "fast", "dcgan.lr must be a number, not 'fast'."),
        ("dcgan", "lr", "none", "dcgan.lr must be a number, not 'none'."),
        ("dcgan", "lr", "nan", "dcgan.lr must be a finite number, not 'nan'."),
        ("dcgan", "lr", "-inf", "dcgan.lr must be a finite number, not '-inf'."),
        ("dcgan", "lr", "1e999", "dcgan.lr must be a finite number, not '1e999'."),
        ("dcgan", "lr", "-1", "lr of Adam must be above 0, not -1.0."),
        ("dcgan", "beta1", "1", "beta1 of Adam must lie in [0, 1), not 1.0."),
        ("dcgan", "nz", "0", "nz of Normal must be above 0, not 0."),
        (
            "dcgan",
            "loss",
            "hinged",
            "There is no loss 'hinged'; there are non-saturating, minimax, non-saturating-half, "
            "least-squares, hinge, wasserstein.",
        ),
        ("dcgan", "update", "never", "dcgan.update must be one of alternating, simultaneous, not 'never'."),
        ("dcgan", "network", "unet", "dcgan.network must be one of dcgan, maxout, mlp"),
        ("dcgan", "critic", "none", "dcgan.critic must be one of constant, boosted, not 'none'."),
        ("dcgan", "ema_kimg", "-1", "ema_kimg must be at least 0, not -1.0."),
        ("vanilla", "hidden_g", "64,32", "vanilla.hidden_g must be whole numbers like 256-512, not '64,32'."),
        (
            "vanilla",
            "hidden_g",
            "64--32",
            "vanilla.hidden_g must be whole numbers like 256-512, not '64--32'.",
        ),
        ("vanilla", "hidden_g", "64-0", "hidden_g of MLP must be above 0, not 0."),
        ("vanilla", "dropout", "1", "dropout of MLP must lie in [0, 1), not 1.0."),
        ("wgan", "weight_clip", "0", "weight_clip of Variant must be above 0, not 0.0."),
        ("wgan", "weight_clip", "nan", "wgan.weight_clip must be a finite number, not 'nan'."),
        ("wgan", "alpha", "-1", "alpha of RMSProp must lie in [0, 1), not -1.0."),
        ("wgan", "n_critic", "0", "n_critic of Boosted must be above 0, not 0."),
        ("wgan", "first", "-1", "first of Boosted must be at least 0, not -1."),
    ],
)
def test_what_cannot_be_set_is_said_in_one_sentence(name, key, text, said):
    with pytest.raises(gans.VariantError) as error:
        gans.set_field(gans.get(name), key, text)
    assert str(error.value).startswith(said)


def test_a_configuration_of_unknown_fields_or_kinds_is_refused():
    config = gans.to_config(gans.get("dcgan"))
    with pytest.raises(gans.VariantError, match="Variant has no field 'colour'"):
        from_config(gans.get("dcgan"), config | {"colour": 1})
    config["network"] = {"kind": "unet"}
    with pytest.raises(gans.VariantError, match="network must be one of dcgan, maxout, mlp"):
        from_config(gans.get("dcgan"), config)
