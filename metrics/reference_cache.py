"""A folder of reference statistics, each under a hash of all that decides them, so that none can be stale."""

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from metrics.errors import MetricError
from metrics.statistics_file import STATISTICS_FORMAT, Statistics, load_statistics, save_statistics

_NEVER_THERE = (FileNotFoundError, NotADirectoryError)


def cached_statistics(folder: str | Path, key_fields: Mapping[str, object]) -> Path:
    """Where in a cache the statistics lie, or will lie, that `key_fields` decide.

    The name is the SHA-256 of the fields' canonical JSON, with the version of the file's format: let one
    of them change, and another file is asked for.

    Parameters
    ----------
    folder
        The cache. Nothing bounds its size: a file takes 8 d² bytes (33.6 MB at d = 2,048), and 4 bytes a
        kept feature (410 MB for 50,000 images at d = 2,048). It may be deleted at any time.
    key_fields
        Everything that decides the statistics, as what JSON can hold: the pile's content hash, the
        extractor's key, n, and what is stored.

    Raises
    ------
    MetricError
        If a field is not what JSON can hold.
    """
    try:
        text = json.dumps(
            {"statistics_format": STATISTICS_FORMAT, "fields": dict(key_fields)},
            sort_keys=True,
            separators=(",", ":"),
            allow_nan=False,
        )
    except (TypeError, ValueError) as error:
        raise MetricError(f"a cache's key must be of text, numbers and lists: {error}") from error
    return Path(folder).expanduser() / f"{hashlib.sha256(text.encode()).hexdigest()}.npz"


def reference_statistics(
    folder: str | Path | None,
    *,
    content_sha256: str,
    extractor_key: str,
    n: int,
    compute: Callable[[], Statistics],
    features: bool = False,
) -> Statistics:
    """Statistics from a cache, or computed and put there.

    Any number of processes may do so at once. A file that is damaged, or is not of what its name says, is
    set aside as ``*.damaged``, with a warning, and made again; a cache that cannot be written costs a
    warning, never the statistics.

    Parameters
    ----------
    folder
        The cache, made if it is not there; None for none.
    content_sha256, extractor_key, n
        Of the pile, of the extractor, and how many images of the pile are used.
    compute
        Makes the statistics, with metadata.
    features
        Whether those of all images are kept beside the moments.

    Raises
    ------
    MetricError
        As `compute`; or if what it makes is not of these fields.
    """
    fields = {"content_sha256": content_sha256, "extractor_key": extractor_key, "n": n, "features": features}

    def checked(statistics: Statistics) -> Statistics:
        found = _fields(statistics, features)
        if found != fields:
            raise MetricError(f"statistics of {fields} were asked for, and these are of {found}")
        return statistics

    if folder is None:
        return checked(compute())
    path = cached_statistics(folder, fields)
    # A file with features holds the moments, too.
    for known in (path, cached_statistics(folder, {**fields, "features": True})):
        if not known.exists():
            continue
        try:
            return checked(load_statistics(known))
        except MetricError as error:
            aside = known.with_suffix(".damaged")
            warnings.warn(
                f"cached statistics are set aside as {aside} and made again: {error}",
                UserWarning,
                stacklevel=2,
            )
            with suppress(*_NEVER_THERE):  # another process was first
                known.replace(aside)
    statistics = checked(compute())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_statistics(path, statistics)
    except (MetricError, OSError) as error:
        warnings.warn(f"statistics are not cached: {error}", UserWarning, stacklevel=2)
    return statistics


def _fields(statistics: Statistics, features: bool) -> dict[str, object]:
    """Those of the key, as a file's own words give them."""
    metadata = statistics.metadata
    return {
        "content_sha256": metadata and metadata.content_sha256,
        "extractor_key": metadata and metadata.extractor_key,
        "n": statistics.n,
        "features": features and statistics.features is not None,
    }
