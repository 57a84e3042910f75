"""Inputs handed to a reader in forked children that may not do harm: each input's outcome comes back.

A child has a bound on its address space and on the processor time of one input, and an audit hook that
sees what a reader of files never needs: starting programs, unpickling by name, opening sockets,
writing outside the folder given to it.
"""

import json
import os
import resource
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CPU_SEC = 20
"""Processor time of one input. The largest picture that is read (89 million pixels) takes some seconds to
unpack, turn and shrink; what takes more has no bound."""

_FORBIDDEN = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn",
    "socket.connect", "socket.bind", "pickle.find_class", "ctypes.dlopen",
)  # fmt: skip
_CHANGING = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True)
class Outcome:
    """What became of one input: `kind` is "read", "refused" (the documented error) or a fault."""

    index: int
    kind: str
    detail: str = ""

    @property
    def is_fault(self) -> bool:
        return self.kind not in ("read", "refused")


def outcomes(
    read: Callable[[Path, bytes], object],
    documented: tuple[type[BaseException], ...],
    inputs: Sequence[bytes],
    folder: Path,
    *,
    memory_bytes: int,
) -> Iterator[Outcome]:
    """Outcomes of all inputs, in order; `read` gets an empty folder and the content.

    Forks: the caller must have one thread only.
    """
    threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    assert len(threads) == 1, f"a fork of several threads may hang: {threads}"
    done = 0
    while done < len(inputs):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                _examine(read, documented, inputs, done, folder, writer, memory_bytes)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            for line in pipe:
                outcome = Outcome(*json.loads(line))
                yield outcome
                done = outcome.index + 1
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            ended_by = signal.Signals(os.WTERMSIG(status))
            kind = "no end" if ended_by is signal.SIGPROF else "crash"
            yield Outcome(done, kind, ended_by.name)
            done += 1
        elif done < len(inputs) and os.WEXITSTATUS(status) == 0:
            continue  # a new child for each batch, so that what a library caches is no input's memory


_BATCH = 500


def _examine(
    read: Callable[[Path, bytes], object],
    documented: tuple[type[BaseException], ...],
    inputs: Sequence[bytes],
    first: int,
    folder: Path,
    pipe: int,
    memory_bytes: int,
) -> None:
    warnings.simplefilter("ignore")  # what is said in passing is judged elsewhere
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff's complaints
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + memory_bytes, size + memory_bytes))
    seen = _watch(folder)
    for index in range(first, min(first + _BATCH, len(inputs))):
        place = folder / f"{index}"
        place.mkdir()
        signal.setitimer(signal.ITIMER_PROF, CPU_SEC)  # SIGPROF's default ends the process, C code or not
        seen.clear()
        try:
            read(place, inputs[index])
            kind, detail = "read", ""
        except documented as error:
            kind, detail = "refused", type(error).__name__
        except BaseException as error:
            kind, detail = type(error).__name__, _where(error)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if seen:
            kind, detail = "forbidden", "; ".join(seen)
        os.write(pipe, json.dumps([index, kind, detail[:300]]).encode() + b"\n")


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and "/faults/" not in f.filename]
    frame = (own or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} {' '.join(str(error).split())}"


def _watch(folder: Path) -> list[str]:
    """A list to which everything is added that no reader may do; its thread does not matter."""
    seen: list[str] = []
    inside = str(folder.resolve())
    busy = threading.local()

    def is_inside(path: Any) -> bool:
        return os.path.realpath(os.fsdecode(path)).startswith(inside)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if getattr(busy, "now", False):
            return
        busy.now = True
        try:
            if event in _FORBIDDEN:
                seen.append(event)
            elif event == "open" and isinstance(arguments[0], str | bytes):
                path, _, flags = arguments
                if (flags or 0) & _WRITING and not is_inside(path) and os.fsdecode(path) != os.devnull:
                    seen.append(f"open {os.fsdecode(path)} for writing")
            elif event in _CHANGING and isinstance(arguments[0], str | bytes) and not is_inside(arguments[0]):
                seen.append(f"{event} {os.fsdecode(arguments[0])}")
        finally:
            busy.now = False

    sys.addaudithook(hook)
    return seen
