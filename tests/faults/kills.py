"""Break runs at every file-system call and at random moments, go on by the same command, and compare.

    python tests/faults/kills.py --json kills.json             # all of it: an hour
    python tests/faults/kills.py --share 0.05 --seed 1         # one trial in twenty

The exit code is 1 if any resumed run differs from the unbroken one, times and costs left out.
"""

import argparse
import collections
import contextlib
import io
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Before torch and Arrow start threads, which a fork would lack.
os.environ |= {"OMP_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false", "MPLBACKEND": "Agg"}

from fault_points import Fault, Faults
from trials import Ended, Trial, differences, fresh_store, without_instruments

import bench.run
from bench import cli

TINY = "--kimg 0.64 --eval-every 0.256 --metrics parzen --samples 16 --checkpoint-every 0.00001 --device cpu"
PLAIN = f"--variants vanilla --set hidden_g=8 --set hidden_d=8 {TINY}"
# An average of weights, classes, D steps before each of G, a penalty, dropout: all that has a state.
RICH = (
    "--variants cgan,wgan_gp,gan2014 --set ngf=2 --set ndf=2 --set cgan.ema_kimg=0.2 "
    f"--set hidden_g=8-8 {TINY}"
)
GRID = f"--variants vanilla,cgan,gan2014 --seeds 0-1 --set ngf=2 --set ndf=2 --set hidden_g=8-8 {TINY}"
ERRORS: tuple[Fault, ...] = ("ENOSPC", "EROFS", "EIO", "ESTALE")


@dataclass
class Tally:
    """What became of the trials of one kind."""

    name: str
    tried: int = 0
    broken: int = 0
    """Of these, how many were hit by the fault before they had ended."""
    equal: int = 0
    wrong: list[str] = field(default_factory=list)
    ends: collections.Counter[str] = field(default_factory=collections.Counter)

    def add(self, what: str, wrong: list[str], ended: Ended) -> None:
        self.tried += 1
        self.ends[str(ended.code)] += 1
        self.equal += not wrong
        if wrong:
            self.wrong.append(f"{what}: {'; '.join(wrong)}"[:800])
            print(f"    {self.wrong[-1]}", flush=True)

    def summary(self) -> dict[str, object]:
        return {
            "trials": self.name, "tried": self.tried, "broken": self.broken, "equal": self.equal,
            "exit codes": dict(sorted(self.ends.items())), "wrong": self.wrong,
        }  # fmt: skip


class Campaign:
    """All kinds of trials, of which a share is done."""

    def __init__(self, folder: Path, share: float, seed: int) -> None:
        self.folder, self.share, self.rng = folder, share, random.Random(seed)
        self.seed = seed

    def chosen(self, of: list[int]) -> list[int]:
        """A share of them, at least one, in order."""
        return sorted(self.rng.sample(of, max(1, round(self.share * len(of)))))

    def trial(self, name: str, command: str) -> tuple[Trial, Path, list[str]]:
        """A command, the store of its unbroken run, and its points; the unbroken run is repeatable."""
        trial = Trial(command, self.folder)
        unbroken = self.folder / name / "runs"
        ended = trial.run(unbroken)
        assert ended == Ended(cli.OK, ""), ended
        with fresh_store(self.folder) as again:
            points = trial.points(again)
            assert (wrong := differences(again, unbroken)) == [], wrong
        return trial, unbroken, points

    def at_every_point(self, faults: tuple[Fault, ...] = ("kill", "torn")) -> Iterator[Tally]:
        """A kill before each call, and in the middle of each writing."""
        trial, unbroken, points = self.trial(faults[0], PLAIN)
        for fault in faults:
            at_points = [
                at for at, point in enumerate(points, 1) if fault != "torn" or point.startswith("write")
            ]
            chosen = self.chosen(at_points)
            tally = Tally(f"{fault} at {len(chosen)} of {len(at_points)} points")
            for at in chosen:
                with fresh_store(self.folder) as store:
                    ended = trial.run(store, Faults(store, fault, at))
                    wrong = self.said(fault, ended)
                    tally.broken += ended.code != cli.OK
                    tally.add(f"{at} {points[at - 1]}", wrong + trial.verdict(store, unbroken), ended)
            yield tally

    def errors(self) -> Iterator[Tally]:
        """Each error at each call."""
        return self.at_every_point(ERRORS)

    def said(self, fault: Fault, ended: Ended) -> list[str]:
        """What is wrong with the end of a broken run itself."""
        if fault in ("kill", "torn"):
            return [] if ended.code == -signal.SIGKILL else [f"it was not killed: {ended}"]
        if "Traceback" in ended.err or ended.code not in (cli.OK, cli.FAILURES, cli.BAD):
            return [f"its end: {ended.code}, {ended.err[-600:]}"]
        return []

    def at_random_moments(self, n: int = 220) -> Iterator[Tally]:
        """SIGKILL after a random time, of cells with every kind of state."""
        trial, unbroken, _ = self.trial("rich", RICH)
        tally = Tally("SIGKILL at a random moment")
        started = time.monotonic()
        with fresh_store(self.folder) as store:
            trial.run(store)
        lasts_sec = time.monotonic() - started
        for i in range(max(1, round(self.share * n))):
            with fresh_store(self.folder) as store:
                after_sec = self.rng.uniform(0, lasts_sec)
                ended = trial.run(store, kill_after_sec=after_sec)
                tally.broken += ended.code == -signal.SIGKILL
                tally.add(f"{i} after {after_sec:.3f} s", trial.verdict(store, unbroken), ended)
        yield tally

    def twice(self, n: int = 100) -> Iterator[Tally]:
        """A kill at a random point, the resume killed at a random point of its own, again, and again."""
        trial, unbroken, points = self.trial("twice", PLAIN)
        tally = Tally("two to four kills, one after the other")
        for i in range(max(1, round(self.share * n))):
            with fresh_store(self.folder) as store:
                hits = [self.rng.randint(1, len(points)) for _ in range(self.rng.randint(2, 4))]
                for at in hits:
                    ended = trial.run(store, Faults(store, self.rng.choice(("kill", "torn")), at))
                    tally.broken += ended.code == -signal.SIGKILL
                tally.add(f"{i} at {hits}", trial.verdict(store, unbroken), ended)
        yield tally

    def damaged_checkpoints(self, n: int = 60) -> Iterator[Tally]:
        """Killed late, then the newest checkpoint is changed: the one before is taken, and that is said."""
        trial, unbroken, points = self.trial("damaged", PLAIN)
        tally = Tally("newest checkpoint damaged after a kill")
        late = [at for at, point in enumerate(points, 1) if point.startswith("write journal")][3:]
        for i in range(max(1, round(self.share * n))):
            with fresh_store(self.folder) as store:
                trial.run(store, Faults(store, "kill", self.rng.choice(late)))
                newest = max(
                    store.glob("*/checkpoint*.safetensors"), key=lambda path: path.stat().st_mtime_ns
                )
                content = bytearray(newest.read_bytes())
                if self.rng.random() < 0.3:
                    del content[self.rng.randrange(len(content)) :]
                else:
                    content[self.rng.randrange(len(content))] ^= 1 << self.rng.randrange(8)
                newest.write_bytes(content)
                ended = trial.run(store)
                wrong = [] if "set aside" in ended.err else ["the damage was not noticed"]
                for path in store.glob("*/*.damaged"):
                    path.unlink()
                tally.broken += 1
                tally.add(f"{i} {newest.name}", wrong + differences(store, unbroken), ended)
        yield tally

    def soak(self, n: int = 3) -> Iterator[Tally]:
        """A grid of six cells under kills and errors, whatever comes, until it is done."""
        trial, unbroken, points = self.trial("grid", GRID)
        tally = Tally("grids of six cells under random kills and errors until done")
        launches = 0
        for i in range(max(1, round(self.share * n))):
            with fresh_store(self.folder) as store:
                for _ in range(60):
                    fault = self.rng.choice(("kill", "torn", "EIO", "ENOSPC"))
                    ended = trial.run(store, Faults(store, fault, self.rng.randint(1, len(points) // 2)))
                    launches += 1
                    tally.broken += ended.code != cli.OK
                    if ended.code == cli.OK:
                        break
                tally.add(f"{i}", trial.verdict(store, unbroken), ended)
        tally.name += f" ({launches} launches)"
        yield tally

    def full_disks(self, n: int = 30) -> Iterator[Tally]:
        """A real file system that fills up, is enlarged, and is gone on with."""
        trial, unbroken, _ = self.trial("full", PLAIN)
        tally = Tally("tmpfs that fills up")
        place = self.folder / "small"
        place.mkdir()
        for i in range(max(1, round(self.share * n))):
            size = 4096 * self.rng.randint(2, 40)
            mounted = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True
            )
            if mounted.returncode != 0:
                tally.name += ": not tried, nothing can be mounted here"
                break
            try:
                ended = trial.run(place / "runs")
                wrong = self.said("ENOSPC", ended)
                tally.broken += ended.code != cli.OK
                subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
                tally.add(f"{i} of {size} bytes", wrong + trial.verdict(place / "runs", unbroken), ended)
            finally:
                subprocess.run(["umount", place], check=True)
        yield tally


KINDS: dict[str, Callable[[Campaign], Iterator[Tally]]] = {
    "points": Campaign.at_every_point,
    "moments": Campaign.at_random_moments,
    "twice": Campaign.twice,
    "damaged": Campaign.damaged_checkpoints,
    "full": Campaign.full_disks,
    "soak": Campaign.soak,
    "errors": Campaign.errors,
}


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--share", type=float, default=1.0, help="of all trials (default 1)")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--kinds", nargs="*", choices=tuple(KINDS), default=tuple(KINDS))
    options.add_argument("--json", type=Path, help="write the counts there")
    asked = options.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        without_instruments()
        for command in (
            (PLAIN, GRID) if "soak" in asked.kinds else (PLAIN,)
        ):  # what is imported late is imported once, before forks
            with contextlib.redirect_stdout(io.StringIO()):
                code = cli.call(bench.run.main, shlex.split(f"{command} --quiet --output {folder}/warm"))
            assert code == cli.OK
        for kind in asked.kinds:
            for tally in KINDS[kind](Campaign(folder, asked.share, asked.seed)):
                found.append(tally.summary())
                print({key: value for key, value in found[-1].items() if key != "wrong"}, flush=True)
                if asked.json is not None:  # after each kind: an interrupted campaign has its counts
                    asked.json.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if any(one["wrong"] for one in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
