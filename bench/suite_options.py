"""`--suite`: from a command line that names a suite to the options of each of its parts.

A part's options are those of the command line that says the same: its texts are put before what the user
gives, and the command's own parser reads both, so that the user's stand above the suite's.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench import cli, suites
from bench.errors import BAD_INPUT, InputError
from bench.suites.suite import SEPARATE, Stated, Suite, did_you_mean

BUDGET = {"kimg", "epochs"}
"""Options that say the same thing: who gives one of them replaces the other."""

CHOOSING = ("variants", "dataset")
"""Options that choose among the parts of a suite, where those differ in them."""


@dataclass(frozen=True, kw_only=True)
class Statable:
    """What the suites of a command may state: what decides its cells and scores, not where they run."""

    command: str
    of_part: tuple[str, ...]
    of_all: tuple[str, ...]
    """Only for all parts alike, because a launch has one of each."""


def add_suite(group: argparse._ArgumentGroup) -> None:
    """Add the option `--suite`."""
    group.add_argument(
        "--suite",
        metavar="NAME",
        help="a named set of options, see bench.run --list, or a .toml file of your own; what is given "
        "beside it replaces the suite's, --set adds to it",
    )


def with_parts(parser: cli.Parser, arguments: Sequence[str], statable: Statable) -> argparse.Namespace:
    """The options of a command line, and in `parts` those of each part of its suite.

    Without a suite there is one part, which is the command line itself.

    Raises
    ------
    InputError
        As the parser; as `suites.get`; if the suite is for another command or states what no suite may; if
        `--variants` or `--dataset` names what none of its parts has, where these differ in it.
    """
    options = parser.parse_args(arguments)
    if options.suite is None:
        options.parts = [argparse.Namespace(**vars(options), stated_in="")]
        return options
    suite = suites.get(options.suite)
    _check(suite, statable, parser)
    # What was not given stays None here, where the parser would fill in a default.
    given = vars(parser.parse_args(arguments, argparse.Namespace(**dict.fromkeys(CHOOSING))))
    chosen = {key: given[key] for key in CHOOSING if given[key] is not None}
    parts = _chosen([_over(suite.options, part) for part in suite.parts], chosen, suite)
    budget = [key for key in BUDGET if given.get(key) is not None]
    options = parser.parse_args([*_texts(_without(suite.options, budget)), *arguments])
    options.parts = [parser.parse_args([*_texts(_without(part, budget)), *arguments]) for _, part in parts]
    for mine, (number, part) in zip(options.parts, parts, strict=True):
        mine.stated_in = _place(suite, number)
        for key in chosen:  # of which this part may have some only
            setattr(mine, key, part[key][0].split(","))
    return options


@contextmanager
def said_of(part: argparse.Namespace) -> Iterator[None]:
    """Whatever is wrong with a part of a suite is said with the file and the part that it was found in."""
    try:
        yield
    except BAD_INPUT as error:
        if not part.stated_in:
            raise
        raise InputError(f"{part.stated_in}: {error}") from error


def _place(suite: Suite, number: int) -> str:
    return f"The suite {suite.file}" + (f", part {number}" if len(suite.parts) > 1 else "")


def _check(suite: Suite, statable: Statable, parser: cli.Parser) -> None:
    if suite.command != statable.command:
        raise InputError(
            f"The suite {suite.name} is for {suite.command}: python -m {suite.command} --suite {suite.name}."
        )
    known = (*statable.of_part, *statable.of_all)
    for stated in (suite.options, *suite.parts):
        for key in stated:
            if key not in known:
                raise InputError(
                    f"The suite {suite.file} states {key!r}.{did_you_mean(key, known)} A suite of "
                    f"{suite.command} may state {', '.join(known)}."
                )
    for number, part in enumerate(suite.parts, start=1):
        for key in statable.of_all:
            if key in part:
                raise InputError(
                    f"The suite {suite.file} states {key!r} in part {number}: it goes above the first "
                    "[[parts]], because it is the same for a whole launch."
                )
        try:
            parser.parse_args(_texts(_over(suite.options, part)))
        except InputError as error:
            raise InputError(f"{_place(suite, number)}: {error}") from error


def _chosen(
    parts: Sequence[Stated], given: Mapping[str, Sequence[str]], suite: Suite
) -> list[tuple[int, Stated]]:
    """The parts, numbered, with what is given of `CHOOSING`: replaced where all agree, else chosen among.

    A part that has none of what is given is left out.
    """
    kept = {key: _kept(parts, key, names, suite) for key, names in given.items()}
    found: list[tuple[int, Stated]] = []
    for number, part in enumerate(parts, start=1):
        mine = {key: names[number - 1] for key, names in kept.items()}
        if all(mine.values()):
            if "variants" in mine and "variants" in part:
                gone = set(part["variants"][0].split(",")) - set(mine["variants"])
                part = _without_changes_of(part, gone)
            found.append((number, {**part, **{key: (",".join(names),) for key, names in mine.items()}}))
    if not found:
        raise InputError(
            f"No part of the suite {suite.name} has these together: leave --variants or --dataset out."
        )
    return found


def _kept(parts: Sequence[Stated], key: str, given: Sequence[str], suite: Suite) -> list[list[str]]:
    """Of each part what it keeps of what is given of one option."""
    stated = [part[key][0].split(",") if key in part else None for part in parts]
    if all(own == stated[0] for own in stated):
        return [list(given)] * len(parts)
    has = list(dict.fromkeys(name for own in stated for name in own or given))
    for name in given:
        if name not in has:
            raise InputError(
                f"--{key} {name}: no part of the suite {suite.name} has that."
                f"{did_you_mean(name, tuple(has))} It has {', '.join(has)}; to add to it, copy {suite.file}."
            )
    return [list(given) if own is None else [name for name in own if name in given] for own in stated]


def _without_changes_of(part: Stated, variants: Iterable[str]) -> Stated:
    """A part without the changes of variants that are no longer in it."""
    changes = tuple(one for one in part.get(SEPARATE, ()) if one.partition(".")[0] not in variants)
    return {**part, SEPARATE: changes}


def _over(under: Stated, over: Stated) -> Stated:
    """`under` with what `over` states in its place; `set` adds, as it does on a command line."""
    both = {**_without(under, over), **over}
    if SEPARATE in under and SEPARATE in over:
        both[SEPARATE] = (*under[SEPARATE], *over[SEPARATE])
    return both


def _without(stated: Stated, replaced: Iterable[str]) -> Stated:
    """What is stated but for what is said otherwise."""
    gone = set(replaced)
    if gone & BUDGET:
        gone |= BUDGET
    return {key: texts for key, texts in stated.items() if key not in gone}


def _texts(stated: Stated) -> list[str]:
    """The arguments that state the same on a command line."""
    return [f"--{key}={text}" for key, texts in stated.items() for text in texts]
