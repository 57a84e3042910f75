"""Named real data with splits that never overlap and a content fingerprint; one file a data set."""

from bench.datasets.dataset import Dataset, Split
from bench.datasets.registry import Reading, Request, Source, get, known, names, register

__all__ = ["Dataset", "Reading", "Request", "Source", "Split", "get", "known", "names", "register"]
