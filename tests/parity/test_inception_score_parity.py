"""Inception score against torch-fidelity's."""

import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from metrics import inception_score


@pytest.mark.parametrize(("n", "splits"), [(100, 10), (103, 10), (50, 1), (7, 7)])
def test_against_torch_fidelity(n, splits):
    generator = torch.Generator().manual_seed(n)
    logits = 4 * torch.randn(n, 20, generator=generator)
    theirs = isc_features_to_metric(logits, splits=splits, shuffle=False)
    mean, deviation = inception_score(logits.double().softmax(dim=1), splits)
    # float64 sums of at most 2,000 terms on either side.
    assert mean == pytest.approx(theirs["inception_score_mean"], rel=1e-12)
    assert deviation == pytest.approx(theirs["inception_score_std"], abs=1e-12)
