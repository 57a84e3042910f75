"""Mini-batches, from data on the training device or streamed to it, at a position that can be saved."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from gans.errors import VariantError

AHEAD = 4  # batches that are being fetched while one is trained on
MEAN_CHUNK = 1000  # samples read at a time for their mean


class SampleSource(Protocol):
    """Images that are not in memory: what the trainer needs of them."""

    shape: tuple[int, ...]  # (n, C, H, W)
    dtype: torch.dtype  # uint8
    workers: int  # threads that may call `fetch` at once

    def __len__(self) -> int:
        """Return n."""

    def fetch(self, indices: Tensor) -> Tensor:
        """Images uint8 `(k, C, H, W)` on the CPU, for int64 indices `(k,)` on the CPU."""


class Batch(NamedTuple):
    """Real samples `(n, …)` as they are at rest, and their labels, int64 `(n,)`, or None."""

    samples: Tensor
    labels: Tensor | None


class Batches:
    """Epochs without replacement over the training samples.

    Each epoch is a fresh permutation; a batch that begins at the end of one goes on in the next, so
    every sample is seen exactly once an epoch whatever the batch size. Samples in memory and the same
    samples streamed come in the same order.

    Parameters
    ----------
    samples
        uint8 images `(n, C, H, W)` or float32 points `(n, d)` on the training device, or a source.
    labels
        int64 `(n,)` on the training device, or None.
    batch_size
        At most n.
    generator
        On the training device; draws the permutations and nothing else.
    share
        Which rows of each batch are wanted here: the others are not read.
    """

    def __init__(
        self,
        samples: Tensor | SampleSource,
        labels: Tensor | None,
        batch_size: int,
        generator: torch.Generator,
        share: slice = slice(None),
    ) -> None:
        if batch_size > len(samples):
            raise VariantError(
                f"A batch of {batch_size} is larger than the training set of {len(samples)} samples."
            )
        self.samples, self.labels = samples, labels
        self.batch_size, self.generator, self.share = batch_size, generator, share
        self.permutation = self._shuffle()
        self.position = 0
        self.pool: ThreadPoolExecutor | None = None
        if not isinstance(samples, Tensor):
            self.pool = ThreadPoolExecutor(samples.workers, thread_name_prefix="samples")
        self.fetched: dict[int, Future[Tensor]] = {}  # by position in this epoch

    def next(self) -> Batch:
        """The share of the next `batch_size` samples."""
        start, end = self.position, self.position + self.batch_size
        indices = self.permutation[start:end]
        early = self.fetched.pop(start, None)
        if end > len(self.permutation):
            self.permutation = self._shuffle()
            end -= len(self.samples)
            indices = torch.cat((indices, self.permutation[:end]))
        self.position = end
        indices = indices[self.share]
        labels = None if self.labels is None else self.labels.index_select(0, indices)
        if isinstance(self.samples, Tensor):
            return Batch(self.samples.index_select(0, indices), labels)
        self._fetch_ahead(self.samples)
        images = self.samples.fetch(indices.cpu()) if early is None else early.result()
        layout = torch.channels_last if images.dim() == 4 else torch.contiguous_format
        return Batch(images.to(self.generator.device).contiguous(memory_format=layout), labels)

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
        self.permutation = state["permutation"].to(self.generator.device)
        self.position = int(state["position"])
        self.fetched.clear()

    def mean(self) -> Tensor:
        """Mean of all training samples as they are at rest, float64 `(…)`, on the CPU."""
        total = sum(chunk.double().sum(0).cpu() for chunk in self._chunks())
        return torch.as_tensor(total) / len(self.samples)

    def _chunks(self) -> Iterator[Tensor]:
        for start in range(0, len(self.samples), MEAN_CHUNK):
            end = min(start + MEAN_CHUNK, len(self.samples))
            if isinstance(self.samples, Tensor):
                yield self.samples[start:end]
            else:
                yield self.samples.fetch(torch.arange(start, end))

    def _shuffle(self) -> Tensor:
        # An epoch is never looked beyond, so that the generator's state always belongs to `position`.
        self.fetched = {}
        device = self.generator.device
        return torch.randperm(len(self.samples), generator=self.generator, device=device)

    def _fetch_ahead(self, source: SampleSource) -> None:
        assert self.pool is not None
        for i in range(AHEAD):
            start = self.position + i * self.batch_size
            end = start + self.batch_size
            if end > len(self.permutation):
                return
            if start not in self.fetched:
                indices = self.permutation[start:end][self.share].cpu()
                self.fetched[start] = self.pool.submit(source.fetch, indices)
