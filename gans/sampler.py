"""From a trained generator to samples."""

from pathlib import Path

import torch
from torch import Tensor, nn

from gans.checkpoint import read_checkpoint, variant_of
from gans.errors import VariantError
from gans.images import to_rest
from gans.precision import backend_flags
from gans.seeding import generator_for, seeded
from gans.variant import Variant

CHUNK = 500  # samples in one forward: bounds memory; results do not depend on it (evaluation mode)


class Sampler:
    """Draws samples from a generator in evaluation mode (batch norm with its running statistics).

    `variant` and `shape` say what it makes: `(C, H, W)` images or `(2,)` points.
    """

    def __init__(self, variant: Variant, generator: nn.Module, shape: tuple[int, ...]) -> None:
        self.variant, self.shape = variant, shape
        self.network = generator.eval().requires_grad_(False)
        self.device = next(generator.parameters()).device

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Draw `n` samples: uint8 `(n, C, H, W)`, or float32 `(n, 2)` points, on the CPU.

        The noise is drawn from `generator`, on its device (default: the CPU, seed 0), so that it is the
        same wherever the network runs. The first k of n samples need not be the k of a smaller draw.
        """
        if n < 1:
            raise VariantError(f"The number of samples must be at least 1, not {n}.")
        source = generator_for(0, "samples") if generator is None else generator
        return self.decode(self.variant.noise.draw(n, source))

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Samples for given noise, float32 `(n, nz)`."""
        with backend_flags("fp32"):  # however it was trained
            chunks = (self.network(part.to(self.device)) for part in torch.split(z, CHUNK))
            return torch.cat([to_rest(chunk).cpu() for chunk in chunks])


def load(checkpoint: str | Path, *, device: str = "cpu") -> Sampler:
    """The sampler of a checkpoint file: the average of G's weights if it holds one, else G's.

    Raises
    ------
    VariantError
        If the file is missing, damaged, or of a variant that is not installed in that version.
    """
    path = Path(checkpoint)
    tensors, metadata = read_checkpoint(path)
    variant = variant_of(metadata)
    shape = tuple(metadata["shape"])
    with seeded(0, "initialisation"):  # weights that are overwritten; the global generator is not
        generator, _ = variant.build(shape)
    prefix = "average." if any(name.startswith("average.") for name in tensors) else "generator."
    weights = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        raise VariantError(
            f"{path} does not hold the weights of {variant.name} version {variant.version}."
        ) from error
    return Sampler(variant, generator.to(device), shape)
