"""How far a Fréchet distance of n samples is from that of infinitely many: bias, standard error, interval.

The reference (μ₁, Σ₁ = R Rᵀ) is held fixed; the n generated rows are a sample. With δ = μ₂ − μ₁ and
RᵀΣ₂R = U Λ Uᵀ, write c = x − μ₂ and y = UᵀRᵀc for a row x. The distance expands in the rows as

    F(sample) = F + mean ψ(x) + ½ mean g(x, x′) + …
    ψ(x) = 2 δᵀc + cᵀA c − tr AΣ₂,   A = I − R (RᵀΣ₂R)^-½ Rᵀ,   cᵀA c = ‖c‖² − Σᵢ yᵢ²/√λᵢ
    g(x, x′) = 2 cᵀc′ + Σᵢⱼ Wᵢⱼ (yᵢyⱼ − δᵢⱼλᵢ)(y′ᵢy′ⱼ − δᵢⱼλᵢ),   Wᵢⱼ = 1 / (√λᵢ √λⱼ (√λᵢ + √λⱼ))

where W comes from the divided differences of the square root. So the bias is E g(x, x) / 2n to first
order, and the variance Var ψ / n + E g(x, x′)² / 2n². That second part is all there is where the
generator is perfect and ψ vanishes.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from metrics.errors import MetricError
from metrics.frechet import frechet_to_root
from metrics.moments import Moments, check_rows

# Where the interval holds, by simulation (tests/metrics/test_frechet_sampling.py): fewer samples than
# 1,000 leave a skewed distance, fewer than 4 a dimension leave the halves without a stable inverse.
MIN_SAMPLES_A_DIMENSION = 4
MIN_SAMPLES = 1000

# What the extrapolation leaves of the bias is estimated as its last step times the ratio of its last
# two; half a standard error of it costs 7 points of coverage at the worst, and 1 to 3 as simulated.
_LARGEST_REMAINDER = 0.5

# Eigenvalues of RᵀΣ₂R below this share of the squared sum of all roots are rounding of 0: no row varies
# there.
_SINGULAR = 1e-14

_CHUNK_ROWS = 4096
_NORMAL_95 = 1.959963984540054


class HalvedMoments:
    """Moments of two halves of a stream's rows, and a sample of each.

    Of each two rows that follow one another, one falls into each half, and which is as good as random:
    piles are often in an order with a period, as classes in turn, and the even rows of such a one are
    another distribution than the odd ones. Holds O(d²) and at most 2 × `keep` rows, however many are seen,
    and as many again of a batch. Which half a row falls into and whether it is kept follows from its
    position in the stream alone, not from how the stream is cut into batches.

    Parameters
    ----------
    dim
        d, the number of features.
    keep
        Rows kept of each half at most; None keeps all.
    """

    def __init__(self, dim: int, keep: int | None = None) -> None:
        if keep is not None and keep < 2:
            raise MetricError(f"at least 2 rows of each half must be kept, got {keep}")
        self.moments = (Moments.empty(dim), Moments.empty(dim))
        self._keep = keep
        self._rows: list[list[Tensor]] = [[], []]
        # Of the kept rows: where in the stream they stood. Those whose scrambled positions are least stay.
        self._positions = [np.empty(0, np.uint64), np.empty(0, np.uint64)]

    @classmethod
    def of(cls, features: Tensor) -> "HalvedMoments":
        """Return those of the rows of `features`, any float dtype, (n, d), all of them kept."""
        halved = cls(features.shape[1] if features.ndim == 2 else 0)
        halved.update(features)
        return halved

    def update(self, features: Tensor) -> None:
        """Add rows: any float dtype and device, (n, d), finite.

        Raises
        ------
        MetricError
            As `Moments.update`; nothing is then added.
        """
        check_rows(features, self.moments[0].mean.shape[0])
        positions = np.arange(self.n, self.n + features.shape[0], dtype=np.uint64)
        halves = (positions ^ _scrambled(positions >> np.uint64(1))) & np.uint64(1)
        for half in (0, 1):
            mine = np.flatnonzero(halves == half)
            rows = features[torch.from_numpy(mine).to(features.device)]
            self._sample(half, rows, positions[mine])
            self.moments[half].update(rows)

    def _sample(self, half: int, rows: Tensor, positions: np.ndarray) -> None:
        known = self._positions[half]
        if self._keep is not None and len(known) == self._keep:
            # Whatever comes later, these will not be among the least.
            chosen = np.flatnonzero(_scrambled(positions) < _scrambled(known).max())
            rows, positions = rows[torch.from_numpy(chosen).to(rows.device)], positions[chosen]
        if not len(positions):
            return
        self._rows[half].append(rows.to("cpu", copy=True))
        known = self._positions[half] = np.concatenate((known, positions))
        if self._keep is not None and len(known) > self._keep:
            least = np.sort(np.argpartition(_scrambled(known), self._keep)[: self._keep])
            self._rows[half] = [torch.cat(self._rows[half])[torch.from_numpy(least)]]
            self._positions[half] = known[least]

    @property
    def n(self) -> int:
        """Number of rows seen."""
        return self.moments[0].n + self.moments[1].n

    @property
    def rows(self) -> tuple[Tensor, Tensor]:
        """The kept rows of each half, on the CPU, in the order of the stream."""
        dim = self.moments[0].mean.shape[0]
        one, other = (torch.cat(rows) if rows else torch.empty(0, dim) for rows in self._rows)
        return one, other

    @property
    def whole(self) -> Moments:
        """Moments of all rows."""
        whole = Moments.empty(self.moments[0].mean.shape[0])
        for half in self.moments:
            whole.merge(half)
        return whole


def _scrambled(positions: np.ndarray) -> np.ndarray:
    """64 bits as good as random of each position, uint64: the finaliser of splitmix64 (Steele 2014)."""
    bits = (positions + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@dataclass(frozen=True, kw_only=True)
class FrechetEstimate:
    """A Fréchet distance of n samples, and what it says of infinitely many; squared feature units."""

    value: float
    """`frechet_distance` of the samples: what everyone reports, biased upwards."""
    value_error: float | None
    """Standard error of `value`, as `frechet_standard_error`; None where the covariance is singular."""
    debiased: float | None
    """Estimate of the distance of infinitely many samples; may be negative where that is near 0."""
    standard_error: float | None
    """Of `debiased`, over fresh samples of the generator, the reference held fixed."""
    interval: tuple[float, float] | None
    """95 % interval, `debiased` ± 1.96 standard errors, its lower end at least 0."""
    warning: str | None
    """Why there is no interval, in a sentence; None if there is one."""

    @property
    def bias(self) -> float | None:
        """How much `value` is too large by, on average."""
        return None if self.debiased is None else self.value - self.debiased


def frechet_estimate(
    reference_mean: Tensor, reference_root: Tensor, generated: HalvedMoments
) -> FrechetEstimate:
    """Estimate the Fréchet distance of infinitely many generated samples, with a 95 % interval.

    The bias of order 1/n is computed in closed form, from the eigendecomposition of RᵀΣ₂R, for all n
    rows and for each half of them. What of it is of order 1/n² shows in the difference and is
    extrapolated away: (4 D(n) − mean D(n/2)) / 3, D being the distance less the first-order bias. In
    simulations that leaves next to no bias for Gaussian features where 2 F(n) − mean F(n/2) leaves a
    tenth to two standard deviations; for heavy-tailed ones (Student's t, 8 degrees) the two leave about
    the same, up to one. Near a perfect generator its standard deviation is three quarters of the other's.
    The standard error is that of ψ, itself debiased by halves, and of g. It is the sampling of the
    generated rows alone: training seeds, and the reference's own sampling, come on top.

    The order of the rows decides only which half each falls into. It moves `debiased` by about a third
    of the standard error at most (a nearly perfect generator), and `value` not at all.

    Parameters
    ----------
    reference_mean, reference_root
        float64 (d,) and the `covariance_root`, float64 (d, d), of the reference.
    generated
        Of the generated features.

    Returns
    -------
    FrechetEstimate
        Without `debiased`, error and interval, and with a warning, where the samples are too few: below
        4 for each dimension in which the reference varies, below 1,000, or where the expansion in 1/n has
        not converged.

    Raises
    ------
    MetricError
        If there are fewer than 2 generated samples.
    """
    mean, whole = reference_mean, generated.whole
    root = reference_root[:, reference_root.any(dim=0)]
    n, rank = whole.n, root.shape[1]
    fewest = max(MIN_SAMPLES, MIN_SAMPLES_A_DIMENSION * rank)
    if n < fewest:
        singular = n <= max(1, rank)
        simple = None if singular else _Expansion(mean, root, whole, generated.rows)
        return FrechetEstimate(
            value=(
                frechet_to_root(mean, root, whole.mean, whole.covariance)
                if simple is None
                else max(0.0, simple.value)
            ),
            value_error=None if simple is None else math.sqrt(float(simple.influences.var()) / n),
            debiased=None,
            standard_error=None,
            interval=None,
            warning=(
                f"{n} generated samples are too few for an interval in {rank} feature dimensions "
                f"(it holds from {fewest} on): the distance is biased upwards by an unknown amount"
            ),
        )
    all_rows = _Expansion(mean, root, whole, generated.rows)
    halves = [
        _Expansion(mean, root, moments, (rows,))
        for moments, rows in zip(generated.moments, generated.rows, strict=True)
    ]
    of_halves = sum(half.first_order for half in halves) / 2
    debiased = (4 * all_rows.first_order - of_halves) / 3
    # ψ is estimated with an error of order 1/√n, which would add to its variance: taken out below.
    psi = 2 * all_rows.influences - torch.cat([half.influences for half in halves])
    # The rows in the other half decide 2ψ(n) − ψ(n/2): its error adds E g²·2/n², four times E g²/2n².
    second = all_rows.second_order_variance
    first = max(0.0, float(psi.var()) / n - 4 * second)
    # Pairs across halves weigh 2/3 and those within 1/3: (4 + 1)/9 against the (1 + 1)/4 of equal weights.
    error = math.sqrt(first + 10 / 9 * second)
    last_step = abs(debiased - all_rows.first_order)
    step_before = abs(all_rows.first_order - all_rows.value)
    converged = last_step**2 <= _LARGEST_REMAINDER * error * step_before
    return FrechetEstimate(
        value=max(0.0, all_rows.value),
        value_error=math.sqrt(float(all_rows.influences.var()) / n),
        debiased=debiased if converged else None,
        standard_error=error if converged else None,
        interval=(
            (max(0.0, debiased - _NORMAL_95 * error), max(0.0, debiased + _NORMAL_95 * error))
            if converged
            else None
        ),
        warning=(
            None
            if converged
            else (
                f"{n} generated samples are too few for an interval here: the distance is biased upwards, "
                "and an estimate of how much has not settled at this number of samples"
            )
        ),
    )


def frechet_standard_error(reference_mean: Tensor, reference_root: Tensor, features: Tensor) -> float:
    """Standard error of the Fréchet distance of these very samples, √(Var ψ / n), the reference held fixed.

    It says how much `frechet_distance` would vary over fresh samples of the same number, not how far it
    is from that of infinitely many. For the reference's own sampling swap the two sides: the variances
    add. From a fifth too large to right for Gaussian features at 4 samples a dimension or more; up to
    twice too large for heavy-tailed ones near the reference.

    Parameters
    ----------
    reference_mean, reference_root
        As of `frechet_estimate`.
    features
        Generated, any float dtype, (n, d), more rows than dimensions in which the reference varies.

    Raises
    ------
    MetricError
        If there are too few rows: their covariance is singular, and the distance has no derivative.
    """
    root = reference_root[:, reference_root.any(dim=0)]
    n, rank = features.shape[0], root.shape[1]
    if n <= max(1, rank):
        raise MetricError(
            f"a standard error of a Fréchet distance needs more than {max(1, rank)} samples in {rank} "
            f"feature dimensions, got {n}"
        )
    return math.sqrt(float(influences(reference_mean, reference_root, features).var()) / n)


def influences(reference_mean: Tensor, reference_root: Tensor, features: Tensor) -> Tensor:
    """ψ of each of the features, (n, d), at their own moments: float64 (n,), in their order."""
    root = reference_root[:, reference_root.any(dim=0)]
    expansion = _Expansion(reference_mean, root, Moments.of(features), (features,))
    return expansion.influences[_pairing(features.shape[0]).argsort()]


def _pairing(n: int) -> Tensor:
    """An order, always the same, in which neighbours are no likelier to be alike than any two rows."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))


class _Expansion:
    """The distance at the moments of a sample, and its expansion averaged over (a sample of) its rows.

    Each part of the rows is gone through in the order of `_pairing`.
    """

    def __init__(self, mean: Tensor, root: Tensor, moments: Moments, parts: tuple[Tensor, ...]) -> None:
        n = moments.n
        centre, covariance = moments.mean.to(mean.device), moments.covariance.to(mean.device)
        trace, shift = covariance.trace(), centre - mean
        eigenvalues, vectors = torch.linalg.eigh(root.T @ covariance @ root)
        all_roots = eigenvalues.clamp(min=0).sqrt()
        self.value = float(shift.square().sum() + root.square().sum() + trace - 2 * all_roots.sum())
        varying = all_roots > _SINGULAR**0.5 * all_roots.sum()
        eigenvalues, directions = eigenvalues[varying], root @ vectors[:, varying]
        roots = eigenvalues.sqrt()
        weights = 1 / (torch.outer(roots, roots) * (roots + roots.unsqueeze(1)))
        crossed = weights.diagonal() * eigenvalues
        constant = crossed @ eigenvalues
        psi = []
        same = pairs = torch.zeros((), dtype=torch.float64, device=mean.device)
        for part in parts:
            order = _pairing(part.shape[0])
            for chosen in order.tensor_split(-(-part.shape[0] // _CHUNK_ROWS)):
                centred = part[chosen.to(part.device)].to(device=mean.device, dtype=torch.float64) - centre
                y = centred @ directions
                squares = y.square()
                psi.append(2 * centred @ shift + centred.square().sum(dim=1) - squares @ (1 / roots))
                # g(x, x), and g(x, x′) of each row and the one before it, less its constant part.
                same = same + ((squares @ weights) * squares).sum()
                both = y * y.roll(1, dims=0)
                g = 2 * (centred * centred.roll(1, dims=0)).sum(dim=1) + ((both @ weights) * both).sum(dim=1)
                g = g - (squares + squares.roll(1, dims=0)) @ crossed + constant
                pairs = pairs + g.square().sum()
        self.influences = torch.cat(psi) - (trace - roots.sum())
        count = self.influences.shape[0]
        self.first_order = self.value - float(trace + (same / count - constant) / 2) / n
        self.second_order_variance = float(pairs) / count / (2 * n * n)
