"""How often intervals cover the truth and verdicts are false, where the truth is known.

    python tests/statistics/simulate.py --simulations 10000 > table.md

Every figure is a share of simulated benchmarks, judged by the very code that judges real ones.
"""

import argparse
import math
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from results.aggregates import bootstrap_interval
from results.intervals import t_interval
from results.observations import Side
from results.rank_statistics import improvement
from results.verdicts import Pair, judge, tested

Draw = Callable[[np.random.Generator, int], np.ndarray]

SEEDS = (3, 5, 10)
SPREAD = 0.3  # standard deviation of log FID between seeds: more than any of the variants here has

DISTRIBUTIONS: dict[str, tuple[Draw, bool, float]] = {
    # name: how values are drawn, whether they are judged on a log scale, what the interval should hold
    "normal": (lambda rng, n: rng.normal(100, 10, n), False, 100.0),
    "log-normal, log scale": (lambda rng, n: 100 * np.exp(rng.normal(0, SPREAD, n)), True, 100.0),
    "log-normal, linear scale": (
        lambda rng, n: 100 * np.exp(rng.normal(0, SPREAD, n)),
        False,
        100 * math.exp(SPREAD**2 / 2),
    ),
}


def t_coverage(name: str, n: int, simulations: int, rng: np.random.Generator) -> float:
    """Share of 95 % t intervals of n seeds that hold the truth."""
    draw, log, truth = DISTRIBUTIONS[name]
    intervals = (t_interval(draw(rng, n), log=log) for _ in range(simulations))
    return sum(interval.low <= truth <= interval.high for interval in intervals) / simulations


def side(values: np.ndarray, label: str, rng: np.random.Generator, failing: float = 0.0) -> Side:
    """A side of these values, of which each has failed with some probability."""
    kept = values[rng.random(len(values)) >= failing]
    failed = Counter({"diverged": len(values) - len(kept)}) if len(kept) < len(values) else Counter[str]()
    by_name = {f"{label}{i}": float(value) for i, value in enumerate(kept)}
    return Side(label=label, values=by_name, by_seed={}, failed=failed, aside=Counter())


def false_verdicts(
    variants: int,
    n: int,
    simulations: int,
    rng: np.random.Generator,
    *,
    unequal: bool = False,
    failing: float = 0.0,
) -> float:
    """Share of benchmarks of equal variants in which any is called better or worse than the baseline."""
    wrong = 0
    for _ in range(simulations):
        spreads = np.where(np.arange(variants) == 0, 3.0 if unequal else 1.0, 1.0) * SPREAD
        sides = [
            side(100 * np.exp(rng.normal(0, spread, n)), f"v{i}", rng, failing)
            for i, spread in enumerate(spreads)
        ]
        pairs = [Pair(a=sides[0], b=other, metric="fid", better="lower") for other in sides[1:]]
        judged = judge([tested(pair, 0.95) for pair in pairs], level=0.95, margin=None)
        wrong += any(row["verdict"] in ("better", "worse") for row in judged)
    return wrong / simulations


def false_not_worse(n: int, simulations: int, rng: np.random.Generator, *, margin: float = 0.1) -> float:
    """Share of variants worse by just the margin that are called not worse (or better)."""
    wrong = 0
    for _ in range(simulations):
        a = side(100 * np.exp(rng.normal(0, 0.1, n)), "a", rng)
        b = side(100 * (1 + margin) * np.exp(rng.normal(0, 0.1, n)), "b", rng)
        test = tested(Pair(a=a, b=b, metric="fid", better="lower"), 0.95)
        (row,) = judge([test], level=0.95, margin=margin)
        wrong += row["verdict"] in ("not worse", "better")
    return wrong / simulations


def improvement_coverage(truth: float, n: int, simulations: int, rng: np.random.Generator) -> float:
    """Share of Newcombe's 95 % intervals that hold P(improvement), of normal values."""
    shift = math.sqrt(2) * float(stats.norm.ppf(truth))
    intervals = (improvement(rng.normal(0, 1, n), rng.normal(shift, 1, n)) for _ in range(simulations))
    return sum(interval.low <= truth <= interval.high for interval in intervals) / simulations


def bootstrap_coverage(datasets: int, n: int, simulations: int, rng: np.random.Generator) -> float:
    """Share of 95 % bootstrap intervals of the aggregate that hold the true ratio, the same on all data."""
    truth, held = 0.8, 0
    for _ in range(simulations):
        strata = [
            (
                side(scale * np.exp(rng.normal(0, SPREAD, n)), "a", rng),
                side(truth * scale * np.exp(rng.normal(0, SPREAD, n)), "b", rng),
            )
            for scale in 10.0 ** np.arange(datasets)
        ]
        interval = bootstrap_interval(strata, "lower", rng, level=0.95, resamples=1000)
        held += interval.low <= truth <= interval.high
    return held / simulations


def tables(simulations: int, rng: np.random.Generator) -> Iterator[str]:
    """Every table, as Markdown."""

    def table(title: str, columns: tuple[object, ...], rows: dict[str, list[float]]) -> Iterator[str]:
        yield f"\n{title}\n"
        yield f"| | {' | '.join(map(str, columns))} |"
        yield "|---" * (len(columns) + 1) + "|"
        for name, shares in rows.items():
            yield f"| {name} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |"

    yield from table(
        "Coverage in % of 95 % t intervals, by seeds",
        SEEDS,
        {name: [t_coverage(name, n, simulations, rng) for n in SEEDS] for name in DISTRIBUTIONS},
    )
    settings: dict[str, dict[str, float]] = {
        "equal spread": {},
        "baseline 3 times the spread": {"unequal": True},
        "1 seed in 5 fails": {"failing": 0.2},
    }
    sizes = (2, *SEEDS)
    yield from table(
        "Family-wise error in %: any of several equal variants called better or worse, by seeds",
        sizes,
        {
            f"{variants} variants, {name}": [
                false_verdicts(variants, n, simulations, rng, **options)
                for n in sizes  # type: ignore[arg-type]
            ]
            for variants in (2, 5)
            for name, options in settings.items()
        },
    )
    yield from table(
        "Error in %: worse by just the margin, called not worse, by seeds",
        SEEDS,
        {"margin 10 %": [false_not_worse(n, simulations, rng) for n in SEEDS]},
    )
    yield from table(
        "Coverage in % of 95 % intervals of P(improvement), by seeds",
        SEEDS,
        {f"P = {p}": [improvement_coverage(p, n, simulations, rng) for n in SEEDS] for p in (0.5, 0.8, 0.95)},
    )
    yield from table(
        "Coverage in % of the aggregate's 95 % bootstrap intervals, by seeds",
        SEEDS,
        {
            f"{d} data sets": [bootstrap_coverage(d, n, simulations, rng) for n in SEEDS]
            for d in (2, 5)
        },
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for line in tables(options.simulations, np.random.default_rng(options.seed)):
        print(line, flush=True)
