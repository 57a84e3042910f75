"""Build a store of many rows, each as large as a real one, and time what reads it.

    python tests/perf/large_store.py --output large            # 100,000 rows: about 110 MB
    python tests/perf/large_store.py --output large --rows 10000 --runs 50

Each run has the rows of a training that was scored on the way. The store is kept: the same folder is timed
again without being built.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import results
from results.row_file import header_line, seal_line, value_line

VARIANTS = ("acgan", "cgan", "dcgan", "gan2014", "lsgan", "wgan", "wgan_gp")
SCORES = ("fid@mnist-classifier", "parzen", "kid@mnist-classifier", "precision@mnist-classifier")
SPLITS = ("test", "validation")
EVALUATION = len(SCORES) * len(SPLITS)


def protocol(metric: str, split: str) -> str:
    """As long as a real one."""
    return json.dumps(
        {
            "metric": metric,
            "reference": f"mnist/{split}@0123456789abcdef",
            "extractor": "mnist-classifier",
            "extractor_sha256": "0123456789abcdef" * 4,
            "outputs": "the 64 features before the last layer",
            "resize": "none: 28 × 28 already",
            "grayscale": "one channel",
            "value_range": "uint8 / 255, 0..1",
            "dtype": "float32 features, float64 statistics",
            "n_real": 10_000,
            "n_fake": 10_000,
            "rule": "",
            "seed": None,
            "samples": "G in evaluation mode, EMA off, noise of the cell's 'evaluation' stream",
        }
    )


def build(store: Path, rows: int, runs: int) -> None:
    """Write sealed row files with the writer's own lines, without waiting for the disk at each."""
    each = rows // runs
    protocols = {(metric, split): protocol(metric, split) for metric in SCORES for split in SPLITS}
    for run in range(runs):
        variant, seed = VARIANTS[run % len(VARIANTS)], run // len(VARIANTS)
        identity = f"{run:016x}"
        header = {
            "training_id": identity,
            "trained": True,
            "variant": variant,
            "variant_version": "1",
            "dataset": "mnist",
            "dataset_fingerprint": "0123456789abcdef",
            "image_shape": "1x28x28",
            "seed": seed,
            "batch_size": 64,
            "kimg_budget": 200.0,
            "device": "cpu",
            "precision": "fp32",
            "compile": "off",
            "settings": json.dumps({"variant": {"kind": variant, "lr": 2e-4}, "padding": "x" * 1500}),
            "changed": "",
            "device_name": "a processor",
            "started_utc": datetime(2026, 1, 2, run // 60 % 24, run % 60, tzinfo=UTC),
        }
        lines = [header_line(header)]
        n_points = -(-each // EVALUATION)
        for i in range(each):
            point, kind = divmod(i, EVALUATION)
            metric, split = SCORES[kind // 2], SPLITS[kind % 2]
            lines.append(
                value_line(
                    {
                        "phase": "score",
                        "metric": metric,
                        "value": 100 / (1 + point) + seed / 10 + kind,
                        "unit": "squared feature units",
                        "better": "lower",
                        "uncertainty": 0.25,
                        "uncertainty_kind": "standard error (delta method) over generated samples",
                        "n_real": 10_000,
                        "n_fake": 10_000,
                        "kimg": 200 * point / n_points,
                        "training_sec": 3.5 * point,
                        "real_images": 3200 * point,
                        "protocol_hash": f"{kind:012x}",
                        "protocol": protocols[metric, split],
                        "split": split,
                        "final": point == n_points - 1,
                        "details": json.dumps({"debiased": 1.5, "low_95": 1.25, "high_95": 1.75}),
                    }
                )
            )
        content = b"".join(lines)
        folder = store / f"mnist-{variant}-seed{seed}-{identity[-8:]}"
        folder.mkdir(parents=True)
        seal = seal_line(content, {"outcome": "ok", "reason": "", "flags": ""})
        (folder / "rows-000.jsonl").write_bytes(content + seal)


def seconds(work: Callable[[], object], times: int) -> str:
    """Processor and wall-clock time of several calls, in words."""
    walls, cpus = [], []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return (
        f"{statistics.median(walls):6.2f} s (least {min(walls):.2f}, most {max(walls):.2f}; "
        f"processor {statistics.median(cpus):.2f} s)"
    )


def main() -> int:
    """Build and time."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the store is built")
    made.add_argument("--rows", type=int, default=100_000)
    made.add_argument("--runs", type=int, default=400)
    made.add_argument("--times", type=int, default=5, help="calls of each; the median is told (default 5)")
    options = made.parse_args()
    if not options.output.exists():
        build(options.output, options.rows, options.runs)
    files = list(options.output.glob("*/rows-*.jsonl"))
    size = sum(path.stat().st_size for path in files)
    frame = results.load(options.output)
    print(f"{len(frame):,} rows in {len(files)} files, {size / 1e6:.0f} MB")
    for name, work in (
        ("load", lambda: results.load(options.output)),
        ("summary", lambda: results.summary(frame)),
        ("compact_table", lambda: results.compact_table(frame)),
        ("time_to_quality", lambda: results.time_to_quality(frame, {"fid": 10})),
        ("report", lambda: results.write_report(frame, options.output / "report.html", store=options.output)),
        ("export .csv", lambda: results.export(frame, options.output / "rows.csv")),
        ("export .parquet", lambda: results.export(frame, options.output / "rows.parquet")),
        ("export .json", lambda: results.export(frame, options.output / "rows.json")),
    ):
        print(f"{name:<16} {seconds(work, options.times)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
