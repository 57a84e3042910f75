"""Mini-batches from data that lies on the training device."""

import torch
from torch import Tensor

from gans.errors import VariantError


class DeviceBatches:
    """Epochs without replacement over samples kept on the device, at a position that can be saved.

    Each epoch is a fresh permutation; a batch that begins at the end of one goes on in the next, so
    every sample is seen exactly once an epoch whatever the batch size.

    Parameters
    ----------
    samples
        uint8 images `(n, C, H, W)` or float32 points `(n, 2)`, on the device.
    batch_size
        At most n.
    generator
        On the same device; draws the permutations and nothing else.
    """

    def __init__(self, samples: Tensor, batch_size: int, generator: torch.Generator) -> None:
        if batch_size > len(samples):
            raise VariantError(
                f"A batch of {batch_size} is larger than the training set of {len(samples)} samples."
            )
        self.samples, self.batch_size, self.generator = samples, batch_size, generator
        self.permutation = self._shuffle()
        self.position = 0

    def next(self) -> Tensor:
        """The next `(batch_size, …)` samples, as they are at rest."""
        end = self.position + self.batch_size
        indices = self.permutation[self.position : end]
        if end > len(self.permutation):
            self.permutation = self._shuffle()
            end -= len(self.samples)
            indices = torch.cat((indices, self.permutation[:end]))
        self.position = end
        return self.samples.index_select(0, indices)

    def state(self) -> dict[str, Tensor]:
        """Position and permutation; the generator is saved with the trainer's others."""
        return {"permutation": self.permutation, "position": torch.tensor(self.position)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go back to where `state` was taken.

        Raises
        ------
        VariantError
            If it was taken over another number of samples.
        """
        if len(state["permutation"]) != len(self.samples):
            raise VariantError(
                f"The state is of {len(state['permutation'])} training samples, not of {len(self.samples)}."
            )
        self.permutation = state["permutation"].to(self.samples.device)
        self.position = int(state["position"])

    def _shuffle(self) -> Tensor:
        device = self.samples.device
        return torch.randperm(len(self.samples), generator=self.generator, device=device)
