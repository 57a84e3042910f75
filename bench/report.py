"""A store as a report: verdicts first, then tables and figures, in one file that opens anywhere.

python -m bench.report runs
python -m bench.report runs -o report.md --format markdown
"""

import argparse
import sys
from pathlib import Path

import results
from bench import cli
from bench.errors import InputError

_ENDINGS = {"html": ".html", "markdown": ".md"}


def main(arguments: list[str]) -> int:
    """Write the report of a store and say where it is."""
    options = _parser().parse_args(arguments)
    frame = results.load(options.store)
    store = options.store.resolve()
    path = options.output or store.with_name(f"{store.name}-report{_ENDINGS[options.format]}")
    if not path.name or path.is_dir():
        raise InputError(f"--output takes the name of a file, not {str(path)!r}.")
    cli.writable_folder(path.parent)
    results.write_report(frame, path, store=store, format=options.format)
    print(f"report   {path} ({path.stat().st_size / 1e6:.1f} MB)")
    return cli.OK


def _parser() -> cli.Parser:
    made = cli.Parser(
        prog="python -m bench.report",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
        epilog=(
            "The HTML needs no other file and no network. What the store has nothing for is left out, and\n"
            "the report says so at its end. Exit codes: 0 written, 2 bad input, 130 interrupted."
        ),
    )
    made.add_argument("store", type=Path, metavar="STORE", help="a folder of runs, as bench.run makes it")
    made.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="the report (default STORE-report.html, beside it)"
    )
    made.add_argument(
        "--format",
        choices=tuple(_ENDINGS),
        default="html",
        help="html, or the same words and tables as markdown (default html)",
    )
    return made


if __name__ == "__main__":
    sys.exit(cli.call(main))
