"""The shared trainer's modes beside plain eager float32 loops, as tutorials write them, in one process.

    python tests/perf/beside_plain_loops.py --variants dcgan,lsgan --modes fp32/off,fp32/default --threads 1

A mode is precision/compile. Each is timed in turns with the plain loop of its variant (`plain_loops.py`):
DCGAN's relatives on 64 × 64 × 3 with batch 64, `vanilla` and `gan2014` on 28 × 28 with batch 100, `ring8` on
points with batch 64. WGAN is timed with 5 critic steps a generator step, as in most of its training. With one
thread, time that other processes have the core for is left out of both.
"""

import argparse
import dataclasses
import sys

import torch
from plain_loops import (
    Loop,
    batches,
    plain_acgan,
    plain_cgan,
    plain_dcgan,
    plain_gan2014,
    plain_lsgan,
    plain_vanilla,
    plain_wgan,
)

import gans
from bench import datasets
from bench.own_time import own_time
from bench.timing import PairedTiming, alternate, paired_ratio, ratio_of
from gans.critic_schedule import Constant

IMAGES_64 = {
    "dcgan": plain_dcgan,
    "lsgan": plain_lsgan,
    "wgan": plain_wgan,
    "cgan": plain_cgan,
    "acgan": plain_acgan,
}
IMAGES_28 = {"vanilla": plain_vanilla, "gan2014": plain_gan2014}
POINTS = "ring8"  # the variant `vanilla` with that data set's recipe
NAMES = (*IMAGES_64, *IMAGES_28, POINTS)

N = 2048  # samples in memory


def pair_of(
    name: str, settings: dict[str, str], *, device: str = "cpu", batch: int | None = None
) -> tuple[gans.Trainer, Loop, int]:
    """The trainer of a variant, the plain loop that does the same work, and the batch of both.

    Loops other than `dcgan` and `lsgan` are written for a CPU.
    """
    labels = torch.arange(N) % 10
    variant = gans.get("vanilla" if name == POINTS else name)
    if name == POINTS:
        for field, value in dict(datasets.get(POINTS).recipe_fields).items():
            if gans.has_field(variant, field):
                variant = gans.set_field(variant, field, value)
        batch, data = batch or 64, torch.randn(N, 2)
        network = variant.network
        plain = plain_vanilla(
            batches(data, labels, batch),
            batch,
            nz=variant.noise.nz,
            outputs=2,
            hidden_g=network.hidden_g,
            hidden_d=network.hidden_d,
            dropout=network.dropout,
        )
    else:
        large = name in IMAGES_64
        shape = (3, 64, 64) if large else (1, 28, 28)
        batch = batch or (64 if large else 100)
        data = torch.randint(0, 256, (N, *shape), dtype=torch.uint8)
        make = (IMAGES_64 if large else IMAGES_28)[name]
        extra = {} if device == "cpu" else {"device": device}
        plain = make(batches(data.to(device).float() / 127.5 - 1, labels.to(device), batch), batch, **extra)
    if variant.critic.n_critic > 1:
        variant = dataclasses.replace(variant, critic=Constant(n_critic=variant.critic.n_critic))
    chosen = gans.Settings(batch_size=batch, kimg=1e6, device=device, **settings)
    return gans.Trainer(variant, data, chosen, labels=labels), plain, batch


def beside_plain(
    name: str, mode: str, rounds: int, *, device: str = "cpu", batch: int | None = None
) -> tuple[PairedTiming, int]:
    """The plain loop's time as a multiple of the trainer's in that mode, and the batch."""
    precision, compile_mode = mode.split("/")
    modes = {"precision": precision, "compile": compile_mode}
    trainer, plain, batch = pair_of(name, modes, device=device, batch=batch)
    if device == "cpu":
        clock = own_time if torch.get_num_threads() == 1 else None
        return paired_ratio(plain, trainer.step, rounds=rounds, clock=clock), batch
    timings = alternate({"plain": plain, "ours": trainer.step}, device=device, rounds=rounds)
    return ratio_of(timings["plain"], timings["ours"], 0.99), batch


def header() -> str:
    """The head of the table that `line` is a row of."""
    return "| variant | mode | plain, img/s | ours, img/s | times as fast | 99 % |\n|---|---|---|---|---|---|"


def line(name: str, mode: str, found: PairedTiming, batch: int) -> str:
    """One row."""
    plain, ours = found.target, found.reference
    return (
        f"| `{name}` | {mode} | {batch / plain.median_sec:.0f} | {batch / ours.median_sec:.0f} "
        f"| {found.ratio:.2f} | {found.low:.2f}–{found.high:.2f} |"
    )


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", default=",".join(NAMES))
    parser.add_argument("--modes", default="fp32/off,fp32/default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, help="default: 12 of 64 × 64, 40 of 28 × 28, 400 of points")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(header())
    for name in options.variants.split(","):
        rounds = options.rounds or (12 if name in IMAGES_64 else 40 if name in IMAGES_28 else 400)
        for mode in options.modes.split(","):
            print(line(name, mode, *beside_plain(name, mode, rounds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
