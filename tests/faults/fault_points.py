"""Faults at a chosen file-system call: each call that changes a folder is a point, and points are counted.

Only for a process that is there to die: `install` replaces functions of `os`, and `open`.
"""

import builtins
import errno
import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Fault = Literal["none", "kill", "torn", "ENOSPC", "EROFS", "EIO", "ESTALE"]

_RENAMING = ("rename", "replace")
_ON_PATHS = ("unlink", "remove", "mkdir", "rmdir")
_ON_DESCRIPTORS = ("fsync", "ftruncate")
_FREEING = ("unlink", "remove", "rmdir", "ftruncate")  # what a full disk lets pass


@dataclass
class Faults:
    """A fault at the point number `at`, from 1 on, among calls that touch `folder`.

    kill: SIGKILL before the call; torn: after half of what it was to write. ENOSPC, EROFS: the call and all
    later ones fail, a full disk's first writing half done; EIO: the one call fails.
    """

    folder: Path
    fault: Fault = "none"
    at: int = 0
    report: Callable[[str], None] = lambda _: None
    count: int = field(default=0, init=False)

    def install(self) -> None:
        real = {
            name: getattr(os, name) for name in (*_RENAMING, *_ON_PATHS, *_ON_DESCRIPTORS, "open", "write")
        }
        real_open = builtins.open
        faults = self

        def on_path(name: str) -> Callable[..., Any]:
            def call(path: Any, *more: Any, **named: Any) -> Any:
                faults.point(name, path)
                return real[name](path, *more, **named)

            return call

        def on_descriptor(name: str) -> Callable[..., Any]:
            def call(descriptor: int, *more: Any) -> Any:
                faults.point(name, _path_of(descriptor))
                return real[name](descriptor, *more)

            return call

        def os_open(path: Any, flags: int, *more: Any, **named: Any) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                faults.point("open", path)
            return real["open"](path, flags, *more, **named)

        def os_write(descriptor: int, data: Any) -> int:
            half = faults.point("write", _path_of(descriptor), data)
            return real["write"](descriptor, data if half is None else half)

        class File(io.FileIO):
            def write(self, data: Any) -> int:
                half = faults.point("write", self.name, data)
                return super().write(data if half is None else half)

        def opened(file: Any, mode: str = "r", buffering: int = -1, *text: Any, **named: Any) -> Any:
            if isinstance(file, int) or not set(mode) & set("wax+") or not faults.is_watched(file):
                return real_open(file, mode, buffering, *text, **named)
            faults.point("open", file)
            raw = File(os.fspath(file), mode.replace("b", "").replace("t", ""))
            if buffering == 0:
                return raw
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            if "b" in mode:
                return buffered
            return io.TextIOWrapper(buffered, *text, line_buffering=buffering == 1, **named)

        for name in (*_RENAMING, *_ON_PATHS):
            setattr(os, name, on_path(name))
        for name in _ON_DESCRIPTORS:
            setattr(os, name, on_descriptor(name))
        os.open, os.write = os_open, os_write  # type: ignore[assignment]
        builtins.open = io.open = opened  # type: ignore[assignment]

    def is_watched(self, path: Any) -> bool:
        return str(path if isinstance(path, str | Path) else "").startswith(str(self.folder))

    def point(self, call: str, path: Any, data: Any = None) -> Any:
        """Count a call; at the chosen one, the fault. What is to be written instead of `data`, or None."""
        if not self.is_watched(path):
            return None
        self.count += 1
        self.report(f"{call} {Path(str(path)).name}")
        if self.count < self.at or self.fault == "none":
            return None
        if self.fault == "kill" or (self.fault == "torn" and data is None):
            os.kill(os.getpid(), signal.SIGKILL)
        half = (
            None
            if data is None
            else bytes(memoryview(data).cast("B"))[: len(memoryview(data).cast("B")) // 2]
        )
        if self.fault == "torn":
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
            _real_write(descriptor, half)
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "EIO" and self.count > self.at:
            return None
        if self.fault == "ENOSPC":
            if call in _FREEING or call in _RENAMING:
                return None
            if self.count == self.at and half:
                return half  # as the kernel: first a short write, then the error
        code = getattr(errno, self.fault)
        raise OSError(code, os.strerror(code), str(path))


_real_write = os.write


def _path_of(descriptor: int) -> str:
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return ""
