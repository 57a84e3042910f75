"""What is timed: something that makes iterations in turns, under its own settings."""

import contextlib
import io
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backend_settings import BackendSettings
from checkout import Checkout
from turnstile import Turnstile
from work import Work

import gans
from gans.precision import backend_flags


@dataclass(frozen=True, kw_only=True)
class Peer:
    """How one well-known implementation is run; each file in `adapters` describes one."""

    name: str
    option: str
    """`--<option> DIR` names its checkout."""
    train: Callable[[Path, Work], None]
    """Imports it from the checkout and trains without end, by its own code."""
    source: str = "."
    """The folder of the checkout to import from."""
    bare_packages: tuple[str, ...] = ()
    """Folders there to be imported from without running their `__init__`."""
    differs: str
    """In what its iteration differs, in words."""

    def images_per_turn(self, batch_size: int, iterations: int) -> float:
        """Images of the data in a turn."""
        return batch_size * iterations


class Failed(Exception):
    """A contestant could not go on; `reason` is one line."""

    def __init__(self, contestant: "Contestant", error: BaseException) -> None:
        lines = str(error).strip().splitlines() or [""]
        self.contestant = contestant
        self.reason = textwrap.shorten(f"{type(error).__name__}: {lines[0]}", 160, placeholder=" …")
        super().__init__(f"{contestant.name}: {self.reason}")


class Contestant:
    """Somebody in the table."""

    name: str
    differs: str
    images_per_turn: float
    settings: str

    def turn(self) -> None:
        """Make the iterations of one turn; `Failed` if it can't."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what it holds."""


class PeerContestant(Contestant):
    """A peer's loop behind a turnstile. It has made two turns when it is made."""

    def __init__(self, peer: Peer, folder: Path, work: Work, iterations: int) -> None:
        self.name, self.differs = peer.name, peer.differs
        self.iterations = iterations
        self.images_per_turn = peer.images_per_turn(work.batch_size, iterations)
        self._backend = BackendSettings.current()  # torch's own, which its code may change
        self._checkout = Checkout(folder / peer.source, peer.bare_packages)
        self._turnstile = Turnstile(lambda: peer.train(folder, work))
        try:
            for _ in range(2):
                self.turn()
        except Failed:
            self.close()
            raise
        self.settings = self._backend.words()

    def turn(self) -> None:
        self._inside(lambda turnstile: turnstile.turn(self.iterations))

    def close(self) -> None:
        self._inside(Turnstile.close)

    def _inside(self, action: Callable[[Turnstile], None]) -> None:
        before, arguments = BackendSettings.current(), sys.argv
        self._backend.apply()
        try:
            # What they print goes nowhere: a terminal's speed is not theirs.
            with self._checkout.active(), contextlib.redirect_stdout(io.StringIO()):
                action(self._turnstile)
            self._backend = BackendSettings.current()
        except (Exception, SystemExit) as error:
            raise Failed(self, error) from error
        finally:
            before.apply()
            sys.argv = arguments


class OurContestant(Contestant):
    """gan-bench's trainer in one of its modes."""

    def __init__(self, precision: str, compile_mode: str, work: Work, iterations: int) -> None:
        self.name = our_name(precision, compile_mode)
        self.differs = (
            "one generated batch serves both updates; uint8 data on the device; G's step computes G's "
            "gradients alone; ten monitors a step, none read by the host"
        )
        self.iterations, self.images_per_turn = iterations, work.batch_size * iterations
        try:
            settings = gans.Settings(
                batch_size=work.batch_size, device=work.device, precision=precision, compile=compile_mode
            )
            self.trainer = gans.Trainer(gans.get("dcgan"), work.images(), settings)
            for _ in range(2):
                self.turn()
        except Failed:
            raise
        except Exception as error:
            raise Failed(self, error) from error
        with backend_flags(precision):  # which are put back after each of its steps
            self.settings = BackendSettings.current().words()

    def turn(self) -> None:
        try:
            for _ in range(self.iterations):
                self.trainer.step()
        except Exception as error:
            raise Failed(self, error) from error


def our_name(precision: str, compile_mode: str) -> str:
    """How a mode of ours is called in the table."""
    return f"gan-bench, {precision}, {'eager' if compile_mode == 'off' else f'compile {compile_mode}'}"
