"""Scores and features beside the same arithmetic in plain torch."""

import math

import pytest
import torch
from torch import nn

import metrics

pytestmark = pytest.mark.perf


def uniform(*shape, seed):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_parzen(compare):
    test, samples, sigma = uniform(256, 196, seed=0), uniform(256, 196, seed=1), 0.2

    def plain():
        exponents = torch.cdist(test, samples).square() / (-2 * sigma**2)
        return exponents.logsumexp(1) - math.log(256) - 196 * math.log(sigma * math.sqrt(2 * math.pi))

    compare(lambda: metrics.parzen_log_likelihood(test, samples, sigma), plain, rounds=240)  # of 2 ms


def test_frechet(compare):
    gaussians = [(x.mean(0), x.T.cov()) for x in (uniform(800, 160, seed=seed) for seed in (0, 1))]
    (mean1, cov1), (mean2, cov2) = gaussians

    def plain():
        values, vectors = torch.linalg.eigh(cov1)
        root = vectors * values.sqrt()
        roots = torch.linalg.eigvalsh(root.T @ cov2 @ root).sqrt()
        return (mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * roots.sum()

    compare(lambda: metrics.frechet_distance(mean1, cov1, mean2, cov2), plain)


def test_features(compare):
    extractor = metrics.load_extractor("mnist-classifier")
    images = (uniform(32, 1, 28, 28, seed=0) * 255).to(torch.uint8)
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, 64), nn.ReLU()),
    )

    @torch.no_grad()
    def plain():
        return network(images / 127.5 - 1)

    compare(lambda: extractor.extract(images), plain)
