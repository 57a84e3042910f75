"""Run hundreds of short cells in one process, and say what it holds on to.

    python tests/faults/leaks.py --cells 500 --json leaks.json

First one in 25 of them with all instruments and drawings, which take ten times as long; then all without.
After every tenth of the cells: resident memory, open files, threads and, with a GPU, its memory. The exit
code is 1 if any of them has grown since the first fifth by more than a leak could hide in.
"""

import argparse
import contextlib
import gc
import io
import json
import shlex
import sys
import tempfile
from pathlib import Path

import torch
from trials import without_instruments

import bench.run
from bench import cli
from bench.launch import here

CELL = "--set hidden_g=8 --set hidden_d=8 --kimg 0.128 --eval-every 0.064 --metrics parzen --samples 16"

SCATTER_KIB, KIB_A_CELL = 4096, 16
"""Resident memory in KiB by which a process may differ from itself, and that may come with each further
cell. A cell that is kept leaves more: the training images alone take 72 KiB. The launch keeps a line a cell
for its summary; what is left free between other things comes and goes in pieces of a MiB or two."""


def held() -> dict[str, int]:
    """What the process holds now."""
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    cuda = torch.cuda.memory_allocated() if torch.cuda.is_available() else 0
    return {
        "resident KiB": int(status["VmRSS"].split()[0]),
        "open files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": int(status["Threads"]),
        "GPU bytes": cuda,
    }


def measured(cells: int, command: str, store: Path) -> list[dict[str, int]]:
    """`held` after each tenth of the cells of one launch."""
    found: list[dict[str, int]] = []
    run_cell = here.run_cell
    done = 0

    def counted(*arguments):  # type: ignore[no-untyped-def]
        nonlocal done
        ended = run_cell(*arguments)
        done += 1
        if done % max(1, cells // 10) == 0:
            found.append({"cells": done, **held()})
            print(found[-1], file=sys.stderr, flush=True)
        return ended

    here.run_cell = counted
    text = f"--variants vanilla --seeds 0-{cells - 1} {command} --quiet --output {store}"
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            assert cli.call(bench.run.main, shlex.split(text)) == cli.OK
    finally:
        here.run_cell = run_cell
    return found


def grown(found: list[dict[str, int]]) -> list[str]:
    """What has grown since the first fifth, in which caches fill and modules are imported."""
    first, last = found[1], found[-1]
    more_kib = last["resident KiB"] - first["resident KiB"]
    wrong = [name for name in ("open files", "threads", "GPU bytes") if last[name] > first[name]]
    if more_kib > SCATTER_KIB + KIB_A_CELL * (last["cells"] - first["cells"]):
        wrong.append(f"resident memory, by {more_kib} KiB")
    return wrong


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--cells", type=int, default=500)
    options.add_argument("--device", default="cpu")
    options.add_argument("--json", type=Path, help="write the figures there")
    asked = options.parse_args(arguments)
    command = f"{CELL} --device {asked.device}"
    found = {}
    with tempfile.TemporaryDirectory() as store:
        found["with instruments"] = measured(max(10, asked.cells // 25), command, Path(store) / "whole")
        without_instruments()
        found["without"] = measured(max(10, asked.cells), command, Path(store) / "short")
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
    wrong = [what for part in found.values() for what in grown(part)]
    print("grown: " + ", ".join(wrong) if wrong else "nothing has grown")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
