"""Named real data with splits that never overlap and a content fingerprint; one file a data set."""

from bench.datasets.dataset import Dataset, Split
from bench.datasets.registry import Source, get, names, register

__all__ = ["Dataset", "Source", "Split", "get", "names", "register"]
