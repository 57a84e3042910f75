"""A small store with everything that a report can show, for its tests."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image
from rows_to_write import header, score
from trainings_to_write import training

from results import Journal

SCRIPT = "</script><script>document.title = 'run'</script> & <img src=x onerror=alert(1)>"
BOLD = "<b>bold</b>"
PROTOCOL = {
    "metric": "fid@digits-classifier", "reference": "digits/test@1", "extractor": "digits-classifier",
    "extractor_sha256": "a" * 64, "outputs": "the last hidden layer", "resize": "none", "grayscale": "none",
    "value_range": "0..255", "dtype": "float32", "n_real": 500, "n_fake": 500, "rule": "", "seed": None,
    "samples": "G in evaluation mode",
}  # fmt: skip
GRID_COLUMNS, SIDE, ENLARGED = 8, 6, 3
FINAL_FID = {"dcgan": 200.0, "wgan": 130.0, BOLD: 150.0}


def write_store(store: Path) -> Path:
    """Three variants of three seeds (one fails), curves, costs, timed modes, pictures and histories."""
    for variant, final in FINAL_FID.items():
        for seed in range(3):
            identity = f"{variant[1:5]}{seed}"
            about = {"training_id": identity, "variant": variant, "seed": seed, "image_shape": "1x6x6"}
            about |= {"command": "python -m bench.run --variants dcgan,wgan", "settings": _settings(variant)}
            if variant == "dcgan" and seed == 2:
                training(store, *_rows(final, seed)[:4], outcome="diverged", **about)
            else:
                training(store, *_rows(final, seed), **about)
            _pictures(store / identity, seed)
    _reasoned(store)
    for precision, speed in (("fp32", 100.0), ("amp-bf16", 170.0)):
        _timed(store, precision, speed)
    return store


def _settings(variant: str) -> str:
    kind = "joined" if variant == BOLD else "none"
    return json.dumps({"variant": {"conditioning": {"kind": kind}}})


def _rows(final: float, seed: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    sigmas = {f"validation_at_{sigma:g}": 100 - (sigma - 0.3) ** 2 * 500 for sigma in (0.1, 0.2, 0.3, 0.5)}
    for kimg in (0.0, 50.0, 100.0):
        value = final * (1 + (100 - kimg) / 50) * (1 + 0.02 * seed)
        at = {"kimg": kimg, "training_sec": kimg * (2 if final < 140 else 1) / 10, "final": kimg == 100}
        rows.append(score(value, protocol=json.dumps(PROTOCOL), **at))
        rows.append(score(value * 1.01, split="validation", protocol_hash="v", **at))
    rows.append(score(100 - final / 10, metric="parzen", better="higher", protocol_hash="p",
                      details=json.dumps(sigmas), training_sec=10.0))  # fmt: skip
    sizes = {f"fid_at_{n}": final + 1000 / n for n in (100, 200, 500)}
    rows.append(score(final, metric="fid_infinity@digits-classifier", protocol_hash="i",
                      details=json.dumps(sizes), training_sec=10.0))  # fmt: skip
    costs = {
        "images_per_sec": 1000.0,
        "training_sec": 20.0 if final < 140 else 10.0,
        "peak_memory_bytes": 2**30,
    }
    for name, cost in costs.items():
        rows.append({"phase": "training", "metric": name, "value": float(cost), "kimg": 100.0, "final": True})
    return rows


def _reasoned(store: Path) -> None:
    """A failure with a reason that is markup."""
    about = header(training_id="failed", variant="dcgan", seed=3, image_shape="1x6x6")
    with mock.patch("os.fsync"), Journal.open(store / "failed", about) as journal:
        journal.seal("error", reason=SCRIPT)


def _timed(store: Path, precision: str, speed: float) -> None:
    interval = json.dumps({"low": 0.9 * speed, "high": 1.1 * speed})
    rows = [
        {
            "phase": "throughput",
            "metric": "images_per_sec",
            "value": speed,
            "details": interval,
            "final": True,
        }
    ]
    if precision != "fp32":
        ratio = json.dumps({"low": 1.6, "high": 1.8})
        rows.append(
            {
                "phase": "throughput",
                "metric": "ratio_to_eager_fp32",
                "value": 1.7,
                "details": ratio,
                "final": True,
            }
        )
    training(store, *rows, variant="dcgan", purpose="throughput", precision=precision, image_shape="1x6x6",
             kimg_budget=None, training_id=f"timed-{precision}")  # fmt: skip


def _pictures(folder: Path, seed: int) -> None:
    (folder / "progress").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    side = GRID_COLUMNS * (SIDE + 1) + 1
    for name in ("progress/kimg-00000.000.png", "progress/kimg-00050.000.png", "samples.png", "walk.png"):
        grid(rng, side).save(folder / name)
    grid(rng, side).save(folder / "progress/kimg-00007.000.png")  # of an earlier attempt: no row is beside it
    lines = [_HISTORY, *(f"{kimg},1.0,0.8,0.6,0.4,0.1" for kimg in range(0, 101, 10))]
    (folder / "history.csv").write_text("\n".join(lines) + "\n")


_HISTORY = "kimg,loss_d,loss_g,d_real,d_fake,jsd"


def grid(rng: np.random.Generator, side: int) -> Image.Image:
    """A grid as bench.run draws it: every pixel enlarged."""
    pixels = rng.integers(0, 256, (side, side), dtype=np.uint8)
    return Image.fromarray(pixels.repeat(ENLARGED, 0).repeat(ENLARGED, 1))


def figures_of(html: str) -> Iterator[str]:
    """The drawings of a page."""
    start = 0
    while (start := html.find("<svg", start)) >= 0:
        end = html.index("</svg>", start)
        yield html[start:end]
        start = end
