"""A grid of variants on one data set and budget: its tables, its verdicts, a picture, and a paper's ranks.

    python -m bench.run --suite results/published/zoo/mnist-32kimg.toml --output STORE
    python tests/studies/variant_grid.py STORE --output results/published/zoo/mnist-32kimg

Writes `README.md` (the tables and pictures), `fid.png`, `samples.png`, `rows.csv` (one line per training:
final, best and trailing scores, and costs) and `curves.csv` (every score on the way).
"""

import argparse
import math
import re
import sys
from pathlib import Path

import pandas as pd
from variant_pictures import draw_fid, draw_samples

import results
from bench import cli
from bench.errors import InputError

SCORES = {
    "is": "IS ↑",
    "kid": "KID ↓",
    "precision": "precision ↑",
    "recall": "recall ↑",
    "density": "density ↑",
    "coverage": "coverage ↑",
    "parzen": "Parzen, nats ↑",
    "class_agreement": "agreement ↑",
}
"""Beside FID, which has a table of its own."""

LOST = 0.001
"""Of the samples, a hundredth of an even share of ten: a class with less is counted as lost."""

FELL_BACK = 1.5
"""Times the FID where the validation score is best: a training whose final FID is beyond it fell back."""

TARGET = 300.0
"""FID that time to quality is measured to."""

PAPER = {"dcgan": (6.8, 0.5), "lsgan": (7.8, 0.6), "wgan": (6.7, 0.4), "wgan_gp": (20.3, 5.0)}
"""FID on MNIST of NS GAN, LSGAN, WGAN and WGAN-GP in "Are GANs Created Equal?" (arXiv 1711.10337, table 2),
each after 20 epochs at the best of 100 draws of settings, ± as published."""

ALIKE = ("dataset", "dataset_fingerprint", "image_shape", "batch_size", "kimg_budget", "precision", "compile")
"""What all trainings of a grid have in common."""


def main(arguments: list[str]) -> int:
    """Write all files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path, metavar="STORE")
    parser.add_argument("--dataset", help="of a store with several: the one to tell of")
    parser.add_argument(
        "--extractor", help="of a store scored on several networks' features: the one to tell of"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    args = parser.parse_args(arguments)
    frame = chosen(results.load(args.store), args.dataset, args.extractor)
    args.output.mkdir(parents=True, exist_ok=True)
    seeds = per_seed(frame)
    seeds.to_csv(args.output / "rows.csv", index=False)
    on_the_way(frame).to_csv(args.output / "curves.csv", index=False)
    text = page(frame, seeds)
    (args.output / "README.md").write_text(text)
    draw_fid(frame, seeds, order_of(seeds), args.output / "fid.png")
    draw_samples(frame, order_of(seeds), args.store, args.output / "samples.png")
    print(text)
    return cli.OK


def chosen(frame: pd.DataFrame, dataset: str | None, extractor: str | None) -> pd.DataFrame:
    """The rows of one data set and one network's features, of trainings that have ended.

    Raises
    ------
    InputError
        If they are of more than one grid, because a mean over these would mean nothing; if there are none.
    """
    frame = frame[frame["outcome"].notna()]
    if dataset is not None:
        frame = frame[frame["dataset"] == dataset]
    metric = frame["metric"].fillna("")
    if extractor is not None:
        frame = frame[~metric.str.contains("@") | metric.str.endswith(f"@{extractor}")]
    found = {name: set(frame[name].dropna()) for name in ALIKE}
    found["extractor"] = {name.split("@")[1] for name in frame["metric"].dropna() if "@" in name}
    found |= {f"changed ({v})": set(of["changed"].dropna()) for v, of in frame.groupby("variant")}
    several = [f"{name}: {', '.join(map(str, sorted(has)))}" for name, has in found.items() if len(has) > 1]
    if several:
        raise InputError(f"The store has several grids, by {'; '.join(several)}.")
    if not frame["metric"].fillna("").str.startswith("fid@").any():
        raise InputError("The store has no training that has ended with a FID of those.")
    return frame


def page(frame: pd.DataFrame, seeds: pd.DataFrame) -> str:
    """All tables, with the pictures."""
    first = seeds.iloc[0]
    verdicts = results.compare(frame, metric="fid", pairs="all")
    reached = results.time_to_quality(frame, {"fid": TARGET})
    commits = " and ".join(
        sorted(re.sub("^(.{7})[0-9a-f]*", r"\1", one) for one in set(seeds["git_commit"].dropna()))
    )
    parts = [
        f"# `{first['dataset']}`, {first['kimg_budget']:g} kimg in batches of {first['batch_size']}",
        f"Made by `tests/studies/variant_grid.py` ([how to read it](../README.md)). Commit {commits}; "
        f"{first['device_name']}, {first['cpu_threads']:g} thread per training, "
        f"torch {first['torch_version']}.",
        main_table(seeds, reached),
        other_scores(seeds),
        "FID, the row's as a multiple of the column's; bold where the difference is significant:",
        verdict_table(verdicts, seeds),
        "What went wrong, in numbers of trainings:",
        counts(frame, seeds),
    ]
    if first["dataset"] == "mnist":
        parts += ["Ranks by FID:", ranks(seeds)]
    parts += ["![FID of every seed, and over time](fid.png)", "![samples of each variant](samples.png)"]
    return "\n\n".join(parts) + "\n"


def per_seed(frame: pd.DataFrame) -> pd.DataFrame:
    """One line per training: FID final, best and trailing, the other scores, costs, outcome, flags."""
    table = results.scores_at(frame, "fid")
    kept = ["dataset", "variant", "changed", "seed", "batch_size", "kimg_budget", "training_id", "outcome"]
    at = {"final": "fid", "best": "fid_best", "trailing": "fid_trailing", "best_kimg": "best_kimg"}
    seeds = table[[*kept, *at, "final_uncertainty"]].rename(columns=at | {"final_uncertainty": "fid_error"})
    seeds = seeds.set_index("training_id")
    tested = frame["final"].fillna(False) & frame["split"].fillna("test").eq("test")
    for name in (*SCORES, "min_class_share"):
        rows = frame[tested & frame["metric"].fillna("").str.split("@").str[0].eq(name)]
        seeds[name] = rows.set_index("training_id")["value"]
        seeds[f"{name}_error"] = rows.set_index("training_id")["uncertainty"]
    for name in ("images_per_sec", "training_sec", "peak_memory_bytes"):
        rows = frame[frame["phase"].eq("training") & frame["metric"].eq(name)]
        seeds[name] = rows.groupby("training_id")["value"].last()
    first = frame.groupby("training_id").first()
    for name in ("flags", "reason", "git_commit", "device_name", "cpu_threads", "torch_version", "command"):
        seeds[name] = first[name]
    return seeds.reset_index().sort_values(["variant", "seed"], ignore_index=True)


def on_the_way(frame: pd.DataFrame) -> pd.DataFrame:
    """Every score over training."""
    kept = ["variant", "seed", "kimg", "training_sec", "metric", "split", "value", "uncertainty"]
    return results.curves(frame)[kept].sort_values(["variant", "seed", "metric", "split", "kimg"])


def main_table(seeds: pd.DataFrame, reached: pd.DataFrame) -> str:
    """FID and what it cost, best first."""
    lines = [
        "| variant | ok of all | FID ↓ | best | last quarter "
        f"| images/s | training, s | s to FID ≤ {TARGET:g} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for variant in order_of(seeds):
        mine = seeds[seeds["variant"] == variant]
        ok = mine[mine["outcome"] == "ok"]
        time = reached[reached["variant"] == variant].iloc[0]
        cells = [f"{len(ok)} of {len(mine)}"]
        cells += [interval(ok[name]) for name in ("fid", "fid_best", "fid_trailing")]
        cells += [median(ok["images_per_sec"]), median(ok["training_sec"]), time_words(time)]
        lines.append(f"| `{variant}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def other_scores(seeds: pd.DataFrame) -> str:
    """Every other score: means ± standard deviations over seeds."""
    lines = [f"| variant | {' | '.join(SCORES.values())} |", f"|---|{'---|' * len(SCORES)}"]
    for variant in order_of(seeds):
        ok = seeds[(seeds["variant"] == variant) & (seeds["outcome"] == "ok")]
        cells = [spread(ok[name].dropna()) for name in SCORES]
        lines.append(f"| `{variant}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict_table(verdicts: pd.DataFrame, seeds: pd.DataFrame) -> str:
    """Each with each: how many times the column's FID the row's is, in bold where that is significant."""
    order = order_of(seeds)
    lines = [f"| | {' | '.join(f'`{name}`' for name in order)} |", f"|---|{'---|' * len(order)}"]
    named = {"a": verdicts["a"].str.split(" ").str[0], "b": verdicts["b"].str.split(" ").str[0]}
    for row in order:
        cells = []
        for column in order:
            forward = verdicts[named["a"].eq(column) & named["b"].eq(row)]
            back = verdicts[named["a"].eq(row) & named["b"].eq(column)]
            cells.append(verdict(forward, back) if row != column else "")
        lines.append(f"| `{row}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict(forward: pd.DataFrame, back: pd.DataFrame) -> str:
    """One cell of the table of verdicts."""
    if len(forward) + len(back) != 1:
        return "–"
    one = pd.concat([forward, back]).iloc[0]
    ratio = one["effect"] if len(forward) else 1 / one["effect"]
    words = f"× {ratio:.2f}"
    return f"**{words}**" if one["verdict"] in ("better", "worse") else words


def counts(frame: pd.DataFrame, seeds: pd.DataFrame) -> str:
    """What went wrong, in numbers of trainings."""
    flagged = results.summary(frame).drop_duplicates("variant").set_index("variant")["flags"]
    lines = ["| variant | failed | lost a class | fell back | flags |", "|---|---|---|---|---|"]
    for variant in order_of(seeds):
        mine = seeds[seeds["variant"] == variant]
        ok = mine[mine["outcome"] == "ok"]
        lost = (ok["min_class_share"] < LOST).sum() if ok["min_class_share"].notna().any() else "–"
        back = (ok["fid"] > FELL_BACK * ok["fid_best"]).sum() if ok["fid_best"].notna().any() else "–"
        cells = [len(mine) - len(ok), lost, back, flagged[variant] or "–"]
        lines.append(f"| `{variant}` | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def ranks(seeds: pd.DataFrame) -> str:
    """The order of those variants that "Are GANs Created Equal?" has, beside its order and its figures."""
    scored = set(seeds.loc[seeds["fid"].notna(), "variant"])
    there = [variant for variant in order_of(seeds) if variant in PAPER and variant in scored]
    theirs = sorted(there, key=PAPER.__getitem__)
    lines = ["| variant | rank here | rank in arXiv 1711.10337 | its FID |", "|---|---|---|---|"]
    for place, name in enumerate(there, start=1):
        value, deviation = PAPER[name]
        lines.append(f"| `{name}` | {place} | {theirs.index(name) + 1} | {value} ± {deviation} |")
    return "\n".join(lines)


def order_of(seeds: pd.DataFrame) -> list[str]:
    """Variants, the least mean FID first."""
    means = seeds.groupby("variant")["fid"].apply(
        lambda values: results.t_interval(values, log=True).estimate
    )
    return list(means.sort_values().index)


def median(values: pd.Series) -> str:
    """To the unit, or a dash."""
    return f"{values.median():,.0f}" if values.notna().any() else "–"


def interval(values: pd.Series) -> str:
    """A geometric mean with its 95 % interval over seeds, or a dash."""
    known = values.dropna()
    if known.empty:
        return "–"
    found = results.t_interval(known, log=True)
    if len(known) == 1:
        return f"{three_digits(found.estimate)} (1 seed)"
    return f"{three_digits(found.estimate)} [{three_digits(found.low)}, {three_digits(found.high)}]"


def spread(values: pd.Series) -> str:
    """A mean and the standard deviation between seeds, both to the latter's second digit, or a dash."""
    if values.empty:
        return "–"
    deviation = values.std() if len(values) > 1 else math.nan
    if not math.isfinite(deviation) or deviation == 0:
        return three_digits(values.mean()) + (" ± 0" if deviation == 0 else "")
    places = 1 - exponent(deviation, 2)
    return f"{rounded(values.mean(), places)} ± {rounded(deviation, places)}"


def three_digits(value: float) -> str:
    """Three significant digits, never as a power of ten."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    return rounded(value, 2 - exponent(value, 3))


def exponent(value: float, digits: int) -> int:
    """The power of ten of a number's first digit, once it is rounded to so many."""
    return int(f"{value:.{digits - 1}e}".split("e")[1])


def rounded(value: float, places: int) -> str:
    """So many decimal places; with fewer than none, zeros before the point."""
    return f"{round(value, places):,.{max(0, places)}f}".replace("-", "−")


def time_words(row: pd.Series) -> str:
    """When a target was reached, and by how many."""
    if not row["seeds_reached"]:
        return "never"
    share = f"{row['seeds_reached']:g} of {row['seeds']:g}"
    # The median seed may be one that never got there.
    return f"{row['training_sec']:.0f} ({share})" if math.isfinite(row["training_sec"]) else f"({share})"


if __name__ == "__main__":
    sys.exit(cli.call(main))
