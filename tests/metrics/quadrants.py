"""A data set that a small classifier learns in a second: which quadrant is bright?"""

import torch

from metrics import ClassifierMetadata

METADATA = ClassifierMetadata(
    test_accuracy=0.97,
    training_data="quadrants/train@0",
    how_trained="6 epochs",
    class_names=("nw", "ne", "sw", "se"),
)


def quadrants(n, seed):
    """Noisy images, uint8 (n, 1, 8, 8), and labels, int64 (n,), in 0..3."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 80, (n, 1, 8, 8), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 4, (n,), generator=generator)
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = 4 * (label // 2), 4 * (label % 2)
        image[0, row : row + 4, column : column + 4] += 150
    return images, labels
