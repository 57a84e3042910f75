"""Weights and images by formula: the same on every machine and with every version of torch."""

import torch


def made_up(shapes, scale=0.1):
    """A state dict of sine waves, one frequency a tensor; norms and scales stay near 1."""
    weights = {}
    for i, (name, shape) in enumerate(sorted(shapes.items())):
        count = torch.arange(shape.numel(), dtype=torch.float64)
        wave = torch.sin((0.7 + 0.013 * i) * count + i).reshape(shape)
        one = 1.0 if shape.numel() and ("norm" in name or "ln_" in name) and name.endswith("weight") else 0.0
        weights[name] = (one + scale * wave).to(torch.float32)
    return weights


def shapes_of(network):
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


def wave_images(n, channels, height, width):
    """uint8 (n, channels, height, width)."""
    count = torch.arange(n * channels * height * width, dtype=torch.float64)
    wave = torch.sin(0.37 * count) + torch.cos(0.0113 * count)
    return (127.5 + 63 * wave).reshape(n, channels, height, width).to(torch.uint8)
