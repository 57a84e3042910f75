"""Continue a `gan2014` checkpoint at a tenth of its rate, and score on the way: were the steps too large?

    python tests/studies/lower_rate.py RUN/checkpoint.safetensors --output lower-rate.csv

The recipe's own decay goes on from there; momentum, dropout and data are as they were. Lines are added to the
file, so that several seeds share it.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import pandas as pd

import gans
from bench import cli, datasets
from bench.folders import data_folder
from bench.provenance import provenance
from bench.score import score
from gans.checkpoint import read_checkpoint

SCORES = ["parzen", "fid"]

RATE = 0.01
"""Before the recipe's decay; its own is .1."""

MADE_BY = ("git_commit", "device_name", "cpu_threads", "torch_version")

FURTHER = (0.0, 50.0, 100.0, 250.0, 500.0, 1000.0)
"""Kimg after the checkpoint to score at: none, 1, 2, 5, 10 and 20 epochs."""


def main(arguments: list[str]) -> int:
    """Train on, score, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    args = parser.parse_args(arguments)
    data = datasets.get("mnist").load(data_folder())
    settings = gans.Settings(kimg=1e6, batch_size=100)  # of no end: `until_kimg` says where
    trainer = gans.Trainer(at_a_tenth(gans.get("gan2014")), data.train.tensor, settings)
    trainer.load_state_dict(read_checkpoint(args.checkpoint)[0])
    of_run = {"run": args.checkpoint.parent.name.rsplit("-", 1)[0]}  # without the training's hash
    begun = trainer.kimg
    before = [pd.read_csv(args.output)] if args.output.exists() else []
    made_by = provenance([Path(__file__).name, *arguments], "cpu")
    rows = []
    for further in FURTHER:
        for _ in trainer.train(until_kimg=begun + further):
            pass
        rows.append(of_run | scored(trainer) | {name: made_by[name] for name in MADE_BY})
        pd.concat([*before, pd.DataFrame(rows)]).to_csv(args.output, index=False)
        print(rows[-1], flush=True)
    return cli.OK


def at_a_tenth(variant: gans.Variant) -> gans.Variant:
    """The recipe with the lower rate for both players."""
    slots = {name: getattr(variant, name) for name in ("optimiser_g", "optimiser_d")}
    return dataclasses.replace(
        variant, **{name: dataclasses.replace(o, lr=RATE) for name, o in slots.items()}
    )


def scored(trainer: gans.Trainer) -> dict[str, float]:
    """Scores of 10,000 samples against MNIST's test images, with their errors and Parzen's σ."""
    found = score(trainer.sampler().sample, "mnist", SCORES)
    row = {"kimg": trainer.kimg, "sigma": found["parzen"].details["sigma"]}
    for name in SCORES:
        row |= {name: found[name].value, f"{name}_error": found[name].uncertainty}
    return row


if __name__ == "__main__":
    sys.exit(cli.call(main))
