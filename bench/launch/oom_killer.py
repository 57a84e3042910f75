"""Whether the kernel's out-of-memory killer has been at work (Linux)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
VMSTAT = Path("/proc/vmstat")


@dataclass(frozen=True, kw_only=True)
class OomKills:
    """How many processes it has ended so far; None where that cannot be read."""

    of_cgroup: int | None
    """In this process's control group, as a container or a batch system limits it, and below."""
    of_machine: int | None

    @classmethod
    def now(cls) -> Self:
        """Read the counters."""
        found = (_counter(path) for path in _cgroup_files())
        return cls(
            of_cgroup=next((count for count in found if count is not None), None),
            of_machine=_counter(VMSTAT),
        )

    def since(self) -> str:
        """By whom a process was ended that SIGKILL ended since then, if the counters say it, else ""."""
        now = OomKills.now()
        if _moved(self.of_cgroup, now.of_cgroup):
            return "by the kernel's out-of-memory killer: its control group counted one more"
        if _moved(self.of_machine, now.of_machine):
            return "most likely by the kernel's out-of-memory killer: the machine counted one more"
        return ""


def _moved(before: int | None, now: int | None) -> bool:
    return before is not None and now is not None and now > before


def _cgroup_files() -> list[Path]:
    """Where this process's control groups keep the counter: version 2, then 1; in a container at the top."""
    try:
        lines = OWN_CGROUPS.read_text().splitlines()
    except OSError:
        return []
    files = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            files += [folder / "memory.events" for folder in (CGROUPS / path.lstrip("/"), CGROUPS)]
        elif "memory" in controllers.split(","):
            top = CGROUPS / "memory"
            files += [folder / "memory.oom_control" for folder in (top / path.lstrip("/"), top)]
    return files


def _counter(path: Path) -> int | None:
    """The number in the line `oom_kill N` of a file."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == ["oom_kill"]), None)
