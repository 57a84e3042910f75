"""What came out, in words, before any figure: for a reader who has never seen an FID."""

import math

import pandas as pd

from results.observations import MACHINE, NO_FAILURE
from results.report.all_pairs import Compared
from results.report.costs import median_cost
from results.report.entries import Contest, Entry
from results.report.model import Section, Tone, Verdict, Verdicts
from results.report.names import direction, explanation, metric_name, metric_title
from results.report.numbers import DASH, count, gibibytes, like, listed, number, seconds
from results.report.standings import LEVEL, Standings
from results.words import p_words, plan_words

_TONES: dict[str, Tone] = {
    "better": "good",
    "worse": "bad",
    "not worse": "good",
    "cannot be told apart": "even",
    "too few seeds": "unknown",
}


def section(
    contests: list[Contest],
    standings: dict[tuple[str, str], Standings],
    comparisons: dict[str, Compared],
    costs: pd.DataFrame,
) -> Section:
    """One part a data set: the best, how each other one compares with it, what it cost, what failed."""
    blocks = tuple(
        _of_contest(
            contest,
            standings[contest.name, contest.metric] if contest.metric else None,
            comparisons[contest.name],
            costs,
        )
        for contest in contests
    )
    return Section(key="verdicts", title="What came out", blocks=blocks)


def _of_contest(contest: Contest, mine: Standings | None, pairs: Compared, costs: pd.DataFrame) -> Verdicts:
    lead = []
    verdicts: tuple[Verdict, ...] = ()
    notes = []
    if mine is None:
        lead.append("No run was scored to the end, so that nothing can be said about quality.")
    else:
        leader = contest.entries[0]
        lead.append(_leader_words(leader, mine, pairs))
        lead += [text for text in (_caveat(pairs), _judged_by(mine)) if text]
        verdicts = tuple(_verdict(leader, entry, mine, pairs) for entry in contest.drawn[1:])
        notes += [pairs.why] if pairs.why and len(contest.competing) > 1 else []
        notes += pairs.notes
        if pairs.left_out:
            notes.append(f"{count(pairs.left_out, 'further entry', 'further entries')} not compared here.")
        notes += [_READING] if len(pairs.rows) else []
    lead += [text for text in (_cost_words(contest, costs), _failure_words(contest)) if text]
    return Verdicts(
        title=f"On {contest.title}", lead=tuple(lead), verdicts=verdicts, notes=tuple(n for n in notes if n)
    )


def _leader_words(leader: Entry, mine: Standings, pairs: Compared) -> str:
    interval = mine.by_label[leader.label].interval()
    value, low, high = like(*interval)
    standing = mine.by_label[leader.label]
    seeds = count(len(standing.values()), "seed")
    if standing.failed:
        seeds += f", {standing.failed} more failed"
    around = f", 95 % interval {low} to {high}" if low != DASH else ""
    said = f"{metric_name(mine.metric)} {value}{around}, {seeds}"
    if len(mine.contest.competing) == 1:
        return f"{leader.label} reached {said}."
    others = [entry.label for entry in mine.contest.drawn[1:]]
    rows = {label: pairs.between(leader.label, label) for label in others}
    verdicts = {label: "" if row is None else str(row["verdict"]) for label, row in rows.items()}
    beaten = [label for label, verdict in verdicts.items() if verdict == "worse"]
    if len(beaten) == len(others):
        whom = "every variant compared with it" if pairs.left_out else "every other variant"
        return f"{leader.label} is the best: {said}. It beats {whom} by more than luck explains."
    apart = [label for label in others if not verdicts[label]]
    open_ = [label for label in others if label not in (*beaten, *apart)]
    few = all(verdicts[label] == "too few seeds" for label in open_)
    because = "with so few seeds" if few else "by these runs"
    not_compared = f" It was not compared with {listed(apart)}: other conditions." if apart else ""
    means = {label: mine.sign * mine.by_label[label].interval().estimate for label in others}
    best = not any(mean < mine.sign * interval.estimate for mean in means.values())
    first = "has the best mean" if best else "comes first, failed seeds counted"
    if not open_ and not beaten:
        return f"{leader.label} reached {said}.{not_compared}"
    if not beaten:
        whom = "the other" if len(others) == 1 else listed(open_) if apart else "any other"
        return (
            f"No winner: {leader.label} {first} ({said}), but it cannot be told from {whom} {because}."
            f"{not_compared}"
        )
    tied = f"; it cannot be told from {listed(open_)} {because}" if open_ else ""
    return (
        f"{leader.label} {first}: {said}. It beats {listed(beaten)} by more than luck explains{tied}."
        f"{not_compared}"
    )


def _verdict(leader: Entry, entry: Entry, mine: Standings, pairs: Compared) -> Verdict:
    row = pairs.between(leader.label, entry.label)
    if row is None:
        return Verdict(
            tone="unknown",
            label="not compared",
            words=f"{entry.label} was not compared with {leader.label}: their conditions differ.",
        )
    verdict = str(row["verdict"])
    name = metric_name(mine.metric)
    values = f"{name} {_number(row['value_b'])} against {_number(row['value_a'])}"
    if verdict in ("worse", "better"):
        words = f"{entry.label} is {verdict} than {leader.label}: {values}{_size(row)}."
    elif verdict == "cannot be told apart":
        plan = plan_words(float(row["seeds_needed"]))  # type: ignore[arg-type]
        seeds = f"{row['seeds_a']} and {row['seeds_b']} seeds"
        words = f"{entry.label} and {leader.label} cannot be told apart with {seeds}: {values}. {plan}"
    else:
        words = str(row["words"])
    label = verdict
    return Verdict(tone=_TONES.get(verdict, "unknown"), label=label, words=words, evidence=_evidence(row))


def _size(row: "pd.Series[object]") -> str:
    effect, low, high = (float(row[f"effect{end}"]) for end in ("", "_low", "_high"))  # type: ignore[arg-type]
    if not math.isfinite(effect):
        return ""
    around = f" (95 % interval {number(low)} to {number(high)})" if math.isfinite(low) else ""
    if row["scale"] == "log":
        return f", {number(effect)} times as high{around}"
    sign = "+" if effect > 0 else ""
    return f", a difference of {sign}{number(effect)}{around}"


def _evidence(row: "pd.Series[object]") -> str:
    """The figures for who wants them."""
    said = []
    p, n = float(row["p_holm"]), int(row["comparisons"])  # type: ignore[arg-type, call-overload]
    if math.isfinite(p):
        corrected = f" after correction for {n} comparisons" if n > 1 else ""
        by = "rank test" if row["decided_by"] == "ranks" else "Welch’s t"
        said.append(f"{p_words(p)}{corrected} ({by})")
    rank, least = float(row["p_rank"]), float(row["p_rank_smallest"])  # type: ignore[arg-type]
    if math.isfinite(rank):
        bound = "the smallest" if rank <= least else f"{least:.2g} the smallest"
        said.append(f"exact rank test {p_words(rank)}, {bound} possible with these seeds")
    chance, low, high = (float(row[f"improvement{end}"]) for end in ("", "_low", "_high"))  # type: ignore[arg-type]
    if math.isfinite(chance):
        around = f" [{low:.2f}, {high:.2f}]" if math.isfinite(low) else ""
        said.append(f"chance that a run of {row['b']} beats one of {row['a']} {chance:.2f}{around}")
    failed = [f"{row[f'failed_{s}']} seeds of {row[s]} failed" for s in "ab" if row[f"failed_{s}"]]
    return "; ".join([*said, *failed])


def _number(value: object) -> str:
    return number(float(value))  # type: ignore[arg-type]


def _cost_words(contest: Contest, costs: pd.DataFrame) -> str:
    """Who was fastest, slowest, and by how much."""
    same = pd.concat([entry.ok[[*MACHINE, "kimg_budget"]] for entry in contest.entries]).drop_duplicates()
    times = {
        entry.label: t
        for entry in contest.entries
        if math.isfinite(t := median_cost(costs, entry, "training_sec"))
    }
    if len(same) != 1 or not times:  # seconds compare on one machine, of one budget
        return ""
    memory = costs["peak_memory_bytes"].reindex([t for e in contest.entries for t in e.ok.index]).max()
    most = f" No training took more than {gibibytes(memory)} of memory." if math.isfinite(memory) else ""
    quick, slow = min(times, key=times.__getitem__), max(times, key=times.__getitem__)
    if len(times) == 1:
        return f"A training took {seconds(times[quick])}.{most}"
    ratio = times[slow] / times[quick]
    return (
        f"Cost: {quick} trained fastest ({seconds(times[quick])} a run in the median), {slow} slowest "
        f"({seconds(times[slow])}, {number(ratio, 2)} times as long).{most}"
    )


def _failure_words(contest: Contest) -> str:
    outcomes = {entry.label: list(entry.cells["outcome"].fillna("running")) for entry in contest.entries}
    every = [outcome for mine in outcomes.values() for outcome in mine]
    total, running, unsupported = len(every), every.count("running"), every.count("unsupported")
    bad = {label: sum(o not in NO_FAILURE for o in mine) for label, mine in outcomes.items()}
    failed = sum(bad.values())
    said = []
    if failed:
        whom = listed([f"{label} {n} of {len(outcomes[label])}" for label, n in bad.items() if n])
        said.append(f"{failed} of {total} trainings failed ({whom}): they count against their variant.")
    elif not running + unsupported:
        said.append(f"All {total} trainings ended well." if total > 1 else "The training ended well.")
    if running:
        said.append(f"{count(running, 'training is', 'trainings are')} still running or lost without a word.")
    if unsupported:
        said.append(
            f"{count(unsupported, 'training asks', 'trainings ask')} for what this machine cannot do."
        )
    return " ".join(said)


def _caveat(pairs: Compared) -> str:
    """What a t test of very few seeds rests on."""
    if pairs.rows.empty:
        return ""
    claimed = pairs.rows[
        pairs.rows["verdict"].isin(["better", "worse"]) & pairs.rows["decided_by"].ne("ranks")
    ]
    if claimed.empty or (least := float(claimed["p_rank_smallest"].min())) <= 1 - LEVEL:
        return ""
    return (
        "So few seeds prove little: these verdicts trust that scores (or their logarithms) scatter normally "
        "over seeds. A test without that assumption could not confirm any of them (its p cannot get below "
        f"{least:.2g})."
    )


def _judged_by(mine: Standings) -> str:
    parts = [part for part in (explanation(mine.metric), direction(mine.better)) if part]
    return f"Judged by {metric_title(mine.metric)}{': ' if parts else ''}{'; '.join(parts)}."


_READING = (
    "A seed is one training from its own random start. “Better” and “worse” are said only where luck alone "
    "would show such a difference, between any two variants on these data, less than once in 20 reports."
)
