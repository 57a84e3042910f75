"""Go on from a `gan2014` checkpoint with lower rates, and score on the way: is it noise that is in the way?

    python tests/studies/lower_rate.py RUN/checkpoint.safetensors --output lower-rate.csv

The recipe's own decay goes on from there; momentum, dropout and data are as they were.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import pandas as pd

import gans
from bench import datasets
from bench.folders import data_folder
from bench.score import score
from gans.checkpoint import read_checkpoint

SCORES = ["parzen", "fid"]


def main(arguments: list[str]) -> None:
    """Train on, score, write."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    made.add_argument("--rate", type=float, default=0.01, help="before the recipe's decay (its own: .1)")
    made.add_argument("--until", default="5050,5100,5250,5500,6000", metavar="K,…", help="kimg to score at")
    made.add_argument("--output", type=Path, required=True, metavar="FILE")
    asked = made.parse_args(arguments)
    stops = [float(kimg) for kimg in asked.until.split(",")]
    data = datasets.get("mnist").load(data_folder())
    settings = gans.Settings(kimg=stops[-1], batch_size=100)
    trainer = gans.Trainer(with_rate(gans.get("gan2014"), asked.rate), data.train.tensor, settings)
    trainer.load_state_dict(read_checkpoint(asked.checkpoint)[0])
    rows = [scored(trainer)]
    for stop in stops:
        for _ in trainer.train(until_kimg=stop):
            pass
        rows.append(scored(trainer))
        pd.DataFrame(rows).to_csv(asked.output, index=False)
        print(rows[-1], flush=True)


def with_rate(variant: gans.Variant, rate: float) -> gans.Variant:
    """The recipe with another rate of both players."""
    slots = {name: getattr(variant, name) for name in ("optimiser_g", "optimiser_d")}
    return dataclasses.replace(
        variant, **{name: dataclasses.replace(o, lr=rate) for name, o in slots.items()}
    )


def scored(trainer: gans.Trainer) -> dict[str, float]:
    """Scores of 10,000 samples against MNIST's test images, with their errors and Parzen's σ."""
    found = score(trainer.sampler().sample, "mnist", SCORES)
    row = {"kimg": trainer.kimg, "sigma": found["parzen"].details["sigma"]}
    for name in SCORES:
        row |= {name: found[name].value, f"{name}_error": found[name].uncertainty}
    return row


if __name__ == "__main__":
    main(sys.argv[1:])
