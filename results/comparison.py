"""Which of several recipes is better: a row a comparison, with its verdict.

Only what was had under equal conditions is compared; what is not is said in ``attrs["notes"]``.
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import pandas as pd

from results.comparison_rows import DATA, IDENTITY, SCORE, Found, base_of, pair_of, table_of
from results.conditions import changed_words, labels_of, missing_words, shared_words
from results.errors import StoreError
from results.intervals import check_level
from results.observations import MACHINE, fallen_back, observations, side_of
from results.summary import GROUP
from results.verdicts import tested
from results.words import aside_words


def compare(
    frame: pd.DataFrame,
    *,
    metric: str | Sequence[str] = "fid",
    by: str = "variant",
    baseline: str | None = None,
    pairs: Literal["baseline", "all"] = "baseline",
    at: Literal["final", "best", "trailing"] = "final",
    margin: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare recipes, or values of another condition, with a baseline or each with each.

    Data, batch size, budget, precision, compile mode, device, protocol of scoring and, for costs, machine
    are the same on both sides of every comparison, apart from the one compared by. Seeds are replicates and
    never paired: seed 3 of one network has nothing in common with seed 3 of another.

    Parameters
    ----------
    frame
        As ``load`` returns it.
    metric
        A score, as ``fid`` or ``fid@digits-classifier``, or a cost, as ``images_per_sec``; or several, and
        then the correction is for the comparisons by all of them.
    by
        "variant" (with its version and changed fields), or another column of ``results.summary``'s averages
        that does not belong to the data, as "precision".
    baseline
        The value that the others are compared with; by default the first by name.
    pairs
        "all": each with each.
    at
        Which score of a training: "final", "best" (chosen on validation data) or "trailing".
    margin
        Also test for "not worse": worse by less than this share of the ratio, as 0.05.
    level
        Of the intervals, and 1 − level of the tests.

    Returns
    -------
    DataFrame
        The columns of ``results.COMPARISON_COLUMNS``, a row a comparison of b with a. ``value_a``,
        ``value_b``: means (geometric ones on the log scale) with t intervals over the seeds with a finite
        score. ``effect``: b / a on the log scale, else b − a, with Welch's interval; ``median_effect``: the
        same by Hodges and Lehmann, failed seeds counted. ``p``: Welch's; ``p_rank``: the exact rank test's,
        failed seeds worse than any score, and the smallest it could have been. ``decided_by``: which of them
        the verdict is made on ("ranks" if a seed failed or nothing varies); ``p_holm``: that one, corrected
        for the ``comparisons`` of this table. ``improvement``: P(b better than a). ``seeds_needed``: seeds a
        side that would find the difference seen with a power of 80 %; NaN if it was found. ``words``: a
        sentence.
        ``attrs["notes"]``: sentences on what was not compared, and why.

    Raises
    ------
    StoreError
        Nothing to compare, in a sentence that says what differs; a baseline that is not there or stands for
        several; a metric that nobody has or that has no better direction.
    """
    check_level(level)
    if pairs not in ("baseline", "all"):
        raise StoreError(f"Comparisons are of pairs 'baseline' or 'all', not {pairs!r}.")
    if by not in GROUP or by in DATA:
        known = ", ".join(name for name in GROUP if name not in DATA)
        raise StoreError(f"Trainings can be compared by {known}, not by {by!r}.")
    metrics = [metric] if isinstance(metric, str) else list(metric)
    rows = pd.concat([observations(frame, name, at) for name in metrics], ignore_index=True)
    identity = IDENTITY.get(by, [by])
    rows = rows.assign(label=labels_of(rows, by, identity))
    order = sorted(rows["label"].unique())
    if len(order) < 2:
        raise StoreError(f"There is nothing to compare: by {by} there is only {', '.join(order) or 'none'}.")
    first = baseline_of(baseline, order) if baseline is not None or pairs == "baseline" else order[0]
    order = [first, *(label for label in order if label != first)]
    stratum = [name for name in [*GROUP, *MACHINE, *SCORE] if name not in identity]
    conditions = [name for name in stratum if name in GROUP]
    found: Found = []
    notes = fallen_back(rows, at) + (changed_words(rows) if "changed" in identity else [])
    for _, same in rows.groupby(stratum, dropna=False, sort=False):
        there = [label for label in order if same["label"].eq(label).any()]
        sides = {label: side_of(same[same["label"].eq(label)], label) for label in there}
        ended = [label for label in there if sides[label].n]
        never = [side for side in sides.values() if not side.n]
        notes += [f"{side.label} can't be compared: {aside_words(side)}." for side in never]
        for a, b in itertools.combinations(ended, 2):
            if pairs == "all" or a == first:
                base = base_of(same) | {"conditions": shared_words(same, conditions)}
                found.append((tested(pair_of(same, sides[a], sides[b]), level), base))
        if pairs == "baseline" and ended and first not in there:
            notes.append(missing_words(rows, same, first, ended, stratum))
    if not found:
        raise StoreError(" ".join(["There is nothing to compare.", *dict.fromkeys(notes)]))
    return table_of(found, rows, level=level, margin=margin, notes=notes)


def baseline_of(asked: str | None, labels: list[str]) -> str:
    """Return the label that a baseline means; the first, if none is named."""
    if asked is None or asked in labels:
        return labels[0] if asked is None else asked
    begun = [label for label in labels if label.split(" ")[0] == asked]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise StoreError(
            f"The baseline {asked!r} may be any of {_quoted(begun)}: name the one that is meant."
        )
    raise StoreError(f"There is no baseline {asked!r}; there are {_quoted(labels)}.")


def _quoted(labels: Sequence[str]) -> str:
    return ", ".join(repr(label) for label in labels)
