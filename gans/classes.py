"""The classes of labelled training data: what a conditional generator can be asked for."""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from gans.errors import VariantError


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Names of the classes, and how many training samples each has."""

    names: tuple[str, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, labels: Tensor, names: tuple[str, ...] | None) -> "Classes":
        """Classes of int64 labels `(n,)`; without names they are called 0, 1, …

        Raises
        ------
        VariantError
            For labels that are not whole numbers from 0 to the number of names − 1.
        """
        if labels.dim() != 1 or labels.dtype != torch.int64 or len(labels) == 0:
            raise VariantError(
                f"Labels must be int64 (n,), not {str(labels.dtype).removeprefix('torch.')} of shape "
                f"{tuple(labels.shape)}."
            )
        lowest, highest = int(labels.min()), int(labels.max())
        if lowest < 0 or (names is not None and highest >= len(names)):
            possible = "0 and above" if names is None else f"0 to {len(names) - 1}"
            raise VariantError(f"Labels must lie in {possible}; these go from {lowest} to {highest}.")
        names = names or tuple(str(label) for label in range(highest + 1))
        counts = torch.bincount(labels.cpu(), minlength=len(names)).tolist()
        return cls(names=names, counts=tuple(counts))

    def require_sense(self) -> None:
        """Raise `VariantError` unless these are names and their counts, of which one is not 0."""
        counted = all(type(count) is int and 0 <= count < 2**53 for count in self.counts)
        named = all(type(name) is str for name in self.names)
        if not named or not counted or len(self.names) != len(self.counts) or not any(self.counts):
            raise VariantError(f"Names {self.names} and counts {self.counts} are no classes.")

    def __len__(self) -> int:
        """Return the number of classes."""
        return len(self.names)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw labels, int64 `(n,)` on the generator's device, with the training samples' own shares."""
        device = generator.device
        picked = torch.randint(sum(self.counts), (n,), generator=generator, device=device)
        return torch.bucketize(picked, _ends(self.counts, device), right=True)


@functools.cache  # labels are drawn in every step, and each time this would be copied to the device
def _ends(counts: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.tensor(counts, device=device).cumsum(0)
