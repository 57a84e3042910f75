"""Modes captured, high-quality share and KL of the suite `modes`, beside what papers published.

    python -m bench.run --suite modes --output STORE
    python tests/studies/mode_coverage.py STORE --output results/published/modes

Writes `ours.csv` (one row per variant, data set and budget: means over seeds with their standard errors,
which are PacGAN's ±), `rows.csv` (the rows that they are means of) and `table.md`: ours, as many samples
of the training data themselves and of noise, and `papers.csv`.
"""

import argparse
import math
import sys
from pathlib import Path

import pandas as pd
import torch

import metrics
import results
from bench import cli, datasets
from bench.datasets.dataset import Dataset
from bench.errors import InputError
from bench.folders import data_folder

PAPERS = Path(__file__).parents[2] / "results/published/modes/papers.csv"
SCORES = {"modes": "modes", "high_quality_share": "share", "mode_kl": "kl"}
N_SAMPLES = {"ring8": 2500, "grid25": 2500, "stacked-mnist": 26_000}
"""As in the papers."""

TITLES = {
    "ring8": "`ring8`: modes of 8",
    "grid25": "`grid25`: modes of 25",
    "stacked-mnist": "`stacked-mnist`: modes of 1,000",
}
KEPT = [
    *("variant", "changed", "dataset", "dataset_fingerprint", "seed", "batch_size", "kimg", "training_sec"),
    *("metric", "value", "unit", "uncertainty", "uncertainty_kind", "n_fake", "outcome", "protocol_hash"),
    *("device_name", "cpu_threads", "torch_version", "git_commit", "started_utc"),
]
"""Columns of `rows.csv`: more would hide them."""

OF_DATA = "the training data themselves"
OF_NOISE = "uniform noise"


def main(arguments: list[str]) -> int:
    """Write all three files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", type=Path, nargs="+", metavar="STORE")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    args = parser.parse_args(arguments)
    args.output.mkdir(parents=True, exist_ok=True)
    frame = pd.concat([results.load(store) for store in args.stores], ignore_index=True)
    frame = frame[frame["outcome"].notna()]  # trainings that still go on have none
    if not frame["metric"].isin(SCORES).any():
        raise InputError("No store has mode scores.")
    ours = of_store(frame)
    names = list(ours["dataset"].unique())
    beside = [of_data(name) for name in names]
    # A point that is near no mode counts for none: noise is of images only.
    beside += [of_noise(name) for name in names if name == "stacked-mnist"]
    ours = pd.concat([ours, pd.DataFrame(beside)], ignore_index=True)
    ours.to_csv(args.output / "ours.csv", index=False)
    final = frame[frame["final"].fillna(False) & frame["metric"].isin(SCORES)]
    final[KEPT].to_csv(args.output / "rows.csv", index=False)
    table = markdown(ours, pd.read_csv(PAPERS, dtype=str))
    (args.output / "table.md").write_text(table)
    print(table)
    return cli.OK


def of_store(frame: pd.DataFrame) -> pd.DataFrame:
    """Means over the seeds that ended ok, in the columns of `papers.csv`, and how many did not."""
    summary = results.summary(frame)
    summary = summary[summary["dataset"].isin(N_SAMPLES) & summary["protocol"].isna()]
    rows = []
    for _, one in summary.iterrows():
        row = {"dataset": one["dataset"], "what": one["variant"], "kimg": one["kimg_budget"]}
        row |= {"batch": one["batch_size"], "changed": one["changed"], "device": one["device_name"]}
        row |= {"trials": one["seeds_ok"], "not_ok": one["seeds"] - one["seeds_ok"]}
        for score, name in SCORES.items():
            factor = 100 if name == "share" else 1
            row[name] = factor * one.get(f"{score}_mean", math.nan)
            row[f"{name}_error"] = (
                factor * one.get(f"{score}_sd", math.nan) / math.sqrt(row["trials"] or math.nan)
            )
        rows.append(row)
    return pd.DataFrame(rows)


def of_data(name: str) -> dict[str, object]:
    """What as many training samples score: no generator can be asked for more."""
    data = datasets.get(name).load(data_folder())
    return of_samples(name, OF_DATA, data, data.train.tensor[: N_SAMPLES[name]])


def of_noise(name: str) -> dict[str, object]:
    """What images score that show nothing at all: the classifier names a digit all the same."""
    data = datasets.get(name).load(data_folder())
    shape = (N_SAMPLES[name], *data.train.tensor.shape[1:])
    noise = torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return of_samples(name, OF_NOISE, data, noise)


def of_samples(name: str, what: str, data: Dataset, samples: torch.Tensor) -> dict[str, object]:
    """A line of the table without a training."""
    counts = data.modes.counts(samples)
    row = {"dataset": name, "what": what, "modes": metrics.modes_captured(counts)}
    row["kl"] = metrics.mode_kl(counts)[0]
    if isinstance(data.modes, metrics.Modes):
        row["share"] = 100 * metrics.high_quality_share(counts, len(samples))[0]
    return row


def markdown(ours: pd.DataFrame, papers: pd.DataFrame) -> str:
    """One table per data set: ours, the data, the papers'."""
    parts = []
    for name, title in TITLES.items():
        mine, theirs = ours[ours["dataset"] == name], papers[papers["dataset"] == name]
        if mine.empty:
            continue
        has_share = theirs["share"].notna().any()
        head = ["", "trials", title, *(["high quality, %"] if has_share else []), "KL, nats"]
        lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        for rows, is_ours in ((mine, True), (theirs, False)):
            for _, row in rows.iterrows():
                cells = [named(row, is_ours), trials(row), plus_minus(row, "modes", 1)]
                cells += [plus_minus(row, "share", 1)] if has_share else []
                lines.append(f"| {' | '.join([*cells, plus_minus(row, 'kl', 3)])} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def named(row: pd.Series, is_ours: bool) -> str:
    """What a line of the table is of."""
    if not is_ours:
        return f"{row['what']} ({row['source']})"
    if row["what"] in (OF_DATA, OF_NOISE):
        return str(row["what"])
    return f"**`{row['what']}`, {row['kimg']:,g} kimg**"


def trials(row: pd.Series) -> str:
    """How many runs a line is the mean of, and how many more did not end."""
    if pd.isna(row["trials"]):
        return "–"
    failed = row.get("not_ok", 0)
    return f"{row['trials']:g} of {row['trials'] + failed:g}" if failed else f"{float(row['trials']):g}"


def plus_minus(row: pd.Series, name: str, digits: int) -> str:
    """A mean and its standard error: a paper's with the digits that it gives."""
    numbers = [row[name], row.get(f"{name}_error", math.nan)]
    texts = [n if isinstance(n, str) else f"{n:.{digits}f}" for n in numbers if not pd.isna(n)]
    return " ± ".join(texts) or "–"


if __name__ == "__main__":
    sys.exit(cli.call(main))
