"""Distributions whose expectations are known: mixtures of normals on a line, and finitely many outcomes.

Both speak the same way, so that a divergence is written once: points go in as float64 `(n, d)` (`d` is 1 on
the line; an outcome of a discrete distribution is a one-hot row), logarithms of densities or probabilities
come out as `(n,)`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, roots_legendre

Points = NDArray[np.float64]
Function = Callable[[Points], NDArray[np.float64]]
"""Of points `(n, d)`; values `(n,)`."""

REACH = 12.0  # σ around a mean: 3.6e-33 of a normal distribution lies beyond
PANEL = 0.05  # σ: short, because a network of rectifiers has kinks, where the rule's order is lost
ORDER = 8  # nodes a panel


class Distribution(Protocol):
    """What divergences and trainings ask of a distribution."""

    def log(self, points: Points) -> NDArray[np.float64]:
        """Natural logarithm of the density or probability, −∞ outside the support."""
        ...

    def expectation(self, function: Function) -> float:
        """E f(x), by quadrature or as a sum."""
        ...

    def table(self, n: int) -> NDArray[np.float32]:
        """`n` points, `(n, d)`, that stand for the distribution: drawing one evenly draws from it."""
        ...


@dataclass(frozen=True)
class Mixture:
    """Σ wᵢ N(μᵢ, σᵢ²) on the line."""

    weights: tuple[float, ...]
    means: tuple[float, ...]
    sigmas: tuple[float, ...]

    def log(self, points: Points) -> NDArray[np.float64]:
        """Logarithm of the density."""
        means, sigmas = np.array(self.means), np.array(self.sigmas)
        exponents = -0.5 * ((points - means) / sigmas) ** 2
        return logsumexp(exponents, axis=1, b=np.array(self.weights) / (sigmas * math.sqrt(2 * math.pi)))

    def expectation(self, function: Function) -> float:
        """∫ p(x) f(x) dx by Gauss and Legendre's rule, panel by panel."""
        edges = self._edges()
        nodes, weights = roots_legendre(ORDER)
        half = np.diff(edges)[:, None] / 2
        points = (edges[:-1, None] + half * (1 + nodes)).reshape(-1, 1)
        return float((half * weights).ravel() @ (np.exp(self.log(points)) * function(points)))

    def cumulative(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(X ≤ x), for x of any shape."""
        below = ndtr((x[..., None] - np.array(self.means)) / np.array(self.sigmas))
        return below @ np.array(self.weights)

    def table(self, n: int) -> NDArray[np.float32]:
        """The quantiles at the middles of n equal parts of probability, ascending, by bisection."""
        wanted = (np.arange(n) + 0.5) / n
        edges = self._edges()
        above = np.searchsorted(self.cumulative(edges), wanted).clip(1, len(edges) - 1)
        low, high = edges[above - 1], edges[above]
        for _ in range(30):  # halvings of a panel: far below float32
            middle = (low + high) / 2
            less = self.cumulative(middle) < wanted
            low, high = np.where(less, middle, low), np.where(less, high, middle)
        return ((low + high) / 2)[:, None].astype(np.float32)

    def _edges(self) -> NDArray[np.float64]:
        offsets = np.linspace(-REACH, REACH, round(2 * REACH / PANEL) + 1)[:, None]
        return np.unique(np.array(self.means) + np.array(self.sigmas) * offsets)


def normal(mean: float, sigma: float) -> Mixture:
    """N(mean, sigma²)."""
    return Mixture((1.0,), (mean,), (sigma,))


@dataclass(frozen=True)
class Discrete:
    """Outcome i of k has probability `probabilities[i]`."""

    probabilities: tuple[float, ...]

    def log(self, points: Points) -> NDArray[np.float64]:
        """Logarithm of the probability of one-hot rows `(n, k)`."""
        with np.errstate(divide="ignore"):
            return np.log(points @ np.array(self.probabilities))

    def expectation(self, function: Function) -> float:
        """Σ pᵢ f(i) over the outcomes that can come."""
        shares = np.array(self.probabilities)
        possible = shares > 0
        return float(shares[possible] @ function(np.eye(len(shares))[possible]))

    def table(self, n: int) -> NDArray[np.float32]:
        """One-hot rows `(n, k)`, each outcome as often as its share of n says; the shares must divide n."""
        counts = [share * n for share in self.probabilities]
        assert all(count == int(count) for count in counts)
        return np.repeat(np.eye(len(counts), dtype=np.float32), [int(count) for count in counts], axis=0)
