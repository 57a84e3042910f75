"""Under which conditions all of this was measured: machines, versions, protocols in words, exact commands."""

import json

import pandas as pd

from results.report.entries import Contest
from results.report.model import Cell, Column, Section, Table, Words
from results.report.names import metric_name
from results.report.numbers import count, cut
from results.report.standings import Standings

_MACHINE = {
    "device_name": "machine", "device": "device", "cpu_threads": "threads", "processes": "processes",
    "platform": "system",
    "python_version": "Python", "torch_version": "torch", "torchvision_version": "torchvision",
    "numpy_version": "numpy", "gan_bench_version": "gan-bench", "git_commit": "commit",
}  # fmt: skip
_MOST_COMMANDS = 20
_LONGEST_COMMAND = 2000  # characters
_MOST_MACHINES = 20


def section(
    frame: pd.DataFrame, contests: list[Contest], standings: dict[tuple[str, str], Standings]
) -> Section:
    """A table of environments, the protocols and the commands."""
    blocks: list[Table | Words] = [_environments(frame)]
    if protocols := _protocols(frame, standings):
        blocks.append(
            Words(
                title="How each score was made",
                paragraphs=tuple(protocols),
            )
        )
    if statistics := _statistics(contests):
        blocks.append(Words(title="How intervals and verdicts are made", paragraphs=statistics))
    commands = [str(command) for command in frame["command"].dropna().unique()]
    left = len(commands) - _MOST_COMMANDS
    blocks.append(
        Words(
            title="Commands",
            paragraphs=(
                "What was typed to measure all this."
                + (f" The first {_MOST_COMMANDS} of {len(commands)}." if left > 0 else ""),
            )
            if commands
            else ("The rows do not say by which command they were made.",),
            code=tuple(cut(command, _LONGEST_COMMAND) for command in commands[:_MOST_COMMANDS]),
        )
    )
    return Section(key="conditions", title="Environment, protocols and commands", blocks=tuple(blocks))


def _environments(frame: pd.DataFrame) -> Table:
    names = list(_MACHINE)
    by_training = frame.drop_duplicates(["training_id", "attempt"])
    groups = list(by_training.groupby(names, dropna=False, sort=False))
    rows = []
    for key, same in groups[:_MOST_MACHINES]:
        texts = ["" if pd.isna(value) else str(value) for value in key]
        texts[names.index("git_commit")] = _commit(texts[names.index("git_commit")])
        started = same["started_utc"].dropna()
        when = f"{started.min():%Y-%m-%d}" if len(started) else ""
        rows.append(
            (*(Cell(text=text or "–") for text in texts), Cell(text=when or "–"), Cell(text=str(len(same))))
        )
    columns = (
        *(
            Column(title=title, number=False, wide=name in ("device_name", "platform"))
            for name, title in _MACHINE.items()
        ),
        Column(title="first run", number=False), Column(title="runs"),
    )  # fmt: skip
    notes = []
    if any("-dirty" in str(commit) for commit in frame["git_commit"].dropna().unique()):
        notes.append("“changed”: the code had changes that its commit does not have.")
    if len(groups) > _MOST_MACHINES:
        notes.append(f"The first {_MOST_MACHINES} of {len(groups)}.")
    if frame["images_skipped"].fillna(0).gt(0).any():
        notes.append("Some data sets were read without files that are damaged (--skip-damaged).")
    return Table(
        caption=count(len(groups), "environment"), columns=columns, rows=tuple(rows), notes=tuple(notes)
    )


def _commit(text: str) -> str:
    commit, dash, _ = text.partition("-")
    return f"{commit[:10]}{', changed' if dash else ''}"


def _protocols(frame: pd.DataFrame, standings: dict[tuple[str, str], Standings]) -> list[str]:
    """The protocols in words: what all scores share, what those of one network share, the rest."""
    rows = frame.dropna(subset=["protocol_hash", "protocol"]).drop_duplicates("protocol_hash")
    known = rows.set_index("protocol_hash")["protocol"]
    found: dict[tuple[str, str], dict[str, object]] = {}
    for mine in standings.values():
        if mine.protocol_hash in known.index:
            fields = _fields(str(known[mine.protocol_hash]))
            if fields:
                found[metric_name(mine.metric), mine.protocol_hash] = fields
    if not found:
        return []
    shared = _shared(list(found.values()))
    said = [f"All scores: {_in_words(shared)}."] if shared else []
    networks = dict.fromkeys(str(f["extractor"]) for f in found.values() if f.get("extractor"))
    for network in networks:
        of_network = {key: f for key, f in found.items() if f.get("extractor") == network}
        common = {
            k: v
            for k, v in _shared(list(of_network.values())).items()
            if k in _OF_NETWORK and k not in shared
        }
        names = ", ".join(dict.fromkeys(name for name, _ in of_network))
        if not common:
            continue
        said.append(f"On features of {network} ({names}): {_in_words(common)}.")
        for fields in of_network.values():
            for name in common:
                del fields[name]
    for (name, protocol), fields in found.items():
        own = _in_words({k: v for k, v in fields.items() if k not in shared})
        said.append(f"{name}, protocol {protocol}{f': {own}' if own else ''}.")
    return said


_FORMS = {
    "n_fake": "{} generated samples", "samples": "{}", "n_real": "{} real samples", "reference": "of {}",
    "rule": "{}", "seed": "seed {}", "extractor": "network {}", "extractor_sha256": "weights {:.12}",
    "outputs": "layers: {}", "resize": "resize: {}", "grayscale": "channels: {}", "value_range": "values {}",
    "dtype": "{}",
}  # fmt: skip
_OF_NETWORK = ("extractor", "extractor_sha256", "outputs", "resize", "grayscale", "value_range", "dtype")


def _fields(text: str) -> dict[str, object]:
    """The conditions of a row's protocol that say something, by the names of its JSON."""
    try:
        conditions = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(conditions, dict):
        return {}
    return {name: conditions[name] for name in _FORMS if conditions.get(name) not in (None, "", "none", 0)}


def _shared(protocols: list[dict[str, object]]) -> dict[str, object]:
    """What several protocols have in common; of one alone, nothing."""
    if len(protocols) < 2:
        return {}
    first = protocols[0]
    return {k: v for k, v in first.items() if all(k in p and p[k] == v for p in protocols)}


def _in_words(fields: dict[str, object]) -> str:
    said = [_FORMS[name].format(str(fields[name])) for name in _FORMS if name in fields]
    return "; ".join(said).replace("real samples; of ", "real samples of ")


def _statistics(contests: list[Contest]) -> tuple[str, ...]:
    if not any(contest.metric for contest in contests):
        return ()
    return (
        "The replicate is the training seed: an interval says how far the mean over seeds may lie from that "
        "of endlessly many seeds. It is Student’s t, of logarithms where all values are above 0 (not of "
        "log-likelihoods). The error within a run, from the finite number of samples scored, is shown beside "
        "it and is no substitute for seeds.",
        "Verdicts are Welch’s t test on the same scale, or the exact rank test where seeds failed (a failed "
        "seed counts as worse than any score), corrected by Holm over all pairs of a data set, at 5 %.",
    )
