"""A process for one cell, as the launch sees it: started, listened to, ended."""

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Any


class Child:
    """The process of one cell, in a session of its own.

    So a terminal's Ctrl-C reaches the launch alone, which tells it the child, once. It says how far it is in
    lines of JSON on its stdout, and ends when its stdin does: when the launch has ended, however it did.

    Parameters
    ----------
    arguments
        Of `bench.launch.cell`.
    environment
        Variables that it has besides this process's.
    folder
        Where it begins; None: where this process is.
    on_line
        Called in a thread with each line of its stderr; None: its stderr is this process's.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.said: dict[str, Any] = {}
        """All that it has said so far."""
        self._process = Popen(
            [sys.executable, "-m", "bench.launch.cell", *arguments],
            stdin=PIPE,
            stdout=PIPE,
            stderr=None if on_line is None else PIPE,
            env={**os.environ, **environment},
            cwd=folder,
            start_new_session=True,
        )
        self._listeners = [threading.Thread(target=self._listen, daemon=True)]
        if on_line is not None:
            self._listeners.append(threading.Thread(target=self._pass_on, args=(on_line,), daemon=True))
        for listener in self._listeners:
            listener.start()

    def wait(self, seconds: float) -> int | None:
        """Its exit code (negative: the signal that ended it) if it ends within so many seconds, else None."""
        try:
            code = self._process.wait(seconds)
        except TimeoutExpired:
            return None
        # What it wrote before it ended is in the pipe. The end of the pipe may never come: a process that a
        # variant forked may have it open.
        for listener in self._listeners:
            listener.join(5)
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

    def _pass_on(self, on_line: Callable[[str], None]) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                on_line(line.decode(errors="replace").rstrip("\n"))
