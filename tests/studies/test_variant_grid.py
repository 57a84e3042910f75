"""The tables of a grid of variants: which is best, what is significant, what went wrong."""

import numpy as np
import pandas as pd
import pytest
from variant_grid import ALIKE, chosen, interval, order_of, ranks, spread, three_digits, time_words, verdict

from bench.errors import InputError

SEEDS = pd.DataFrame(
    {
        "variant": ["lsgan", "lsgan", "wgan_gp", "wgan_gp", "cgan", "cgan"],
        "fid": [100.0, 400.0, 250.0, 250.0, 30.0, np.nan],
    }
)


GRID = pd.DataFrame(
    {
        **dict.fromkeys(ALIKE, "same"),
        "variant": ["lsgan", "lsgan", "wgan", "wgan"],
        "metric": ["fid@a", "parzen", "fid@a", "parzen"],
        "outcome": "ok",
        "changed": "ngf=32",
    }
)


def test_one_grid_is_taken_as_it_is_but_for_what_still_goes_on():
    going_on = GRID.assign(outcome=None)
    assert len(chosen(pd.concat([GRID, going_on]), None, None)) == len(GRID)


def test_one_of_several_data_sets_or_networks_is_chosen():
    mixed = pd.concat([GRID, GRID.assign(dataset="other"), GRID.replace("fid@a", "fid@b")])
    assert list(chosen(mixed, "same", "a")["metric"].value_counts().sort_index()) == [2, 4]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (GRID.assign(dataset="other"), "by dataset: other, same"),
        (GRID.assign(kimg_budget="longer"), "by kimg_budget: longer, same"),
        (GRID.replace("fid@a", "fid@b"), "by extractor: a, b"),
        (GRID.assign(changed="ngf=64"), r"by changed \(lsgan\): ngf=32, ngf=64; changed \(wgan\)"),
    ],
)
def test_several_grids_are_never_averaged(other, said):
    with pytest.raises(InputError, match=said):
        chosen(pd.concat([GRID, other]), None, None)


def test_a_store_without_scores_is_told():
    with pytest.raises(InputError, match="no training that has ended with a FID"):
        chosen(GRID.assign(outcome=None), None, None)


def test_the_least_geometric_mean_comes_first_and_a_failed_seed_last():
    assert order_of(SEEDS) == ["lsgan", "wgan_gp", "cgan"]


def test_ranks_are_of_the_variants_that_the_paper_has():
    assert ranks(SEEDS).splitlines()[2:] == [
        "| `lsgan` | 1 | 1 | 7.8 ± 0.6 |",
        "| `wgan_gp` | 2 | 2 | 20.3 ± 5.0 |",
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([200.0, 200.0], "200 [200, 200]"),
        # ln: mean −.5249, standard error .1682, t at one degree of freedom 12.706.
        ([0.5, 0.7], "0.592 [0.0698, 5.02]"),
        ([3.14159], "3.14 (1 seed)"),
        ([], "–"),
    ],
)
def test_a_geometric_mean_has_its_interval_over_seeds(values, words):
    assert interval(pd.Series(values, dtype=float)) == words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, 3.0], "2.0 ± 1.4"),
        ([0.5], "0.500"),
        ([], "–"),
        ([0.0, 0.0], "0 ± 0"),
        ([10_000.0, 150_000.0], "80,000 ± 99,000"),
        ([0.0, 0.0003], "0.00015 ± 0.00021"),
        ([-100.0, -140.7], "−120 ± 29"),
        ([0.0, 1.41], "0.7 ± 1.0"),
    ],
)
def test_other_scores_have_their_standard_deviation(values, words):
    assert spread(pd.Series(values, dtype=float)) == words


@pytest.mark.parametrize(
    ("value", "words"), [(1234.5, "1,230"), (99.96, "100"), (-0.00123, "−0.00123"), (0.0, "0")]
)
def test_numbers_have_three_digits(value, words):
    assert three_digits(value) == words


@pytest.mark.parametrize(("found", "words"), [("better", "**× 0.50**"), ("cannot be told apart", "× 0.50")])
def test_only_what_is_significant_is_bold(found, words):
    forward = pd.DataFrame({"effect": [0.5], "verdict": [found]})
    none = forward.iloc[:0]
    assert verdict(forward, none) == words
    assert verdict(none, forward.assign(effect=2.0)) == words
    assert verdict(none, none) == "–"


@pytest.mark.parametrize(
    ("seconds", "reached", "words"), [(12.3, 5, "12 (5 of 6)"), (np.inf, 2, "(2 of 6)"), (np.nan, 0, "never")]
)
def test_time_to_quality_says_how_many_got_there(seconds, reached, words):
    row = pd.Series({"training_sec": seconds, "seeds_reached": reached, "seeds": 6})
    assert time_words(row) == words
