"""Which setting of a variant's tuned fields is reported, and how it was come by."""

import itertools
import math
import shlex

import numpy as np
import pandas as pd

from results.observations import NO_FAILURE
from results.summary import GROUP, cells_of, final_scores
from results.time_to_quality import scores_named

UNTUNED = "at the papers' settings, untuned"
"""Said of a variant of which nobody changed anything."""


def tuned(frame: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Of each variant's settings along the axes of ``--set``, keep the one with the best validation score.

    Settings of one variant, data set and other conditions compete if they differ in fields that were axes of
    a launch (the run column ``tuning_axes``). The one of which the fewest seeds failed is chosen, and among
    equals the one with the best mean over seeds of the final validation score (of its logarithm, if all are
    above 0). Validation data alone decide, so that test scores of the chosen one are not too good by luck.

    Parameters
    ----------
    frame
        As ``load`` returns it.
    rule
        The score to choose by, as ``fid``.

    Returns
    -------
    DataFrame
        The frame's rows of the cells that were not passed over, with the column ``tuning``: "at the papers'
        settings, untuned" (and, where it is so, "but for ngf=32, which the data set sets"), "set by hand:
        lr=1e-4", "best of
        2 by validation fid@…, mean over seeds", or, where there are no validation scores or of several
        protocols, "one of 2 settings, none chosen: …".

    Raises
    ------
    StoreError
        Nobody was scored by the rule; not a loaded frame.
    """
    cells = cells_of(frame)
    axes = (
        cells["tuning_axes"]
        if "tuning_axes" in cells
        else pd.Series(pd.NA, index=cells.index, dtype="string")
    )
    scores = final_scores(frame)
    scores = scores_named(scores, rule)
    scores = scores[scores["split"].eq("validation").fillna(False)].drop_duplicates(
        "training_id", keep="last"
    )
    others = [name for name in GROUP if name != "changed"]
    words: dict[str, str] = {}
    passed_over: set[str] = set()
    for _, group in cells.groupby(others, dropna=False, sort=False):
        fields = {field for text in axes.loc[group.index].dropna() for field in fields_of(text)}
        rest = group["changed"].fillna("").map(lambda text, fields=fields: _without(text, fields))
        for _, alike in group.groupby(rest, sort=False):
            hand = {training: _by_hand(cell, fields) for training, cell in alike.iterrows()}
            settings = list(dict.fromkeys(alike["changed"].fillna("")))
            how = ""
            if fields and len(settings) > 1:
                best, how = _choose(alike, settings, scores)
                if best is not None:
                    passed_over |= set(alike.index[alike["changed"].fillna("").ne(best)])
            for training in alike.index:
                words[str(training)] = "; ".join(filter(None, [hand[training], how])) or _untuned(
                    rest[training]
                )
    kept = frame[~frame["training_id"].isin(passed_over)]
    return kept.assign(tuning=kept["training_id"].map(words).astype("string"))


def _untuned(changed: str) -> str:
    """Say that nobody changed anything; what is changed all the same is what the data set sets."""
    return f"{UNTUNED}, but for {changed}, which the data set sets" if changed else UNTUNED


def fields_of(axes: str) -> list[str]:
    """Return the fields of a text like "lr=1e-4,2e-4 optimiser_d.beta1=0,0.5"."""
    return [part.partition("=")[0] for part in axes.split() if "=" in part]


def _is_one_of(path: str, fields: set[str]) -> bool:
    """Whether a changed field is meant by any of these names, as lr is by optimiser_g.lr, and the reverse."""
    return any(path == field or path.endswith(f".{field}") or field.endswith(f".{path}") for field in fields)


def _without(changed: str, fields: set[str]) -> str:
    """A text of changed fields, as "lr=0.0001 ngf=32", without some of them."""
    parts = [part for part in changed.split(" ") if part]
    return " ".join(part for part in parts if not _is_one_of(part.partition("=")[0], fields))


def _by_hand(cell: "pd.Series[object]", axes: set[str]) -> str:
    """Say what the user set, apart from the axes; what the data set suggests is not by hand."""
    changed = _without(str(cell["changed"]), axes) if not pd.isna(cell["changed"]) else ""
    if not changed:
        return ""
    asked = _asked(cell)
    if asked is not None:
        parts = [part for part in changed.split(" ") if _is_one_of(part.partition("=")[0], asked)]
        changed = " ".join(parts)
    return f"set by hand: {changed}" if changed else ""


def _asked(cell: "pd.Series[object]") -> set[str] | None:
    """The fields that the run's command line sets with --set; None if it is not known."""
    if pd.isna(cell["command"]):
        return None
    try:
        words = shlex.split(str(cell["command"]))
    except ValueError:  # an open quote: no command of this package
        return None
    values = [after for word, after in itertools.pairwise(words) if word == "--set"]
    values += [word.removeprefix("--set=") for word in words if word.startswith("--set=")]
    return {value.partition("=")[0] for value in values}


def _choose(cells: pd.DataFrame, settings: list[str], scores: pd.DataFrame) -> tuple[str | None, str]:
    """The best of several settings, and how it was chosen in words."""
    mine = scores[scores["training_id"].isin(cells.index)]
    ok = cells.index[cells["outcome"].eq("ok").fillna(False)]
    known = mine[mine["training_id"].isin(ok)]
    n = len(settings)
    if known.empty:
        return None, f"one of {n} settings, none chosen: no validation scores"
    if known["protocol_hash"].nunique(dropna=False) > 1 or known["better"].isna().any():
        return None, f"one of {n} settings, none chosen: their validation scores do not compare"
    sign = 1 if known["better"].iloc[0] == "lower" else -1
    log = bool((known["value"] > 0).all())
    ranked = []
    for setting in settings:
        of_setting = cells[cells["changed"].fillna("").eq(setting)]
        values = known.loc[known["training_id"].isin(of_setting.index), "value"].to_numpy()
        finite = values[np.isfinite(values)]
        n_failed = (
            len(values) - len(finite) + int((~of_setting["outcome"].fillna("running").isin(NO_FAILURE)).sum())
        )
        failed = n_failed / max(1, n_failed + len(finite))
        mean = sign * float((np.log(finite) if log else finite).mean()) if len(finite) else math.inf
        ranked.append((failed, mean, setting))
    metric = str(known["metric"].iloc[0])
    return min(ranked)[2], f"best of {n} by validation {metric}, mean over seeds"
