"""Every pair of entries compared, once a report: the verdicts at the top and the heat map read it."""

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from results.comparison import compare
from results.errors import StoreError
from results.report.entries import MOST_DRAWN, Contest, Entry
from results.report.subsets import Subsets, main_protocol


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The comparisons of one contest by its first metric; `why` says why there are none."""

    rows: pd.DataFrame
    notes: tuple[str, ...] = ()
    why: str = ""
    left_out: int = 0
    """Entries that are not compared, beyond the best `MOST_DRAWN`."""

    def beats(self, entry: Entry, other: Entry) -> bool:
        """Whether an entry is better than another."""
        row = self.between(other.label, entry.label)
        return row is not None and row["verdict"] == "better"

    def between(self, a: str, b: str) -> "pd.Series[object] | None":
        """Return the comparison of b with a, turned round if need be; None if there is none."""
        for x, y in ((a, b), (b, a)):
            found = self._places.get((x, y), [])
            if len(found) == 1:
                row = self.rows.iloc[found[0]]
                return row if x == a else _turned(row)
        return None

    @cached_property
    def _places(self) -> dict[tuple[str, str], list[int]]:
        """Where the comparisons of each pair are."""
        places: dict[tuple[str, str], list[int]] = {}
        for place, pair in enumerate(zip(self.rows["a"], self.rows["b"], strict=True)):
            places.setdefault(pair, []).append(place)
        return places


def compared(subsets: Subsets, contests: list[Contest]) -> dict[str, Compared]:
    """Contest name to its comparisons, all pairs of the best entries, corrected together."""
    return {contest.name: _of(subsets, contest) for contest in contests}


def _of(subsets: Subsets, contest: Contest) -> Compared:
    nothing = pd.DataFrame({"a": [], "b": []})
    if contest.metric is None:
        return Compared(rows=nothing, why="No run has a final score.")
    if len(contest.competing) < 2:
        only = contest.entries[0].label
        return Compared(
            rows=nothing, why=f"Only {only} was run on these data, so there is nothing to compare."
        )
    trainings = [training for entry in contest.drawn for training in entry.cells.index]
    mine = subsets.of(contest.metric)
    mine = mine[mine["training_id"].isin(trainings)]
    # Other protocols' values stand in no table; validation rows are there for choices.
    of_test = mine["phase"].eq("score") & mine["split"].fillna("test").eq("test")
    hashes = mine["protocol_hash"].fillna("")
    final = mine["final"].fillna(False) & mine["outcome"].eq("ok").fillna(False)
    mine = mine[~of_test.fillna(False) | hashes.eq(main_protocol(hashes[of_test.fillna(False) & final]))]
    # Under the report's own labels, which already hold the changed fields where they are needed.
    labels = mine["training_id"].map({training: e.label for training, e in contest.entry_of().items()})
    mine = mine.assign(variant=labels.astype("string"), variant_version=pd.NA, changed="").astype(
        {"variant_version": "string", "changed": "string"}
    )
    try:
        rows = compare(mine, metric=contest.metric, pairs="all")
    except StoreError as error:
        return Compared(rows=nothing, why=str(error))
    left_out = max(0, len(contest.competing) - MOST_DRAWN)
    return Compared(rows=rows, notes=tuple(rows.attrs.get("notes", ())), left_out=left_out)


def settled(contest: Contest, pairs: Compared) -> Contest:
    """The contest with each entry below those that are better than it.

    The mean of the seeds that survived may be the best of all, and the variant, its failures counted, worse.
    """
    order = list(contest.drawn)
    for _ in order:  # each round lets one more fall to its place; a circle ends with the last round
        for i, entry in enumerate(order):
            better = [j for j in range(i + 1, len(order)) if pairs.beats(order[j], entry)]
            if better:
                order.insert(better[-1], order.pop(i))
                break
        else:
            break
    return dataclasses.replace(contest, entries=(*order, *contest.entries[len(order) :]))


_OTHER_WAY = {"better": "worse", "worse": "better"}


def _turned(row: "pd.Series[object]") -> "pd.Series[object]":
    """The same comparison seen from the other side; `words` are about the one that was made."""
    turned = row.copy()
    for name in ("", "_low", "_high"):
        turned[f"value_a{name}"], turned[f"value_b{name}"] = row[f"value_b{name}"], row[f"value_a{name}"]
    for name in ("seeds", "failed"):
        turned[f"{name}_a"], turned[f"{name}_b"] = row[f"{name}_b"], row[f"{name}_a"]
    turned["a"], turned["b"] = row["b"], row["a"]
    for kind in ("effect", "median_effect"):
        ends = [float(row[f"{kind}{end}"]) for end in ("", "_high", "_low")]  # type: ignore[arg-type]
        ends = [1 / x if x else math.nan for x in ends] if row["scale"] == "log" else [-x for x in ends]
        turned[kind], turned[f"{kind}_low"], turned[f"{kind}_high"] = ends
    chances = [1 - float(row[f"improvement{end}"]) for end in ("", "_high", "_low")]  # type: ignore[arg-type]
    turned["improvement"], turned["improvement_low"], turned["improvement_high"] = chances
    turned["verdict"] = _OTHER_WAY.get(str(row["verdict"]), row["verdict"])
    return turned
