"""Which exceptions mean that files cannot be written, and whether it is the store that cannot be."""

import errno
import os
import re
from pathlib import Path

# A full disk, a spent quota, a read-only file system, no permission, and a disk or network mount that fails.
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.ENOTDIR)
FULL = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT)))
UNWRITABLE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOTCONN),
    *NOT_ALLOWED,
)


def why_unwritable(error: BaseException) -> str | None:
    """Why an output cannot be written, if that is what an exception means, else None."""
    if isinstance(error, OSError):
        return error.strerror if error.errno in UNWRITABLE else None
    # safetensors and pyarrow have exceptions of their own, with the system's number or words.
    if type(error).__module__.partition(".")[0] not in ("safetensors", "safetensors_rust", "pyarrow"):
        return None
    message = str(error)
    numbers = [int(number) for number in re.findall(r"\(os error (\d+)\)", message)]
    for code in UNWRITABLE:
        if code in numbers or (code == errno.ENOSPC and os.strerror(code) in message):
            return os.strerror(code)
    return None


def why_store_fails(error: BaseException, folder: Path) -> str | None:
    """Why a run's folder cannot be written, if that is what an exception means, else None.

    An exception that names a file elsewhere, as one of a data set or of a compiler's cache, is not about the
    store. One without a name may come from a write to an open file of the store, or from whatever else a
    variant has open: a full disk concerns all cells either way, of other failures the folder is asked itself.
    """
    if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises what a mount that has gone answers
        return "the folder has gone" if isinstance(error, OSError) else None
    named = getattr(error, "filename", None)
    if isinstance(named, str | os.PathLike) and not _is_below(Path(named), folder.parent):
        return None
    why = why_unwritable(error)
    if why is not None and named is None and why not in FULL and _can_be_written(folder):
        return None
    return why


def _can_be_written(folder: Path) -> bool:
    probe = folder / ".write-test"
    try:
        try:
            with probe.open("wb") as file:
                file.write(b"\0" * 4096)
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _is_below(path: Path, folder: Path) -> bool:
    # Not resolved: that asks the disk, which may be the one that fails.
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))  # noqa: PTH100
