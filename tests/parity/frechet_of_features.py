"""Our Fréchet distance of two piles of features, and the scale on which libraries can agree about it."""

import numpy as np

from metrics import Moments, frechet_distance

FEW = 128
"""Dimensions in which scipy's matrix square root is quick; in all 2,048 it takes 20 seconds."""

# With fewer samples than dimensions every library takes roots of rounding at zero eigenvalues: about
# √1e-16 of the trace in each direction. Measured up to 4e-6 of the trace; the other libraries are the
# inexact side (see tests/metrics/test_frechet.py for ours against an exact value).
BOUND = 1e-5


def our_frechet(features1, features2):
    """The distance and the trace of both covariances."""
    one, two = Moments.of(features1), Moments.of(features2)
    distance = frechet_distance(one.mean, one.covariance, two.mean, two.covariance)
    return distance, float(one.covariance.trace() + two.covariance.trace())


def statistics(features):
    """Mean and covariance as numpy makes them, float64."""
    rows = np.asarray(features, dtype=np.float64)
    return rows.mean(axis=0), np.cov(rows, rowvar=False)
