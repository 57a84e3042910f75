"""Random images: what a training step costs does not depend on what they show."""

import hashlib

import torch

import gans
from bench.datasets import Dataset
from bench.datasets.dataset import Split

NAME = "synthetic"
IMAGE_SIZE = 64
CHANNELS, CLASSES = 3, 10
MOST_IMAGES, MOST_BYTES = 4096, 2**28


def synthetic(image_size: int) -> Dataset:
    """Uniform bytes, 3 channels, labels of 10 classes: 4,096 images, fewer from 148 pixels on."""
    n = min(MOST_IMAGES, MOST_BYTES // (CHANNELS * image_size**2))
    source = gans.generator_for(0, NAME)
    images = torch.randint(0, 256, (n, CHANNELS, image_size, image_size), dtype=torch.uint8, generator=source)
    split = Split(images, torch.randint(0, CLASSES, (n,), generator=source))
    empty = Split(images[:0], split.labels[:0] if split.labels is not None else None)
    return Dataset(
        name=NAME,
        train=split,
        validation=empty,
        test=empty,
        class_names=tuple(str(i) for i in range(CLASSES)),
        content=hashlib.sha256(f"{NAME} {n} {CHANNELS} {image_size}".encode()).hexdigest(),
    )
