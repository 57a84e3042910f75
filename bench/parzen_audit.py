"""What the Parzen-window log-likelihood of Goodfellow et al. (2014) rewards: piles that no GAN made get it.

python -m bench.parzen_audit --dataset mnist
python -m bench.parzen_audit --dataset mnist --run mnist-gan2014-seed0 --output audit
"""

import argparse
import math
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

import gans
import metrics
import results
from bench import cli, datasets
from bench.datasets import Dataset
from bench.errors import InputError
from bench.find_run import checkpoint_of
from bench.folders import data_folder
from bench.parzen_piles import PILES
from bench.plain_table import plain_table
from bench.progress import extraction_progress
from bench.self_test import reference_slug

DEFAULT_SAMPLES = 10_000
VALIDATION = 1_000
"""So many validation images choose σ, as in the original."""

PARTS = (50, 20, 10, 5, 2, 1)
"""A fiftieth to all of the training images, for what the number of samples does; 1,000 to 50,000 of MNIST."""

FIXED_SIGMA = metrics.GOODFELLOW_GRID[3]
"""At which it is shown, too, what the number of samples does: .2154, near the σ that most piles choose."""


def main(arguments: list[str]) -> int:
    """Score every pile; print the tables, and write them with a picture."""
    options = _parser().parse_args(arguments)
    source = datasets.get(options.dataset)
    data = source.load(options.data_root or data_folder(), None)
    train = require_images(data)
    n = options.samples or min(DEFAULT_SAMPLES, max(1, len(train) // 5))  # fewer centroids than images
    if n > len(train):
        raise InputError(f"--samples {n} is more than the {len(train)} training images of {data.name}.")
    checkpoints = dict.fromkeys(checkpoint_of(run, options.store) for run in options.run)
    samplers = {name_of(path, checkpoints): gans.load(path) for path in checkpoints}
    for name, sampler in samplers.items():
        if sampler.shape != data.shape:
            raise InputError(f"{name} makes samples of shape {sampler.shape}, {data.name} has {data.shape}.")
    cli.writable_folder(options.output)
    validation, test = (unit(split.tensor) for split in (data.validation, data.test))
    audit = Audit(validation[:VALIDATION].flatten(start_dim=1), test.flatten(start_dim=1))
    with extraction_progress(quiet=options.quiet) as progress:
        done = progress("piles scored")
        todo: list[str | int] = [*PILES, *samplers, *sorted({max(1, len(train) // part) for part in PARTS})]
        for number, what in enumerate(todo):
            done(number, len(todo))
            if isinstance(what, int):
                audit.size(what, train[:what])
            elif what in samplers:
                generator = torch.Generator().manual_seed(options.seed)
                audit.pile(what, unit(samplers[what].sample(n, generator=generator)))
            else:
                audit.pile(what, PILES[what](train, n, torch.Generator().manual_seed(options.seed)))
        done(len(todo), len(todo))
    return show(audit, data, n, options.output)


def name_of(checkpoint: Path, among: Collection[Path]) -> str:
    """The run's folder's name; the whole path, where several are of one name."""
    alone = sum(other.parent.name == checkpoint.parent.name for other in among) == 1
    return checkpoint.parent.name if alone else str(checkpoint)


def require_images(data: Dataset) -> Tensor:
    """The training images in [0, 1]; InputError of points, and of images that lie in files."""
    if len(data.shape) != 3 or not isinstance(data.train.samples, Tensor):
        raise InputError(f"{data.name} is not a data set of images that are held in memory.")
    return unit(data.train.samples)


def unit(images: Tensor) -> Tensor:
    """uint8 images as float64 ones in [0, 1]."""
    return images.double() / 255


class Audit:
    """Piles and their scores, as they come.

    Parameters
    ----------
    validation, test
        float64 `(n, d)` in [0, 1]: what chooses σ, and what is scored.
    """

    def __init__(self, validation: Tensor, test: Tensor) -> None:
        self.validation, self.test = validation, test
        self.rows: list[dict[str, object]] = []

    def pile(self, name: str, samples: Tensor) -> None:
        """Score a pile as the original does, and note its curve over a finer grid of σ."""
        samples = samples.flatten(start_dim=1)
        sigma = metrics.select_sigma(self.validation, samples, metrics.GOODFELLOW_GRID)
        self._score("pile", name, samples, sigma)
        curve = metrics.sigma_curve(self.validation, samples, metrics.WIDE_GRID)
        for tried, value in zip(metrics.WIDE_GRID, curve.tolist(), strict=True):
            self._note("sigma", name, len(samples), tried, "validation", value, None)

    def size(self, n: int, samples: Tensor) -> None:
        """Score n training images, with the σ that they choose and with `FIXED_SIGMA`."""
        samples = samples.flatten(start_dim=1)
        chosen = metrics.select_sigma(self.validation, samples, metrics.GOODFELLOW_GRID)
        self._score("size, σ chosen", "training images", samples, chosen)
        self._score("size, σ fixed", "training images", samples, FIXED_SIGMA)

    def _score(self, question: str, name: str, samples: Tensor, sigma: float) -> None:
        likelihoods = metrics.parzen_log_likelihood(self.test, samples, sigma)
        error = float(likelihoods.std(correction=0)) / math.sqrt(len(likelihoods))
        self._note(question, name, len(samples), sigma, "test", float(likelihoods.mean()), error)

    def _note(
        self, question: str, name: str, n: int, sigma: float, split: str, value: float, error: float | None
    ) -> None:
        self.rows.append(
            {
                "question": question,
                "pile": name,
                "n": n,
                "sigma": sigma,
                "split": split,
                "nats": value,
                "standard_error": error,
            }
        )


def show(audit: Audit, data: Dataset, n: int, folder: Path) -> int:
    """Print two tables, and write all rows and the picture."""
    frame = pd.DataFrame(audit.rows)
    path = folder / f"parzen-audit-{reference_slug(data)}.csv"
    frame.to_csv(path, index=False)
    title = f"{data.name}: Parzen-window log-likelihood of {len(audit.test):,} test images"
    results.plot_parzen_audit(frame, path.with_suffix(".png"), title=title)
    piles = frame[frame["question"] == "pile"].sort_values("nats", ascending=False)
    print(f"{title}, by {n:,} samples; σ chosen from ten on {len(audit.validation):,} validation images\n")
    print(plain_table(_table(piles, {"pile": piles["pile"]})), "\n")
    print("What the number of samples does, of training images\n")
    both = [frame[frame["question"] == f"size, σ {how}"] for how in ("chosen", "fixed")]
    chosen, fixed = (_table(part, {"samples": part["n"].map("{:,}".format)}) for part in both)
    fixed = fixed.drop(columns=["samples", "σ"]).add_suffix(f" at σ = {FIXED_SIGMA:.4f}")
    print(plain_table(pd.concat([chosen, fixed], axis=1)), "\n")
    print("± is the standard error over test images; the order of the piles is the score's.")
    print(f"table    {path}\npicture  {path.with_suffix('.png')}")
    return cli.OK


def _table(part: pd.DataFrame, first: dict[str, Sequence[str]]) -> pd.DataFrame:
    values = [
        f"{row.nats:.1f} ± {row.standard_error:.1f}"  # type: ignore[str-format]
        for row in part.itertuples()
    ]
    made = pd.DataFrame({**first, "σ": part["sigma"].map("{:.4f}".format), "nats": values})
    return made.reset_index(drop=True)


def _parser() -> cli.Parser:
    made = cli.Parser(
        prog="python -m bench.parzen_audit",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
        epilog="Exit codes: 0 done, 2 bad input, 130 interrupted.",
    )
    made.add_argument("--dataset", required=True, metavar="DATA", help="a data set of images, as mnist")
    made.add_argument(
        "--run",
        type=cli.comma_list(str),
        default=[],
        metavar="A,B",
        help="runs to score beside the piles: folders, checkpoints, or beginnings of names in the store",
    )
    made.add_argument("--store", type=Path, default=Path("runs"), metavar="DIR", help="where runs lie (runs)")
    made.add_argument(
        "--samples",
        type=cli.whole_number,
        metavar="N",
        help=f"images a pile (default {DEFAULT_SAMPLES}, or a fifth of the training images if that is less)",
    )
    made.add_argument(
        "--seed", type=cli.seed, default=0, metavar="S", help="of all that is drawn (default 0)"
    )
    made.add_argument(
        "--data-root", type=Path, metavar="DIR", help="where data sets are (default: as bench.run)"
    )
    made.add_argument(
        "--output", type=Path, default=Path(), metavar="DIR", help="where table and picture go (default .)"
    )
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


if __name__ == "__main__":
    sys.exit(cli.call(main))
