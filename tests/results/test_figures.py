import threading
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

import results
from results import StoreError

NAMES = [
    "loss_d", "loss_g", "d_real", "d_fake", "d_fake_before_g", "d_fake_after_g",
    "value", "jsd", "grad_norm_d", "grad_norm_g",
]  # fmt: skip


def history(rows: int) -> pd.DataFrame:
    values = np.linspace(0.2, 0.8, rows)
    return pd.DataFrame({"kimg": values} | dict.fromkeys(NAMES, values))


def test_draws_what_a_loss_defines(tmp_path: Path) -> None:
    frame = history(500)
    frame.loc[3, "loss_d"] = np.inf  # a diverging run
    path = tmp_path / "monitors.png"
    results.plot_monitors(frame, path, title="a run", output="probability")
    full = matplotlib.image.imread(path)
    assert full.shape[:2] == (840, 1200)
    frame[["jsd", "grad_norm_d", "grad_norm_g", "d_fake_after_g"]] = np.nan
    results.plot_monitors(frame, path, title="a run", output="score")
    assert (matplotlib.image.imread(path) != full).any()
    assert [entry.name for entry in tmp_path.iterdir()] == ["monitors.png"]


def test_draws_outside_the_main_thread(tmp_path: Path) -> None:
    path = tmp_path / "monitors.png"
    draw = threading.Thread(
        target=results.plot_monitors,
        args=(history(1), path),
        kwargs={"title": "one step", "output": "probability"},
    )
    draw.start()
    draw.join()
    assert matplotlib.image.imread(path).std() > 0


def test_bad_histories_are_sentences(tmp_path: Path) -> None:
    path = tmp_path / "monitors.png"
    with pytest.raises(StoreError, match="no column 'jsd'"):
        results.plot_monitors(history(3).drop(columns="jsd"), path, title="", output="score")
    with pytest.raises(StoreError, match="no rows"):
        results.plot_monitors(history(0), path, title="", output="score")
    assert not path.exists()
