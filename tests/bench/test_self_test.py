"""`bench.evaluate --self-test`: a table, a picture and a file of its cells."""

from pathlib import Path

import pandas as pd

import bench.evaluate
from bench import cli


def test_a_table_a_picture_and_a_file(run):
    done = run(
        "--self-test --real digits --metrics fid,memorisation,min_class_share --device cpu",
        bench.evaluate.main,
    )
    assert done.code == cli.OK, done.err
    cells = pd.read_csv("runs/self-test-digits.csv")
    assert Path("runs/self-test-digits.png").stat().st_size > 10_000
    assert set(cells["metric"]) == {
        f"{name}@digits-classifier" for name in ("fid", "memorisation", "min_class_share")
    }
    dropped = cells[(cells["damage"] == "classes dropped") & (cells["metric"] == "fid@digits-classifier")]
    assert (dropped["deviations"] > 0).all()
    assert dropped["value"].is_monotonic_increasing
    lines = [line for line in done.out.splitlines() if "5 of 10" in line]
    assert len(lines) == 1
    assert "!" in lines[0]
