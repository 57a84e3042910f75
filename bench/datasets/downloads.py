"""What can go wrong while torchvision finds, downloads and reads a data set, each as one sentence."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bench.errors import InputError

T = TypeVar("T")


def through_torchvision(load: Callable[[], T], *, title: str, folder: Path, files: tuple[str, ...]) -> T:
    """What `load` returns.

    Raises
    ------
    InputError
        If `files` are not in `folder` and cannot be downloaded, or are of something else.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # torchvision prints there while it downloads
            return load()
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{title} is not in {folder} and cannot be downloaded ({_last_line(error)}): put "
            f"{', '.join(files)} there, or name another folder with --data-root."
        ) from error
    except (ValueError, AssertionError, LookupError) as error:  # what torchvision's parsers raise
        raise InputError(
            f"A file of {title} in {folder} is damaged; remove the folder to have it downloaded again."
        ) from error


def damaged(path: Path, why: str) -> InputError:
    """The error of one file that is there, and wrong."""
    return InputError(f"{path} is damaged: {why}; remove it to have it downloaded again.")


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip("<>.: ")
