"""Theorem 1 by number: what quadrature says of p and q, beside what a trained D reaches.

A trained D can only fall short: C(G) is the maximum of V(D, G) over all D. By how much it does is one more
divergence, that of D from D*, so that an error of D shows in V as its square.
"""

import math

import numpy as np
import pandas as pd
from scipy.special import expit

from bench.theory.distributions import Discrete, Distribution, Mixture, normal
from bench.theory.divergences import criterion, jensen_shannon, kl, optimal_logit, value
from bench.theory.fixed import trained_discriminator

PAIRS: dict[str, tuple[Distribution, Distribution]] = {
    "equal: N(0, 1), N(0, 1)": (normal(0, 1), normal(0, 1)),
    "shifted: N(0, 1), N(1, 1)": (normal(0, 1), normal(1, 1)),
    "wider: N(0, 1), N(0, 2²)": (normal(0, 1), normal(0, 2)),
    "one mode of two: ½ N(−2, ½²) + ½ N(2, ½²), N(2, ½²)": (
        Mixture((0.5, 0.5), (-2.0, 2.0), (0.5, 0.5)),
        normal(2, 0.5),
    ),
    "far: N(0, 1), N(5, 1)": (normal(0, 1), normal(5, 1)),
    "discrete: (¼, ¼, ¼, ¼), (½, ¼, ⅛, ⅛)": (
        Discrete((0.25, 0.25, 0.25, 0.25)),
        Discrete((0.5, 0.25, 0.125, 0.125)),
    ),
    "discrete, outcomes missing: (¼, ¼, ¼, ¼), (½, ½, 0, 0)": (
        Discrete((0.25, 0.25, 0.25, 0.25)),
        Discrete((0.5, 0.5, 0.0, 0.0)),
    ),
}
"""p (data) and q (generator)."""


def compared(name: str, *, steps: int, seed: int) -> dict[str, object]:
    """One row of the table: a pair's divergences, C(G) two ways, and V(D, G) of a D trained for `steps`.

    Keys: `pair`; `kl_p_q`, `kl_q_p`, `jsd`; `criterion` = −log 4 + 2 JSD; `value_optimal` = V(D*, G), the
    integral of eq. 1 with D* put in; `value_trained`; `shortfall` = `criterion` − `value_trained`; all in
    nats; and `d_error`, the mean of |D − D*| over points of which one half is real.
    """
    p, q = PAIRS[name]
    best, trained = optimal_logit(p, q), trained_discriminator(p, q, steps=steps, seed=seed)
    reached = value(trained, p, q)

    def error(points: np.ndarray) -> np.ndarray:
        return np.abs(expit(trained(points)) - expit(best(points)))

    return {
        "pair": name,
        "kl_p_q": kl(p, q),
        "kl_q_p": kl(q, p),
        "jsd": jensen_shannon(p, q),
        "criterion": criterion(p, q),
        "value_optimal": value(best, p, q),
        "value_trained": reached,
        "shortfall": criterion(p, q) - reached,
        "d_error": 0.5 * (p.expectation(error) + q.expectation(error)),
    }


def table(*, steps: int, seed: int) -> pd.DataFrame:
    """A row of `compared` for every pair."""
    return pd.DataFrame([compared(name, steps=steps, seed=seed) for name in PAIRS])


def in_words(frame: pd.DataFrame) -> str:
    """The table in Markdown, with what its columns are."""
    lines = [
        "| p, q | KL(p‖q) | KL(q‖p) | JSD | C(G) = −log 4 + 2 JSD | V(D*, G) | V(D, G), D trained | short by "
        "| mean of abs(D − D*) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in frame.to_dict("records"):
        kls = " | ".join("∞" if math.isinf(row[k]) else f"{row[k]:.5f}" for k in ("kl_p_q", "kl_q_p"))
        values = " | ".join(f"{row[k]:.5f}" for k in ("jsd", "criterion", "value_optimal", "value_trained"))
        lines.append(f"| {row['pair']} | {kls} | {values} | {row['shortfall']:.1e} | {row['d_error']:.1e} |")
    return "\n".join(lines)
