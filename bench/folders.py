"""Where data and caches live when no option names a place."""

import os
from pathlib import Path

DATA_VARIABLE = "GAN_BENCH_DATA"
CACHE_VARIABLE = "GAN_BENCH_CACHE"


def cache_folder() -> Path:
    """$GAN_BENCH_CACHE, or gan-bench in the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gan-bench"


def data_folder() -> Path:
    """$GAN_BENCH_DATA, or `data` in the cache folder: where data sets are read and downloaded to."""
    named = os.environ.get(DATA_VARIABLE)
    return Path(named).expanduser() if named else cache_folder() / "data"
