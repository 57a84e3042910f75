"""Feature extraction that is sharded over the processes of a run."""

import dataclasses
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

import metrics
from bench.scoring import Scoring
from bench.team import Team


class ShardedExtractor(metrics.Extractor):
    """Rank 0's extractor: it sends every other process a share of the images, and gathers the features.

    Shares are whole batches, so that each image goes through the network in the same batch as in one process,
    and the features are the same bits (on devices of one kind).
    """

    def __init__(self, extractor: metrics.Extractor, team: Team) -> None:
        self._extractor, self._team = extractor, team
        for name in metrics.Extractor.__annotations__:
            setattr(self, name, getattr(extractor, name))

    def extract(self, images: Tensor, batch_size: int | None = None) -> metrics.Features:
        """As `Extractor.extract`; where a batch size is given, by this process alone."""
        if batch_size is not None:
            return self._extractor.extract(images, batch_size)
        metrics.check_images(images)
        team, batch = self._team, self.batch_size
        whole = range(0, len(images), batch)
        shares = [whole[team.processes.share_of(rank, len(whole))] for rank in range(team.processes.count)]
        rows = [sum(min(batch, len(images) - start) for start in share) for share in shares]
        parts = torch.split(images.cpu().contiguous(), rows)
        with team.together():
            team.tell("extract", extractor=self.key, rows=rows, shape=list(images.shape[1:]))
            for rank in range(1, len(parts)):
                if rows[rank]:
                    dist.send(parts[rank].contiguous(), rank, team.processes.control)
            seen = extracted(self._extractor, parts[0])
            features = team.gather(seen.features)
            logits = None if seen.logits is None else team.gather(seen.logits)
        return metrics.Features(features=features, logits=logits)

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        return self._extractor._forward(images)


def sharded(scoring: Scoring, team: Team) -> Scoring:
    """As rank 0: the same scoring, its features extracted by all processes."""
    if scoring.extractor is None:
        return scoring
    return dataclasses.replace(scoring, extractor=ShardedExtractor(scoring.extractor, team))


def extract_shard(
    team: Team, extractor: metrics.Extractor, rows: Sequence[int], shape: Sequence[int]
) -> None:
    """As a process other than rank 0: extract this process's share, and give rank 0 the features.

    Parameters
    ----------
    rows
        How many images each process gets, by rank.
    shape
        Of an image: `(C, H, W)`.
    """
    images = torch.empty(rows[team.processes.rank], *shape, dtype=torch.uint8)
    if len(images):
        dist.recv(images, 0, team.processes.control)
    seen = extracted(extractor, images)
    team.gather(seen.features)
    if seen.logits is not None:
        team.gather(seen.logits)


def extracted(extractor: metrics.Extractor, images: Tensor) -> metrics.Features:
    """Features of images `(n, C, H, W)`; n may be 0, which `extract` refuses."""
    if len(images):
        return extractor.extract(images)
    logits = None if extractor.n_logits is None else torch.empty(0, extractor.n_logits)
    return metrics.Features(features=torch.empty(0, extractor.dim), logits=logits)
