"""From a trained generator to samples."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gans.bounded_build import BoundedBuild
from gans.checkpoint import read_checkpoint, variant_of
from gans.classes import Classes
from gans.errors import VariantError
from gans.images import to_rest
from gans.networks.network import draw, draw_shapes, forward
from gans.precision import backend_flags
from gans.seeding import generator_for, seeded
from gans.variant import Variant

# samples in one forward: bounds memory. Without draws of G's own, results do not depend on it
CHUNK = 500

# While networks are built, so many times the numbers of all tensors in their checkpoint may be made, and
# some.
_ROOM, _LEAST_NUMBERS = 4, 1 << 20


class Sampler:
    """Draws samples from a generator in evaluation mode (batch norm with its running statistics).

    `variant` and `shape` say what it makes: `(C, H, W)` images or `(2,)` points; `classes` what a
    conditional one can be asked for.
    """

    def __init__(
        self,
        variant: Variant,
        generator: nn.Module,
        shape: tuple[int, ...],
        classes: Classes | None = None,
    ) -> None:
        self.variant, self.shape, self.classes = variant, shape, classes
        self.network = generator.eval().requires_grad_(False)
        self.device = next(generator.parameters()).device

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What can be asked for, label 0 first; None if the variant is not conditional."""
        return None if self.classes is None else self.classes.names

    def draw_labels(self, n: int, generator: torch.Generator) -> Tensor | None:
        """Draw labels, int64 `(n,)`, with the training samples' own shares; None if not conditional."""
        return None if self.classes is None else self.classes.draw(n, generator)

    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        share: Callable[[int], slice] | None = None,
    ) -> Tensor:
        """Draw `n` samples: uint8 `(n, C, H, W)`, or float32 `(n, d)` points, on the CPU.

        Parameters
        ----------
        n
            How many.
        labels
            The class of each, int64 `(n,)`, for a conditional variant; by default they are drawn.
        generator
            Draws the noise, on its own device (default: the CPU, seed 0), so that it is the same wherever
            the network runs. The first k of n samples need not be the k of a smaller draw.
        share
            As of `decode`.

        Raises
        ------
        VariantError
            For fewer than 1 sample, or labels that are not one class a sample, or of an unconditional
            variant.
        """
        if n < 1:
            raise VariantError(f"The number of samples must be at least 1, not {n}.")
        source = generator_for(0, "samples") if generator is None else generator
        z = self.variant.noise.draw(n, source)
        if labels is None:
            labels = self.draw_labels(n, source)
        return self.decode(z, labels, share=share)

    @torch.no_grad()
    def decode(
        self, z: Tensor, labels: Tensor | None = None, *, share: Callable[[int], slice] | None = None
    ) -> Tensor:
        """Samples for given noise, float32 `(n, nz)`, and, for a conditional variant, labels `(n,)`.

        What a generator draws by itself (noise in its hidden layers) is the same for the same place in z.
        The network makes `CHUNK` samples at a time. With `share`, a function from the number of chunks to the
        slice of them that is this process's, the samples of those chunks alone are made and returned, and are
        the same as without it.

        Returns
        -------
        Tensor
            uint8 `(n, C, H, W)`, or float32 `(n, d)` points, on the CPU.

        Raises
        ------
        VariantError
            If a conditional variant gets no labels, or not one class a sample, or another gets any.
        """
        self._check_labels(labels, len(z))
        own = generator_for(0, "generator-dropout", self.device)
        starts = range(0, len(z), CHUNK)
        mine = starts if share is None else starts[share(len(starts))]
        samples = [to_rest(torch.empty(0, *self.shape))]
        with backend_flags("fp32"):  # however it was trained
            for start in starts:
                part = slice(start, start + CHUNK)
                draws = draw(draw_shapes(self.network), len(z[part]), own)
                if start not in mine:
                    continue
                asked = None if labels is None else labels[part].to(self.device)
                out = forward(self.network, z[part].to(self.device), draws, asked)
                samples.append(to_rest(out).cpu())
        return torch.cat(samples)

    def _check_labels(self, labels: Tensor | None, n: int) -> None:
        if self.classes is None:
            if labels is not None:
                raise VariantError(f"{self.variant.name} is not conditional: it cannot be asked for classes.")
            return
        n_classes = len(self.classes)
        if labels is None or labels.shape != (n,) or labels.dtype != torch.int64:
            raise VariantError(f"{self.variant.name} needs one int64 label for each of {n} samples.")
        if n and not (int(labels.min()) >= 0 and int(labels.max()) < n_classes):
            raise VariantError(f"Labels must lie in 0 to {n_classes - 1}.")
        for label in set(labels.tolist()):
            if self.classes.counts[label] == 0:
                raise VariantError(
                    f"{self.variant.name} was trained on no sample of class {self.classes.names[label]!r}."
                )


def load(checkpoint: str | Path, *, device: str = "cpu", generator: nn.Module | None = None) -> Sampler:
    """The sampler of a checkpoint file: the average of G's weights if it holds one, else G's.

    `device` is where the network runs; samples come back to the CPU. `generator` is a module of your own
    that was trained as one of the `players`; its weights are replaced.

    Raises
    ------
    VariantError
        If the file is missing, damaged, or of a variant that is not installed in that version.
    """
    path = Path(checkpoint)
    return sampler_of(path, *read_checkpoint(path), device=device, generator=generator)


def sampler_of(
    path: Path,
    tensors: dict[str, Tensor],
    metadata: dict[str, Any],
    *,
    device: str = "cpu",
    generator: nn.Module | None = None,
) -> Sampler:
    """As `load`, of what `read_checkpoint` has read from `path`."""
    try:
        variant = variant_of(metadata)
        shape = tuple(int(side) for side in metadata["shape"])
        classes = None
        if metadata.get("classes") is not None:  # files of before there were conditional variants have none
            classes = Classes(**{key: tuple(value) for key, value in metadata["classes"].items()})
            classes.require_sense()
        if generator is None:
            generator = _untrained(tensors, variant, shape, classes)
    except VariantError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise VariantError(
            f"The checkpoint {path} describes no network that can be built ({type(error).__name__}: {error})."
        ) from error
    prefix = "average." if any(name.startswith("average.") for name in tensors) else "generator."
    weights = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        raise _misfit(path, variant) from error
    return Sampler(variant, generator.to(device), shape, classes)


def _untrained(
    tensors: dict[str, Tensor], variant: Variant, shape: tuple[int, ...], classes: Classes | None
) -> nn.Module:
    """The generator that a checkpoint describes, if its players are no larger than the weights in it.

    Whatever a file says, it costs no more memory than a few times its own size.
    """
    numbers = sum(tensor.numel() for tensor in tensors.values())
    # Weights that are overwritten; the global generator is not.
    with seeded(0, "initialisation"), BoundedBuild(_ROOM * numbers + _LEAST_NUMBERS):
        return variant.build(shape, None if classes is None else len(classes))[0]


def _misfit(path: Path, variant: Variant) -> VariantError:
    return VariantError(f"{path} does not hold the weights of {variant.name} version {variant.version}.")
