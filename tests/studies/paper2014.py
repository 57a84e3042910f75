"""Table 1 of GAN 2014: our rows beside the published ones, and the score over epochs.

    python -m bench.run --suite paper2014 --output STORE
    python tests/studies/paper2014.py STORE --output results/published/paper2014

Prints the table; writes `rows.csv` (every score on the way) and `parzen.png`, which also shows
`lower-rate.csv`, if `tests/studies/lower_rate.py` has left one in the same folder.
"""

import argparse
import json
import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd

import results
from bench import cli

PUBLISHED = {
    "adversarial nets": "225 ± 2",
    "deep GSN": "214 ± 1.1",
    "DBN": "138 ± 2",
    "stacked CAE": "121 ± 1.6",
}
"""Table 1 of arXiv 1406.2661, MNIST."""

EPOCH_KIMG = 50.0
"""The authors' training images are MNIST's first 50,000."""

KEPT = [
    *("variant", "changed", "seed", "compile", "batch_size", "kimg", "training_sec"),
    *("metric", "split", "value", "uncertainty"),
    *("uncertainty_kind", "final", "details", "protocol_hash", "device_name", "cpu_threads", "torch_version"),
    *("git_commit", "started_utc", "command"),
]


def main(arguments: list[str]) -> int:
    """Write both files, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path, metavar="STORE")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    args = parser.parse_args(arguments)
    args.output.mkdir(parents=True, exist_ok=True)
    frame = results.load(args.store)
    scores = frame[frame["phase"].eq("score").fillna(False)]
    scores[KEPT].to_csv(args.output / "rows.csv", index=False)
    scores = scores[scores["split"].fillna("").eq("test") & scores["metric"].eq("parzen")]
    lower = args.output / "lower-rate.csv"
    draw(scores, pd.read_csv(lower) if lower.exists() else None, args.output / "parzen.png")
    print(table(scores))
    return cli.OK


def table(scores: pd.DataFrame) -> str:
    """One line per training at its end, and the paper's."""
    lines = ["| | epochs | seed | σ | nats |", "|---|---|---|---|---|"]
    for _, row in scores[scores["final"].fillna(False)].sort_values(["changed", "seed"]).iterrows():
        sigma = json.loads(row["details"])["sigma"]
        cells = [f"{row['kimg'] / EPOCH_KIMG:g}", str(row["seed"]), f"{sigma:.4f}"]
        cells += [f"{row['value']:.1f} ± {row['uncertainty']:.1f}"]
        lines.append(f"| **`{named(row)}`** | {' | '.join(cells)} |")
    lines += [f"| *{name}, as published* | | | | *{nats}* |" for name, nats in PUBLISHED.items()]
    return "\n".join(lines) + "\n"


def named(row: pd.Series) -> str:
    """The variant, and what was changed of its recipe."""
    return " ".join(filter(None, (row["variant"], row["changed"])))


def draw(scores: pd.DataFrame, lower: pd.DataFrame | None, path: Path) -> None:
    """Nats over epochs."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for _, mine in scores.sort_values("kimg").groupby(["changed", "seed", "compile"]):
        label = f"{named(mine.iloc[0])}, seed {mine['seed'].iloc[0]}"
        axis.plot(mine["kimg"] / EPOCH_KIMG, mine["value"], "o-", markersize=4, label=label)
    if lower is not None:
        for run, mine in lower.groupby("run"):
            label = f"{run.rsplit('-', 1)[-1]} from there at a tenth of the rate"
            axis.plot(mine["kimg"] / EPOCH_KIMG, mine["parzen"], "s-", markersize=4, label=label)
    for name, nats in PUBLISHED.items():
        height = float(nats.split(" ")[0])
        axis.axhline(height, color="0.6", linewidth=0.8, linestyle="--")
        place = {"transform": axis.get_yaxis_transform(), "ha": "right", "va": "bottom"}
        axis.text(0.99, height, f"{name}, as published", fontsize=8, color="0.35", **place)
    axis.set(xlabel="epochs of 50,000 images", ylabel="Parzen window, nats", ylim=(0, 250))
    axis.legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(cli.call(main))
