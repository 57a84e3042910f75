"""Campaigns run as processes of their own: what they fork must not have this one's threads."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def campaign(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Run a script of this folder with these arguments; what it counted."""

    def run(script: str, *arguments: str) -> Any:
        counts = tmp_path / "counts.json"
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]),
            "GAN_BENCH_CACHE": str(tmp_path / "cache"),
        }
        command = [sys.executable, str(HERE / script), *arguments, "--json", str(counts)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return json.loads(counts.read_text())

    return run
