"""The processes of a run other than rank 0: they do what rank 0 tells them."""

import os
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch.distributed as dist

import gans
import metrics
from bench.execute import outcome_of
from bench.folders import CACHE_VARIABLE
from bench.grid import Cell, trainer_of
from bench.scoring import samples_of
from bench.sharded_extraction import extract_shard
from bench.stopping import Stopping
from bench.team import Team, is_of_connection
from gans.sampler import sampler_of

Plan = tuple[Sequence[metrics.Extractor], Sequence[Cell]]


class Member:
    """A process other than rank 0: what it has made so far, and what it does at each of rank 0's words.

    Parameters
    ----------
    team
        The run's processes.
    plan
        Makes the plan that rank 0 has made: what it may ask for features of, and what it may train.
    device
        Where samplers run.
    """

    def __init__(self, team: Team, plan: Callable[[], Plan], device: str) -> None:
        self.team, self.plan, self.device = team, plan, device
        self.extractors: dict[str, metrics.Extractor] = {}
        self.cells: dict[str, Cell] = {}
        self.trainer: gans.Trainer | None = None
        self.loaded: gans.Sampler | None = None
        self.ended_by: BaseException | None = None
        """What a word has ended by that all were to end by."""
        self._does: Mapping[str, Callable[..., None]] = {
            "plan": self._plan,
            "begin": self._begin,
            "state": self._state,
            "train": self._train,
            "load": self._load,
            "sample": self._sample,
            "extract": self._extract,
        }

    def follow(self) -> int:
        """Do what rank 0 tells until it says `end`; the exit code.

        torchrun sends a signal to rank 0, too, which then tells what to do. Here it stops the training, which
        all processes leave before the same step: so rank 0 saves even if this machine alone got it.
        """
        with Stopping(quiet=True) as stopping:
            try:
                with stopping.held(self._stop):
                    while (word := self.team.hear(lambda: stopping.asked))["do"] != "end":
                        self._do(word)
                    stopping.heard()
            except BaseException as error:  # SystemExit, too: a variant's code is not who ends a process
                if not is_of_connection(error):  # which is another's failure, and that one says it
                    self.team.has_failed(*outcome_of(error))
                    traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)  # an exit that tidies up would wait for the others
        dist.destroy_process_group()
        return 0

    def _do(self, word: dict[str, Any]) -> None:
        do = self._does[word.pop("do")]
        try:
            do(**word)
        except BaseException as error:
            if not self.team.is_of_all(error):
                raise
            self.ended_by = error  # as in rank 0, which makes a row of it and goes on

    def _plan(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rank 0 shows them
            extractors, cells = self.plan()
        self.extractors = {extractor.key: extractor for extractor in extractors}
        self.cells = {cell.training_id: cell for cell in cells}

    def _begin(self, cell: str) -> None:
        self.trainer = self.loaded = None  # their memory is free for the next
        if (it := self.cells.get(cell)) is None:
            raise RuntimeError(
                f"The data of {socket.gethostname()}, or its version of a variant, are not those of rank 0."
            )
        self.trainer = trainer_of(it, it.settings, processes=self.team.processes)

    def _state(self) -> None:
        state = self.team.hand_out()
        self._training.load_state_dict(state)

    def _train(self, until: float) -> None:
        for _ in self._training.train(until):
            pass

    def _load(self) -> None:
        self.trainer = self.loaded = None
        path, tensors, metadata = self.team.hand_out()
        self.loaded = sampler_of(path, tensors, metadata, device=self.device)

    def _sample(self, n: int, seed: int) -> None:
        sampler = self.loaded or self._training.sampler()
        samples, _ = samples_of(sampler, n, seed, share=self.team.processes.share)
        self.team.gather(samples)

    def _extract(self, extractor: str, rows: list[int], shape: list[int]) -> None:
        if extractor not in self.extractors:
            raise RuntimeError(
                f"{socket.gethostname()} has another network for features than rank 0, most likely a "
                f"classifier of its own: give all machines one cache folder (${CACHE_VARIABLE}), or name an "
                "--extractor."
            )
        extract_shard(self.team, self.extractors[extractor], rows, shape)

    @property
    def _training(self) -> gans.Trainer:
        if self.trainer is None:
            raise RuntimeError(f"It could not begin this training, as rank 0 could: {self.ended_by}")
        return self.trainer

    def _stop(self) -> None:
        if self.trainer is not None:
            self.trainer.stop()
