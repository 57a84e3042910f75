"""The paper's quantities for known p (data) and q (generator): GAN 2014, §4, arXiv 1406.2661. All in nats."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit

from bench.theory.distributions import Distribution, Function, Points


def kl(p: Distribution, q: Distribution) -> float:
    """KL(p‖q) = E_p [log p − log q]; ∞ where q lacks an outcome of p."""
    return p.expectation(lambda x: p.log(x) - q.log(x))


def jensen_shannon(p: Distribution, q: Distribution) -> float:
    """JSD(p‖q) = ½ KL(p‖m) + ½ KL(q‖m), m = (p + q)/2: from 0 to log 2."""

    def log_middle(x: Points) -> NDArray[np.float64]:
        return np.logaddexp(p.log(x), q.log(x)) - math.log(2)

    return 0.5 * p.expectation(lambda x: p.log(x) - log_middle(x)) + 0.5 * q.expectation(
        lambda x: q.log(x) - log_middle(x)
    )


def criterion(p: Distribution, q: Distribution) -> float:
    """C(G) = max_D V(D, G) = −log 4 + 2 JSD(p‖q) (theorem 1)."""
    return -math.log(4) + 2 * jensen_shannon(p, q)


def optimal_logit(p: Distribution, q: Distribution) -> Function:
    """The logit of D*(x) = p(x) / (p(x) + q(x)) (proposition 1): log p − log q."""
    return lambda x: p.log(x) - q.log(x)


def value(logit: Function, p: Distribution, q: Distribution) -> float:
    """V(D, G) = E_p log D(x) + E_q log(1 − D(x)) (eq. 1) of D = σ(logit)."""
    return p.expectation(lambda x: log_expit(logit(x))) + q.expectation(lambda x: log_expit(-logit(x)))
