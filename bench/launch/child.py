"""A process for one cell, as the launch sees it: started, listened to, ended."""

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Any


class Child:
    """The process of one cell, in a session of its own.

    So a terminal's Ctrl-C reaches the launch alone, which tells it the child, once. Its stderr is the
    launch's. It says how far it is in lines of JSON on its stdout, and ends when its stdin does: when the
    launch has ended, however it did.

    Parameters
    ----------
    arguments
        Of `bench.launch.cell`.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.said: dict[str, Any] = {}
        """All that it has said so far."""
        self._process = Popen(
            [sys.executable, "-m", "bench.launch.cell", *arguments],
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def wait(self, seconds: float) -> int | None:
        """Its exit code (negative: the signal that ended it) if it ends within so many seconds, else None."""
        try:
            code = self._process.wait(seconds)
        except TimeoutExpired:
            return None
        # What it wrote before it ended is in the pipe. The end of the pipe may never come: a process that a
        # variant forked may have it open.
        self._listener.join(5)
        assert self._process.stdin is not None
        self._process.stdin.close()
        return code

    def tell(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it and whatever it has started, at once."""
        with contextlib.suppress(ProcessLookupError):  # they have ended
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with contextlib.suppress(ValueError):  # a line that was being written when it died
                    self.said |= json.loads(line)
