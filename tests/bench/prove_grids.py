"""A grid on a Ray cluster with a worker killed half-way, and on submitit's local executor; what cells cost.

    python tests/bench/prove_grids.py --output results/published/scaling

Takes half an hour on two cores, and needs the extras `ray` and `slurm`. The Ray cluster has two nodes of one
processor each, on this machine. Of each grid every row is compared with what `--launcher here` leaves:
`grids.csv`. `overhead.csv` has what a further cell costs with each launcher.
"""

import argparse
import csv
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from ray_nodes import training_ids, two_nodes, workers

import results

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

CELLS = 30
GRID = (
    "--variants vanilla --set hidden_g=8 --set hidden_d=8 --kimg {kimg} --metrics parzen --samples 16 "
    "--device cpu --seeds 0-{last} --checkpoint-every 0.5 --quiet"
)
LONG_KIMG, SHORT_KIMG = 16, 0.256
"""Some seconds of training, in which a checkpoint is written; and next to none."""

FEW, MANY = 3, 9
"""What a further cell costs is the difference between two launches, of so many cells each."""

WAIT_SEC = 1200


def main() -> None:
    """Both grids, then the overheads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", choices=("grids", "overhead"))
    options = parser.parse_args()
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = "1"  # so that every launcher computes the same bits
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        if options.only != "overhead":
            write(output / "grids.csv", grids())
        if options.only != "grids":
            write(output / "overhead.csv", overheads())


def grids() -> list[dict[str, object]]:
    """The same cells with three launchers, and whether they left the same."""
    command = GRID.format(kimg=LONG_KIMG, last=CELLS - 1)
    finish(start(f"{command} --output here"))
    with two_nodes() as cluster:
        running = start(f"{command} --output ray --launcher ray --ray-address {cluster.address}")
        killed = kill_a_worker(running, Path("ray"), cluster)
        finish(running)
    finish(start(f"{command} --output slurm --launcher slurm --slurm cluster=local --jobs 2"))
    return [told("here", 0), told("ray", killed), told("slurm", 0)]


def kill_a_worker(running: subprocess.Popen[bytes], store: Path, cluster: "Cluster") -> int:
    """SIGKILL to a Ray worker whose cell has a checkpoint, when half the cells are done; how many it met."""
    while running.poll() is None:
        time.sleep(0.05)
        if len(list(store.glob("*/rows-*.jsonl"))) < CELLS // 2:
            continue
        for worker in workers(cluster):
            for training_id in training_ids(worker):
                if list(store.glob(f"*-{training_id[:8]}/checkpoint-*")):
                    os.kill(worker, signal.SIGKILL)
                    return 1
    raise SystemExit("No Ray worker was found in the middle of a cell.")


def told(store: str, killed: int) -> dict[str, object]:
    """What a store's rows say."""
    every = results.load(store, every_attempt=True)
    rows = results.load(store)
    attempts = every.drop_duplicates(["training_id", "attempt"])
    key = ["training_id", "phase", "metric", "split", "kimg"]
    return {
        "launcher": store,
        "cells": rows["training_id"].nunique(),
        "ok": int(rows.drop_duplicates("training_id")["outcome"].eq("ok").sum()),
        "rows": len(rows),
        "rows twice": int(rows.duplicated(key).sum()),
        "attempts": len(attempts),
        "workers killed": killed,
        "cells that went on from a checkpoint": int(attempts["resumed_kimg"].gt(0).sum()),
        "scores that differ from here's": int((scores(store) != scores("here")).sum()),
    }


def scores(store: str) -> pd.Series:
    """Every score in a store, by its training and split."""
    rows = results.load(store)
    return rows[rows["metric"] == "parzen"].set_index(["training_id", "split"])["value"].sort_index()


def overheads() -> list[dict[str, object]]:
    """Seconds a further cell, and before the first, of each launcher."""
    launchers = {
        "here": "",
        "local": "--launcher local",
        "local, 2 jobs": "--launcher local --jobs 2",
        "slurm (submitit's local executor), 2 jobs": "--launcher slurm --slurm cluster=local --jobs 2",
    }
    found = [overhead(name, options) for name, options in launchers.items()]
    with two_nodes() as cluster:
        options = f"--launcher ray --ray-address {cluster.address}"
        found.append(overhead("ray, two nodes of 1 processor", options))
    return found


def overhead(name: str, options: str) -> dict[str, object]:
    """From two launches of next to no training."""
    took = {}
    for n in (FEW, MANY):
        store = Path(f"{name} {n}".replace(" ", "-"))
        began = time.monotonic()
        command = GRID.format(kimg=SHORT_KIMG, last=n - 1)
        finish(start(f"{command} --output {shlex.quote(str(store))} {options}"))
        took[n] = time.monotonic() - began
    each = (took[MANY] - took[FEW]) / (MANY - FEW)
    return {
        "launcher": name,
        f"{FEW} cells [s]": round(took[FEW], 1),
        f"{MANY} cells [s]": round(took[MANY], 1),
        "a further cell [s]": round(each, 2),
    }


def start(command: str) -> subprocess.Popen[bytes]:
    """A launch as a user makes it."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench.run", *shlex.split(command)], stdout=subprocess.DEVNULL
    )


def finish(running: subprocess.Popen[bytes]) -> None:
    """Wait for a launch that is to end well."""
    if code := running.wait(WAIT_SEC):
        raise SystemExit(f"{shlex.join(map(str, running.args))} ended with exit code {code}.")


def write(path: Path, rows: list[dict[str, object]]) -> None:
    """As CSV, and on the terminal."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(path.read_text())


if __name__ == "__main__":
    main()
