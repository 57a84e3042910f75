"""Which variant is better, or has a store got worse: verdicts in words, and the table behind them.

python -m bench.compare runs --baseline dcgan
python -m bench.compare before after --fail-on worse
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import results
from bench import cli
from bench.errors import InputError
from bench.exporting import FORMATS, export_as
from bench.plain_table import plain_table


def main(arguments: list[str]) -> int:
    """Compare within one store, or two stores."""
    options = _parser().parse_intermixed_args(arguments)
    if len(options.stores) > 2:
        raise InputError("One store is compared within, two with one another; not more.")
    frames = [results.load(store) for store in options.stores]
    first, last = frames[0], frames[-1]
    comparisons = _within(first, options) if len(frames) == 1 else _between(first, last, options)
    if len(comparisons) > 1:
        print(_headline(comparisons["verdict"]))
    _, differing = results.split_conditions(comparisons["conditions"])
    for row, where in zip(comparisons.to_dict("records"), differing, strict=True):
        print(f"{where}: {row['words']}" if where else row["words"])
    table, caption = results.comparison_table(comparisons, level=options.level)
    print(f"\n{plain_table(table)}\n\n{caption}")
    if len(frames) == 1 and options.by == "variant" and not options.all_pairs:
        _over_data(first, options)
    missing = comparisons.attrs.get("missing", [])
    for title, sentences in (("Note", comparisons.attrs["notes"]), ("Missing", missing)):
        for sentence in sentences:
            print(f"{title}: {sentence}")
    if options.format is not None:
        store = options.stores[-1].resolve()
        stem = store.with_name(f"{store.name}-comparison")
        print(f"exported {export_as(options.format, comparisons, table, stem)}")
    worse = int(comparisons["verdict"].eq("worse").sum())
    if options.fail_on is None or not (worse or missing):
        return cli.OK
    parts = [_count(worse, "comparison"), _count(len(missing), "thing missing", "things missing")]
    print(f"Failed on {options.fail_on}: {', '.join(filter(None, parts))}.")
    return cli.FAILURES


def _headline(verdicts: pd.Series) -> str:
    """How many comparisons came to each verdict."""
    counts = verdicts.value_counts()
    return f"{len(verdicts)} comparisons: {', '.join(f'{n} {verdict}' for verdict, n in counts.items())}.\n"


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}" if n else ""


def _parser() -> cli.Parser:
    made = cli.Parser(
        prog="python -m bench.compare",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
        epilog="Exit codes: 0 compared, 1 a verdict of --fail-on, 2 bad input, 130 interrupted.",
    )
    made.add_argument(
        "stores", nargs="+", type=Path, metavar="STORE", help="one to compare within, or two: before, after"
    )
    made.add_argument(
        "--metrics",
        type=cli.comma_list(str),
        metavar="A,B",
        help="scores, as fid, or costs, as images_per_sec (default: within a store fid, or its first "
        "score; between two stores every score and the costs)",
    )
    made.add_argument(
        "--by",
        default="variant",
        metavar="COLUMN",
        help="within a store: variant, precision, compile, batch_size, … (default variant)",
    )
    pairs = made.add_mutually_exclusive_group()
    pairs.add_argument("--baseline", metavar="NAME", help="what to compare with (default: the first by name)")
    pairs.add_argument("--all-pairs", action="store_true", help="compare each with each")
    made.add_argument(
        "--at",
        choices=("final", "best", "trailing"),
        default="final",
        help="score at the end, at the evaluation with the best validation score, or mean over the last "
        "quarter (default final)",
    )
    made.add_argument(
        "--margin",
        type=cli.positive,
        metavar="SHARE",
        help="also ask whether it is not worse by this share or more, as 0.05",
    )
    made.add_argument(
        "--level",
        type=cli.positive,
        default=0.95,
        metavar="L",
        help="of intervals and tests (default 0.95)",
    )
    made.add_argument(
        "--fail-on",
        choices=("worse",),
        help="exit with 1 if anything is worse, or if the store after lacks what the one before has",
    )
    made.add_argument("--format", choices=FORMATS, help="also write the comparisons beside the store")
    return made


def _within(frame: pd.DataFrame, options: argparse.Namespace) -> pd.DataFrame:
    return results.compare(
        frame,
        metric=options.metrics or results.default_metric(frame),
        by=options.by,
        baseline=options.baseline,
        pairs="all" if options.all_pairs else "baseline",
        at=options.at,
        margin=options.margin,
        level=options.level,
    )


def _between(before: pd.DataFrame, after: pd.DataFrame, options: argparse.Namespace) -> pd.DataFrame:
    if options.by != "variant" or options.baseline is not None or options.all_pairs:
        raise InputError("--by, --baseline and --all-pairs are for one store, not for two.")
    return results.compare_stores(
        before, after, metrics=options.metrics, at=options.at, margin=options.margin, level=options.level
    )


def _over_data(frame: pd.DataFrame, options: argparse.Namespace) -> None:
    """Print one line a variant over all data sets, where there are several with scores above 0."""
    for metric in options.metrics or [results.default_metric(frame)]:
        try:
            over = results.aggregate(
                frame, metric, options.baseline, np.random.default_rng(0), at=options.at, level=options.level
            )
        except results.StoreError:  # no ratios, which the table has said
            continue
        for row in over[over["datasets"] > 1].to_dict("records"):
            print(results.aggregate_words(row, level=options.level))


if __name__ == "__main__":
    sys.exit(cli.call(main))
