"""What every command line shares: exit codes, one sentence for bad input, common option types."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bench.errors import BAD_INPUT, InputError
from bench.stopping import Stopped
from bench.unwritable import why_unwritable

OK, FAILURES, BAD, INTERRUPTED = 0, 1, 2, 130
PIPE_CLOSED = 141  # what a shell reports of a program that SIGPIPE ended

# A slip of the finger in --seeds must not fill the memory with cells.
MAX_SEEDS = 10_000

TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""Variables that torchrun sets in the environment of each process."""

T = TypeVar("T")


def call(
    main: Callable[[list[str]], int], arguments: list[str] | None = None, *, distributed: bool = False
) -> int:
    """Run a command and turn what it raises into an exit code and one sentence on stderr.

    `distributed`: whether the processes of torchrun carry out this command together. Under torchrun any other
    is refused: each process would do all of it.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return _call(main, sys.argv[1:] if arguments is None else arguments, distributed)


def _call(main: Callable[[list[str]], int], arguments: list[str], distributed: bool) -> int:
    try:
        if under_torchrun() and not distributed:
            raise InputError("Under torchrun there are bench.run and bench.evaluate; start this one without.")
        code = main(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the exit
        return PIPE_CLOSED
    except BAD_INPUT as error:
        # Other packages' messages that ours quote may have several lines.
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD
    except OSError as error:
        if (why := why_unwritable(error)) is None:
            raise
        place = f" {error.filename}" if error.filename else ""
        print(f"error: Cannot read or write{place}: {why}; what was written is kept.", file=sys.stderr)
        return BAD
    except Stopped as stop:
        print(stop, file=sys.stderr)
        return stop.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def under_torchrun() -> bool:
    """Whether this is one of several processes that torchrun has started."""
    if any(name not in os.environ for name in TORCHRUN):
        return False
    size = os.environ["WORLD_SIZE"]  # torchrun's is a number; of another's making it may be anything
    return size.isdecimal() and int(size) > 1


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    print(f"warning: {message}", file=sys.stderr)


class Parser(argparse.ArgumentParser):
    """argparse with errors in this project's form: one sentence, exit code 2, no usage dump."""

    def error(self, message: str) -> "NoReturn":  # type: ignore[name-defined]  # noqa: F821
        """Say what is wrong; argparse calls this for whatever it cannot parse."""
        if message.startswith("unrecognized arguments") and " -" not in message:
            message += "; a list is written A,B without spaces"
        raise InputError(f"{message[:1].upper()}{message[1:]} (see --help).")


def comma_list(item: Callable[[str], T]) -> Callable[[str], list[T]]:
    """An argparse type: values separated by commas, at least one, none twice."""

    def parse(text: str) -> list[T]:
        values = [item(part.strip()) for part in text.split(",") if part.strip()]
        if not values:
            raise argparse.ArgumentTypeError("at least one value is needed")
        if len(set(values)) < len(values):
            raise argparse.ArgumentTypeError(f"a value stands twice in {text!r}")
        return values

    return parse


def seed(text: str) -> int:
    """An argparse type: an integer from 0 to 2⁶³ − 1, what rows can hold."""
    value = int(text) if text.strip().isdecimal() else -1
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return value


def seeds(text: str) -> list[int]:
    """An argparse type: `0-4`, `0,2,5` or both."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            start, end = seed(first), seed(last if dash else first)
        except argparse.ArgumentTypeError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a list of seeds like 0-4 or 0,2,5") from None
        if len(found) + end - start >= MAX_SEEDS:
            raise argparse.ArgumentTypeError(f"{text!r} names more than {MAX_SEEDS} seeds")
        found += range(start, end + 1)
    if not found or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"{text!r} names no seed, or one twice")
    return found


def whole_number(text: str) -> int:
    """An argparse type: an integer above zero."""
    value = int(text) if text.strip().lstrip("+-").isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def key_value(text: str) -> tuple[str, str]:
    """An argparse type: `KEY=VALUE`."""
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def positive(text: str) -> float:
    """An argparse type: a finite number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def writable_folder(path: Path) -> Path:
    """`path`, made if need be, after a file has been written to it and removed.

    Raises
    ------
    InputError
        If that cannot be done: before anything is trained, not after.
    """
    probe = path / ".write-test"
    try:
        path.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"\0" * 4096)
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"Cannot write to the output folder {path}: {error.strerror}.") from error
    return path
