"""What is said of repeated timings: the median and an interval that assumes no distribution."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from bench.errors import InputError


def median_interval(values: Sequence[float], confidence: float) -> tuple[float, float]:
    """Interval of the median of what `values` were drawn from, positive numbers of any distribution.

    The number of n independent values below the median is binomial(n, ½), so the k-th smallest and the
    k-th largest enclose it with probability 1 − 2 P(binomial(n, ½) < k), ties only raising it: exact, where
    a bootstrap of few values covers too seldom. k is the largest that reaches `confidence`.

    Returns
    -------
    (float, float)
        Of values too few for any k (5 at 95 %, 7 at 99 %) it is (0, ∞): they say nothing at that confidence.

    Raises
    ------
    InputError
        For no value, or a confidence outside 0 to 1.
    """
    if not values:
        raise InputError("There is no median of no values.")
    if not 0 < confidence < 1:
        raise InputError(f"A confidence lies between 0 and 1, not at {confidence}.")
    n, ordered = len(values), sorted(values)
    # In whole numbers, which overflow at no n.
    allowed = Fraction(1 - confidence) * 2**n
    k, ways, outside = 0, 1, 1  # ways: of n to choose k; outside: their sum so far
    while 2 * outside <= allowed:
        k, ways = k + 1, ways * (n - k) // (k + 1)
        outside += ways
    return (0.0, math.inf) if k == 0 else (ordered[k - 1], ordered[n - k])


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One thing, timed again and again; `bench.timing` makes them."""

    seconds: tuple[float, ...]
    """Of each counted call, in their order."""
    warmup: int
    """Calls before those."""
    steady: bool
    """Whether warming up ended because calls had stopped getting faster, not at its time limit."""
    first_sec: float
    """Of the very first call, which may compile, allocate or read files."""

    @property
    def median_sec(self) -> float:
        """The median of the counted calls."""
        return statistics.median(self.seconds)

    @property
    def low_sec(self) -> float:
        """Lower end of the median's 95 % interval; 0 with fewer than 6 calls."""
        return median_interval(self.seconds, 0.95)[0]

    @property
    def high_sec(self) -> float:
        """Upper end of the median's 95 % interval; ∞ with fewer than 6 calls."""
        return median_interval(self.seconds, 0.95)[1]


@dataclass(frozen=True, kw_only=True)
class PairedTiming:
    """One thing as a multiple of another that was timed in the same rounds.

    Each round's ratio is taken first, then the median: what slows a machine for a while slows both.

    Raises
    ------
    InputError
        If their rounds differ: they were not timed side by side, and a ratio would compare two moments.
    """

    target: Timing
    reference: Timing
    confidence: float

    def __post_init__(self) -> None:
        n_target, n_reference = len(self.target.seconds), len(self.reference.seconds)
        if n_target != n_reference:
            raise InputError(
                f"Timings of {n_target} and of {n_reference} calls were not taken in the same rounds, so "
                "they have no ratio."
            )

    @property
    def ratios(self) -> tuple[float, ...]:
        """Target / reference of each round, in their order: above 1 the target is the slower."""
        return tuple(t / r for t, r in zip(self.target.seconds, self.reference.seconds, strict=True))

    @property
    def rounds(self) -> int:
        """How often both were timed."""
        return len(self.target.seconds)

    @property
    def ratio(self) -> float:
        """The median over rounds."""
        return statistics.median(self.ratios)

    @property
    def low(self) -> float:
        """Lower end of the median's interval at `confidence`; 0 with too few rounds for one."""
        return median_interval(self.ratios, self.confidence)[0]

    @property
    def high(self) -> float:
        """Upper end of the median's interval at `confidence`; ∞ with too few rounds for one."""
        return median_interval(self.ratios, self.confidence)[1]


def ratio_of(target: Timing, reference: Timing, confidence: float = 0.95) -> PairedTiming:
    """`target` as a multiple of `reference`, both out of one `bench.timing.alternate`.

    Raises
    ------
    InputError
        As `PairedTiming`.
    """
    return PairedTiming(target=target, reference=reference, confidence=confidence)
