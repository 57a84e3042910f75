"""The list of what failed at the end of a launch, and what to do about it."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.launch.job import ELSEWHERE, Ended, Job, last_attempt
from bench.launch.one_cell import label

LASTING = {
    "diverged": "A diverged cell would diverge again and is not tried: change a setting, or use --rerun.",
    "unsupported": "An unsupported cell needs another machine or another mode.",
}
"""What to do about outcomes that the same command cannot mend."""


def show_failures(job: Job, ended: Iterable[Ended]) -> None:
    """Print a line for each cell that did not end ok, wrapped on a terminal, and what to do."""
    ended = list(ended)
    failed = [end for end in ended if end.outcome not in ("ok", ELSEWHERE)]
    elsewhere = [end for end in ended if end.outcome == ELSEWHERE]
    if failed:
        print(f"\n{len(failed)} of {len(ended)} cells failed:")
        _show([(end.outcome, f"{label(end.cell)}: {_why(job.store, end)}") for end in failed])
        outcomes = dict.fromkeys(end.outcome for end in failed)
        advice = [LASTING[outcome] for outcome in outcomes if outcome in LASTING]
        if again := [outcome for outcome in outcomes if outcome not in LASTING]:
            said = (
                f"{job.again.capitalize()} tries again what ended {_listed(again)}, from the last checkpoint "
                "if any."
            )
            advice.insert(0, said)
        _say(" ".join(advice))
    if elsewhere:
        print(f"\n{len(elsewhere)} of {len(ended)} cells are being run by another process:")
        _show([("elsewhere", label(end.cell)) for end in elsewhere])
        _say("Their rows will be in the store; the same command shows them once they are done.")


def _why(store: Path, end: Ended) -> str:
    """The reason, and the file that has the traceback."""
    folder = store / end.cell.folder
    attempt = last_attempt(folder)
    traceback = None if attempt is None else folder / f"error-{attempt[0]:03d}.txt"
    where = f" ({traceback})" if traceback is not None and traceback.is_file() else ""
    return (end.reason or "no reason is known") + where


def _show(lines: Sequence[tuple[str, str]]) -> None:
    width = max(len(outcome) for outcome, _ in lines)
    for outcome, text in lines:
        _say(f"{outcome:<{width}}  {text}", first="  ", then=" " * (width + 4))


def _say(text: str, first: str = "", then: str = "") -> None:
    # One line in a file, where programs read it; on a terminal no word is cut.
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        text = textwrap.fill(
            text,
            columns,
            initial_indent=first,
            subsequent_indent=then,
            break_long_words=False,
            break_on_hyphens=False,
        )
        print(text)
    else:
        print(first + text)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
