"""How a `DomainClassifier` is trained, and how often it is right."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from metrics.classifier import DomainClassifier
from metrics.errors import MetricError
from metrics.features import check_images


def train_classifier(
    images: Tensor,
    labels: Tensor,
    *,
    n_classes: int,
    name: str,
    seed: int,
    epochs: int,
    batch_size: int = 64,
    learning_rate: float = 4e-3,
    max_shift: int = 1,
) -> DomainClassifier:
    """Train a classifier by cross-entropy with Adam; deterministic from its seed.

    The learning rate rises linearly from 0 over the first tenth of the steps and falls to 0 along
    a cosine. Each image is moved by up to `max_shift` pixels each way, anew in each epoch, its
    edge repeated: features should not depend on a digit's place to the pixel. Equal seeds give
    equal weights on the same machine with the same number of threads.

    Parameters
    ----------
    images
        uint8 (N, C, S, S); S and C become the classifier's own. Trained where they lie.
    labels
        int64 (N,) in 0 .. n_classes − 1.
    n_classes, name
        As of `DomainClassifier`.
    seed
        Decides the initial weights, the order of the data and the shifts.
    epochs
        Passes over the images, at least 1.
    batch_size, learning_rate
        Images a step (the last of an epoch may have fewer) and the peak of the schedule.
    max_shift
        Pixels, ≥ 0.

    Returns
    -------
    DomainClassifier
        In evaluation mode, without gradients.

    Raises
    ------
    MetricError
        If images and labels do not fit together.
    """
    _check_labelled(images, labels)
    labels = labels.to(images.device)
    if images.shape[2] != images.shape[3]:
        raise MetricError(f"a classifier needs square images, got {images.shape[2]}×{images.shape[3]}")
    if not (labels.min() >= 0 and labels.max() < n_classes):
        raise MetricError(
            f"labels of {n_classes} classes must lie in 0 .. {n_classes - 1}, got "
            f"{int(labels.min())} .. {int(labels.max())}"
        )
    if epochs < 1:
        raise MetricError(f"training needs at least 1 epoch, got {epochs}")
    generator = torch.Generator().manual_seed(seed)
    # torch.nn initialises from the global generator only; the caller's is left as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = DomainClassifier(
            name=name, image_size=images.shape[2], channels=images.shape[1], n_classes=n_classes
        )
    classifier.to(images.device).train()
    optimiser = torch.optim.Adam(classifier.parameters(), lr=learning_rate)
    n = images.shape[0]
    steps = epochs * math.ceil(n / batch_size)
    warm_up = max(1, steps // 10)
    step = 0
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(n, generator=generator), batch_size):
            rise = min(1.0, (step + 1) / warm_up)
            fall = 0.5 * (1 + math.cos(math.pi * step / steps))
            optimiser.param_groups[0]["lr"] = learning_rate * rise * fall
            x = classifier.prepare(_shifted(images[batch], max_shift, generator))
            loss = F.cross_entropy(classifier(x)[1], labels[batch])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            step += 1
    return classifier.requires_grad_(False).eval()


def accuracy(classifier: DomainClassifier, images: Tensor, labels: Tensor) -> float:
    """Share of the images, uint8 (N, C, H, W), whose most likely class is their label, int64 (N,).

    Raises
    ------
    MetricError
        If images and labels do not fit together.
    """
    _check_labelled(images, labels)
    device = next(classifier.parameters()).device
    correct = 0
    with torch.no_grad():
        for x, y in zip(torch.split(images, 512), torch.split(labels, 512), strict=True):
            predicted = classifier(classifier.prepare(x.to(device)))[1].argmax(dim=1)
            correct += int((predicted == y.to(device)).sum())
    return correct / images.shape[0]


def _check_labelled(images: Tensor, labels: Tensor) -> None:
    check_images(images)
    if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
        raise MetricError(
            f"{images.shape[0]} images need int64 labels of shape ({images.shape[0]},), got "
            f"{labels.dtype} of shape {tuple(labels.shape)}"
        )


def _shifted(images: Tensor, max_shift: int, generator: torch.Generator) -> Tensor:
    """Move each image by its own whole number of pixels in -max_shift .. max_shift each way."""
    n, _, height, width = images.shape
    offsets = torch.randint(-max_shift, max_shift + 1, (2, n, 1), generator=generator)
    rows = (torch.arange(height) + offsets[0]).clamp(0, height - 1)
    columns = (torch.arange(width) + offsets[1]).clamp(0, width - 1)
    # The slice between advanced indices moves the channels last: (n, H, W, C).
    picked = images[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2).contiguous()
