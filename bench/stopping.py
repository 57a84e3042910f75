"""Ending a grid from outside: Ctrl-C, SIGTERM, a terminal that closes, a cell's time that is used up.

A first request ends what is going on cleanly; signals after it end the process at once.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Self

import gans

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # there is no SIGHUP on Windows


AGAIN = "the same command"
"""What goes on from where a launch was ended."""

AGAIN_WITHOUT_RERUN = "the same command without --rerun"
"""The same, of a launch that trains anew."""


class Stopped(KeyboardInterrupt):
    """A signal asked for the end; raised in the main thread, where nothing is left half done."""

    def __init__(self, signum: int, again: str = AGAIN) -> None:
        super().__init__(signum)
        self.signum, self.again = signum, again

    @property
    def reason(self) -> str:
        """What happened, in a sentence."""
        if self.signum == signal.SIGINT:
            return "Interrupted by the user."
        return f"Stopped by {signal.Signals(self.signum).name}."

    @property
    def exit_code(self) -> int:
        """What a shell calls a process that such a signal ended."""
        return 128 + self.signum

    def __str__(self) -> str:
        return f"{self.reason.rstrip('.')}: {self.again} goes on from there."


class TimedOut(BaseException):
    """A cell's time is used up; no `Exception`, so that nothing that it passes takes it for its own."""

    def __init__(self, limit_sec: float, again: str = AGAIN) -> None:
        super().__init__(limit_sec)
        self.limit_sec, self.again = limit_sec, again

    def __str__(self) -> str:
        return f"The {self.limit_sec:g} s of --timeout were used up; {self.again} goes on from there."


class Stopping:
    """Requests to end, and when they are heard: enter it around the grid, in the main thread.

    A request is raised where the main thread is, as `Stopped` or `TimedOut`, but at the end of a `held` block
    if it is in one. Who catches it calls `heard`; until then every `held` block raises it again at its
    end, in case that it was lost in a place that lets no exception out (a finaliser).
    """

    def __init__(self, *, quiet: bool = False, again: str = AGAIN) -> None:
        self._quiet, self._again = quiet, again
        self._request: Stopped | TimedOut | None = None
        self._held = 0
        self._wake: Callable[[], None] | None = None
        self._before: dict[int, object] = {}
        self._terminals: list[int] = []

    def __enter__(self) -> Self:
        self._terminals = [stream for stream in (1, 2) if os.isatty(stream)]
        if threading.current_thread() is threading.main_thread():  # no other may have handlers
            for signum in SIGNALS:
                if signal.getsignal(signum) != signal.SIG_IGN:  # as `nohup` and a script's `&` leave it
                    self._before[signum] = signal.signal(signum, self._signalled)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, before in self._before.items():
            signal.signal(signum, before)  # type: ignore[arg-type]
        self._before = {}

    @property
    def asked(self) -> bool:
        """Whether there is a request that nobody has heard."""
        return self._request is not None

    @property
    def signum(self) -> int:
        """The signal that asks, 0 if none does."""
        return self._request.signum if isinstance(self._request, Stopped) else 0

    def heard(self) -> None:
        """The request has been caught, and is being followed."""
        self._request = None

    def deaf(self, signum: int) -> None:
        """Pass over a signal from now on, to the end of the process; it ends anyway."""
        if signum in self._before:
            self._before[signum] = signal.SIG_IGN
            signal.signal(signum, signal.SIG_IGN)
        if self.signum == signum:
            self._request = None

    @contextmanager
    def held(self, wake: Callable[[], None] | None = None) -> Iterator[None]:
        """Raise requests at the end of this block, not in it; `wake` is called as soon as there is one.

        If the block itself raises, the request waits for the end of the next.
        """
        self._held += 1
        outer, self._wake = self._wake, wake or self._wake
        if self._request is not None and wake is not None:
            wake()
        try:
            yield
        finally:
            self._wake = outer
            self._held -= 1
        if self._request is not None and not self._held:
            raise self._request

    @contextmanager
    def limit(self, limit_sec: float | None) -> Iterator[None]:
        """Ask for the end of what this block does after so many seconds by the clock on the wall."""
        if limit_sec is None:
            yield
            return
        if not hasattr(signal, "SIGALRM"):
            raise gans.Unsupported("This system has no alarm clock for --timeout (SIGALRM).")
        before = signal.signal(signal.SIGALRM, lambda *_: self._ask(TimedOut(limit_sec, self._again)))
        signal.setitimer(signal.ITIMER_REAL, limit_sec)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            if isinstance(self._request, TimedOut):
                self._request = None

    def _signalled(self, signum: int, _: FrameType | None) -> None:
        for other in self._before:
            if signal.getsignal(other) != signal.SIG_IGN:
                signal.signal(other, signal.SIG_DFL)  # the next one ends the process, whatever it is in
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a shell and the kernel both send one
            if signum == signal.SIGHUP:
                self._leave_terminals()
        with suppress(OSError):  # nobody may read it any more
            if not self._quiet:
                os.write(2, b"\nStopping; once more ends at once.\n")
        self._ask(Stopped(signum, self._again))

    def _leave_terminals(self) -> None:
        """What is still printed goes nowhere: on a terminal that has gone it would be an error."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in self._terminals:
            os.dup2(nowhere, stream)
        os.close(nowhere)

    def _ask(self, request: Stopped | TimedOut) -> None:
        self._request = request
        if not self._held:
            raise request
        if self._wake is not None:
            self._wake()
