"""Run a grid in which every cell but one goes wrong, and write what its rows and exit codes say.

    python tests/bench/bad_grid.py --output results/published/reliability

Takes three minutes on two cores. The store is thrown away; `failed-cells.csv` and `failed-cells.txt` stay.
"""

import argparse
import csv
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import bad_variants
from commands import TINY

import results

HERE = Path(__file__).resolve().parent
TIMEOUT_SEC = 20
CELLS = {
    "oom": "ask_for_too_much",
    "diverged": "vanilla",
    "timeout": "take_ages",
    "exception": "fail",
    "killed": "crash",
    "nothing": "wgan",
}
"""What goes wrong, and the variant of which."""

COLUMNS = ("launcher", "what goes wrong", "variant", "outcome", "reason", "exit code of the launch")


def main() -> None:
    """Both launchers; a crash cannot be survived in the launch's own process, and is left out there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True)
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    rows, said = [], []
    with tempfile.TemporaryDirectory() as scratch:
        bad_variants.install(Path(scratch) / "site")
        for launcher in ("here", "local"):
            cells = {wrong: name for wrong, name in CELLS.items() if (launcher, wrong) != ("here", "killed")}
            command = (
                f"--variants {','.join(cells.values())} {TINY} --set vanilla.lr=1e30 --set ngf=2 --set ndf=2 "
                f"--set boost=2 --timeout {TIMEOUT_SEC} --launcher {launcher} --output {launcher} --quiet"
            )
            done = launch(command, Path(scratch))
            frame = results.load(Path(scratch) / launcher).drop_duplicates("variant").set_index("variant")
            for wrong, name in cells.items():
                outcome, reason = frame.loc[name, ["outcome", "reason"]].fillna("")
                rows.append((launcher, wrong, name, outcome, reason, done.returncode))
            said += [f"$ python -m bench.run {command}", done.stdout, f"exit code {done.returncode}", ""]
    with (output / "failed-cells.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    text = "\n".join(said)
    (output / "failed-cells.txt").write_text(text)
    print(text)


def launch(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A launch in a folder, with the bad variants installed."""
    paths = [folder / "site", HERE, HERE.parents[1]]
    return subprocess.run(
        [sys.executable, "-m", "bench.run", *shlex.split(command)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        stdout=subprocess.PIPE,
        text=True,
    )


if __name__ == "__main__":
    main()
