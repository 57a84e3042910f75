"""The theory's numbers against formulas and libraries that do not share their code."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.spatial.distance import jensenshannon
from scipy.special import expit
from scipy.stats import entropy, norm

from bench.theory.distributions import Discrete, Mixture, normal
from bench.theory.divergences import criterion, jensen_shannon, kl, optimal_logit, value
from bench.theory.fixed import trained_discriminator
from bench.theory.gradients import at_the_optimum, early, summary
from bench.theory.optimum import PAIRS, compared, in_words

# Smooth functions are integrated to the last digits; sums of terms of size 1 keep so many.
QUADRATURE = 1e-12


@pytest.mark.parametrize(("mean", "sigma"), [(0.0, 1.0), (1.0, 1.0), (5.0, 1.0), (0.0, 2.0), (-1.0, 0.3)])
def test_kl_of_normals_is_the_closed_form(mean, sigma):
    expected = math.log(sigma) + (1 + mean**2) / (2 * sigma**2) - 0.5
    assert kl(normal(0, 1), normal(mean, sigma)) == pytest.approx(expected, abs=QUADRATURE)


def test_the_rule_agrees_with_quadpack_where_a_function_has_kinks():
    p = Mixture((0.5, 0.5), (-2.0, 2.0), (0.5, 0.5))
    kinks = np.linspace(-4.03, 4.01, 17)

    def function(x):
        return np.abs(np.subtract.outer(x[:, 0], kinks)).sum(1)

    def integrand(x):
        point = np.array([[x]])
        return float((np.exp(p.log(point)) * function(point))[0])

    edges = [-10.0, *kinks, 10.0]
    exact = sum(quad(integrand, a, b, epsabs=1e-11)[0] for a, b in itertools.pairwise(edges))
    # A kink inside a panel costs a share of (panel/order)² = 1e-5 of its slope's change.
    assert p.expectation(function) == pytest.approx(exact, abs=1e-5)


def test_discrete_divergences_are_scipys():
    p, q = (0.25, 0.25, 0.25, 0.25), (0.5, 0.25, 0.125, 0.125)
    assert kl(Discrete(p), Discrete(q)) == pytest.approx(entropy(p, q), rel=1e-14)
    assert jensen_shannon(Discrete(p), Discrete(q)) == pytest.approx(jensenshannon(p, q) ** 2, rel=1e-14)
    missing = Discrete((0.5, 0.5, 0.0, 0.0))
    assert kl(Discrete(p), missing) == math.inf
    assert kl(missing, Discrete(p)) == pytest.approx(math.log(2), rel=1e-14)
    apart = Discrete((1.0, 0.0)), Discrete((0.0, 1.0))
    assert jensen_shannon(*apart) == pytest.approx(math.log(2), rel=1e-14)
    assert value(optimal_logit(*apart), *apart) == 0  # D* is never wrong


@pytest.mark.parametrize("name", PAIRS)
def test_theorem_1_of_every_pair(name):
    """V(D*, G) = −log 4 + 2 JSD, and no other D does better (proposition 1)."""
    p, q = PAIRS[name]
    best = optimal_logit(p, q)
    assert value(best, p, q) == pytest.approx(criterion(p, q), abs=QUADRATURE)
    assert -math.log(4) - QUADRATURE <= criterion(p, q) < 0
    assert value(lambda x: best(x) + 0.1, p, q) < value(best, p, q)
    assert value(lambda x: 0.9 * best(x) - 0.1, p, q) < value(best, p, q)


def test_tables_stand_for_their_distributions():
    mixture = Mixture((0.6, 0.4), (0.6, 1.6), (0.4, 0.5))
    table = mixture.table(4096)[:, 0].astype(np.float64)
    assert (np.diff(table) >= 0).all()
    # Quantiles of a known share each; float32 points move it by their rounding.
    assert mixture.cumulative(table) == pytest.approx((np.arange(4096) + 0.5) / 4096, abs=1e-6)
    assert normal(2, 3).table(99)[:, 0] == pytest.approx(norm.ppf((np.arange(99) + 0.5) / 99, 2, 3), rel=1e-6)
    rows = Discrete((0.5, 0.25, 0.125, 0.125)).table(16)
    assert rows.sum(0).tolist() == [8, 4, 2, 2]


def test_a_trained_discriminator_comes_near_the_best_one_from_below():
    p, q = Discrete((0.25, 0.75)), Discrete((0.5, 0.5))
    logit = trained_discriminator(p, q, steps=200, seed=0)
    outcomes = np.eye(2)
    # Some 70 steps' worth of batches of 1,024 are averaged at the end: a share is off by a few thousandths.
    assert expit(logit(outcomes)) == pytest.approx([1 / 3, 0.6], abs=0.02)
    assert 0 <= criterion(p, q) - value(logit, p, q) < 1e-3


def test_a_row_of_the_table_holds_together():
    row = compared("discrete: (¼, ¼, ¼, ¼), (½, ¼, ⅛, ⅛)", steps=3, seed=0)
    assert row["criterion"] == pytest.approx(-math.log(4) + 2 * row["jsd"], rel=1e-12)
    assert row["shortfall"] == pytest.approx(row["criterion"] - row["value_trained"], rel=1e-12)
    assert row["shortfall"] > 0
    assert row["d_error"] > 0
    words = in_words(pd.DataFrame([row]))
    assert f"{row['value_trained']:.5f}" in words
    assert len({line.count("|") for line in words.splitlines()}) == 1


def test_slopes_by_quadrature_are_those_of_the_losses():
    frame = at_the_optimum()
    # 65,536 quantiles stand for the distribution: the tails that they leave out weigh 1e-5 of it.
    for form in ("minimax", "non_saturating"):
        assert frame[f"{form}_autograd"].to_numpy() == pytest.approx(frame[form].to_numpy(), rel=1e-3)
    assert (np.diff(frame["ratio"]) < 0).all()  # the farther, the more minimax vanishes beside the other
    assert frame["ratio"].iloc[-1] < 1e-4


def test_a_confident_discriminator_starves_minimax_alone():
    frame = early(steps=2, seeds=[0])
    first = summary(frame).set_index(["optimiser", "form"])
    for optimiser in ("sgd", "adam"):
        minimax, other = first.loc[(optimiser, "minimax")], first.loc[(optimiser, "non-saturating")]
        assert minimax["d_fake_first"] == other["d_fake_first"] < 0.05  # the same D, which rejects
        assert minimax["gradient_first"] < 0.1 * other["gradient_first"]
        assert minimax["steps"] == math.inf  # two steps are not enough for anybody
