"""Lets somebody else's training loop run one iteration at a time, without changing a line of it.

The loop runs in a thread of its own. After each `optimizer.step()` it makes, torch calls our hook; at the
last one of an iteration the hook hands control back and blocks the thread until the next turn. Only one of
the two ever runs.
"""

import threading
from collections.abc import Callable

from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

STEPS_PER_ITERATION = 2  # one of D, one of G


class LoopEnded(Exception):
    """The loop came to its end, and was meant to go on as long as it is asked to."""


class _Stop(BaseException):
    """Unwinds the loop; no `except Exception` of theirs catches it."""


class Turnstile:
    """Runs `loop` in turns.

    Parameters
    ----------
    loop
        Trains without end, with two optimiser steps an iteration.
    """

    def __init__(self, loop: Callable[[], None]) -> None:
        self._loop = loop
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._steps_left = 0
        self._stopping = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._hook = register_optimizer_step_post_hook(self._after_step)
        self._thread.start()

    def turn(self, iterations: int) -> None:
        """Let the loop make `iterations` more; what precedes its first belongs to the first turn.

        Raises
        ------
        BaseException
            Whatever the loop raised.
        LoopEnded
            If it returned.
        """
        self._steps_left = iterations * STEPS_PER_ITERATION
        if self._thread.is_alive():
            self._hand_over()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """End the loop."""
        self._stopping = True
        if self._thread.is_alive():
            self._hand_over()
        self._thread.join()
        self._hook.remove()

    def _hand_over(self) -> None:
        self._go.release()
        self._back.acquire()

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self._stopping:
                self._loop()
                self._error = LoopEnded("its training loop came to an end")
        except _Stop:
            pass
        except BaseException as error:  # also SystemExit, which argparse raises: all is told by `turn`
            self._error = error
        finally:
            self._back.release()

    def _after_step(self, optimizer: Optimizer, args: object, kwargs: object) -> None:
        # The hook sees every optimiser of the process.
        if threading.current_thread() is not self._thread:
            return
        self._steps_left -= 1
        if self._steps_left == 0:
            self._back.release()
            self._go.acquire()
            if self._stopping:
                raise _Stop
