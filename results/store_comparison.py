"""Has a store got worse than an earlier one: every recipe beside itself."""

from collections.abc import Hashable, Sequence
from typing import Literal

import pandas as pd

from results.comparison_rows import SCORE, Found, base_of, pair_of, table_of
from results.conditions import missing_words, shared_words
from results.errors import StoreError
from results.intervals import check_level
from results.observations import MACHINE, fallen_back, observations, side_of
from results.summary import COSTS, GROUP, final_scores
from results.verdicts import tested
from results.words import aside_words

Key = tuple[Hashable, ...]


def compare_stores(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    metrics: Sequence[str] | None = None,
    at: Literal["final", "best", "trailing"] = "final",
    margin: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare what two stores have in common: has anything got worse?

    A recipe is compared with itself under equal conditions, and with its former version if each store has one
    version of it. Costs are compared on equal machines only, and paired by seed: it is the same work.

    Parameters
    ----------
    before, after
        As ``load`` returns them.
    metrics
        Scores and costs; by default every final test score that has a better direction, and ``COSTS``.
    at, margin, level
        As of ``compare``.

    Returns
    -------
    DataFrame
        As of ``compare``, with "before" as a, "after" as b, and the recipe in ``conditions``.
        ``attrs["missing"]``: sentences on what the store before has and the one after has not.

    Raises
    ------
    StoreError
        Nothing in common, in a sentence that says what differs; costs that were asked for, but come from
        different machines; a metric that one of the stores does not have.
    """
    check_level(level)
    asked = list(metrics) if metrics is not None else _metrics_of(before)
    found: Found = []
    notes: list[str] = []
    missing: list[str] = []
    everything = []
    for metric in asked:
        then = observations(before, metric, at)
        now = _later(before, after, metric, at)
        if set(then["at"]) != set(now["at"]):
            missing.append(f"{metric}: only one of the stores has validation scores to choose by.")
            continue
        everything += [then, now]
        notes += fallen_back(then, at)
        compared, said, gone = _matched(then, now, level)
        if metrics is not None and not compared:
            raise StoreError(" ".join([f"{metric} can't be compared.", *said, *gone]))
        found += compared
        notes += said
        missing += gone
    if not found:
        raise StoreError(" ".join(["The stores have nothing in common.", *notes, *missing]))
    table = table_of(found, pd.concat(everything), level=level, margin=margin, notes=notes)
    table.attrs["missing"] = list(dict.fromkeys(missing))
    return table


def _later(before: pd.DataFrame, after: pd.DataFrame, metric: str, at: str) -> pd.DataFrame:
    """Observations of the later store; if nothing in it has the metric, its trainings without one.

    Were they left out, a recipe of which all seeds now fail would not be compared, and nothing be worse.
    """
    try:
        return observations(after, metric, at)
    except StoreError:
        own = after.assign(training_id="after " + after["training_id"])
        both = observations(pd.concat([before, own], ignore_index=True), metric, at)
        return both[both["training_id"].isin(own["training_id"])]


def _matched(then: pd.DataFrame, now: pd.DataFrame, level: float) -> tuple[Found, list[str], list[str]]:
    """Compare every group of one metric that both stores have; say what they have not in common."""
    key = [name for name in [*GROUP, *MACHINE, *SCORE] if name != "variant_version"]
    groups_then, groups_now = _groups(then, key), _groups(now, key)
    found: Found = []
    notes: list[str] = []
    missing: list[str] = []
    for values, old in groups_then.items():
        new = groups_now.get(values)
        words = shared_words(old, GROUP, of_variant=True)
        if new is None:
            missing.append(
                missing_words(now, old, str(old["variant"].iloc[0]), ["before"], key, store="after")
            )
            continue
        pairs, lost = _same_version(old, new)
        missing += [f"{words}: version {version} is not in the store after." for version in lost]
        for old_, new_, version in pairs:
            a, b = side_of(old_, "before"), side_of(new_, "after")
            if not a.n:
                notes.append(f"{words}, before: {aside_words(a)}.")
            elif not b.n:
                missing.append(f"{words}, after: {aside_words(b)}.")
            else:
                same_work = str(old["metric"].iloc[0]) in COSTS
                base = base_of(old_) | {"conditions": words + version}
                found.append((tested(pair_of(old_, a, b, same_work=same_work), level), base))
                if b.n_failed == b.n and not a.n_failed:  # with few seeds, more than ranks could ever tell
                    missing.append(f"{words}{version}: every seed failed in the store after, none before.")
    for values, new in groups_now.items():
        if values not in groups_then:
            notes.append(f"Only after: {shared_words(new, GROUP, of_variant=True)}.")
    return found, notes, missing


def _same_version(
    old: pd.DataFrame, new: pd.DataFrame
) -> tuple[list[tuple[pd.DataFrame, pd.DataFrame, str]], list[str]]:
    """Rows of equal versions, or of the only version of each store; versions that the later one lacks."""
    before, after = (list(dict.fromkeys(rows["variant_version"].fillna(""))) for rows in (old, new))
    if len(before) == 1 and len(after) == 1:
        change = "" if before == after else f", version {before[0]} before and {after[0]} after"
        return [(old, new, change)], []
    pairs = [
        (
            old[old["variant_version"].eq(version)],
            new[new["variant_version"].eq(version)],
            f", version {version}",
        )
        for version in before
        if version in after
    ]
    return pairs, [version for version in before if version not in after]


def _groups(rows: pd.DataFrame, key: list[str]) -> dict[Key, pd.DataFrame]:
    return {
        tuple("" if pd.isna(value) else value for value in values): group
        for values, group in rows.groupby(key, dropna=False, sort=False)
    }


def _metrics_of(frame: pd.DataFrame) -> list[str]:
    """Every final test score that has a direction, and the costs there are."""
    scores = final_scores(frame)
    test = scores["split"].isna() | scores["split"].eq("test").fillna(False)
    named = list(dict.fromkeys(scores.loc[test & scores["better"].notna(), "metric"]))
    training = frame["phase"].eq("training").fillna(False)
    return [*named, *(cost for cost in COSTS if frame.loc[training, "metric"].eq(cost).fillna(False).any())]
