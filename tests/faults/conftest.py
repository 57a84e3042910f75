"""Campaigns run in a process of their own: what they fork must not have this one's threads."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
# One process for all of them: what each imports takes longer than what it does here.
SCRIPT = """
import importlib, os, shlex, sys
import kills  # first: it says how torch begins
folder = os.getcwd()
for command in sys.argv[1:]:
    name, *arguments = shlex.split(command)
    code = importlib.import_module(name).main([*arguments, "--json", f"{folder}/{name}.json"])
    if code:
        sys.exit(f"{name} has found something")
"""


@pytest.fixture(scope="session")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Run scripts of this folder, each with its arguments; what they counted, by their names."""

    def run(*commands: str) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("campaigns")
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(
                [str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
            ),
            "GAN_BENCH_CACHE": str(folder / "cache"),
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *commands],
            env=environment, cwd=folder, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        names = [shlex.split(command)[0] for command in commands]
        return {name: json.loads((folder / f"{name}.json").read_text()) for name in names}

    return run
