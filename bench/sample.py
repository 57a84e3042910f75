"""Draw samples from a finished run, as pictures or as an array.

python -m bench.sample digits-dcgan --n 100 --out pictures
python -m bench.sample runs/digits-dcgan-seed0-1a2b3c4d/checkpoint.safetensors --n 100 --out pictures
"""

import argparse
import difflib
import sys
from pathlib import Path

import numpy as np
from torch import Tensor

import gans
from bench import cli
from bench.errors import InputError
from bench.execute import CHECKPOINT
from bench.pictures import is_image_shape, save_picture, to_picture

ARRAY = "samples.npy"


def parser() -> cli.Parser:
    """The command line of `bench.sample`."""
    made = cli.Parser(
        prog="python -m bench.sample",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
        epilog="Exit codes: 0 done, 2 bad input, 130 interrupted.",
    )
    made.add_argument(
        "run",
        metavar="RUN",
        help="a run's folder, a checkpoint file, or the name of a run in the store or its beginning",
    )
    made.add_argument("--n", type=cli.whole_number, default=100, metavar="N", help="how many (default 100)")
    made.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a new or empty folder to write them into"
    )
    made.add_argument("--seed", type=cli.seed, default=0, metavar="S", help="seed of the noise (default 0)")
    made.add_argument(
        "--format",
        choices=("png", "npy"),
        help=f"a .png file a sample, or one array {ARRAY} (default png; npy for points)",
    )
    made.add_argument(
        "--store", type=Path, default=Path("runs"), metavar="DIR", help="where runs lie (default runs)"
    )
    return made


def main(arguments: list[str]) -> int:
    """Draw the samples that the command line asks for."""
    options = parser().parse_args(arguments)
    checkpoint = checkpoint_of(options.run, options.store)
    sampler = gans.load(checkpoint)
    images = is_image_shape(sampler.shape)
    if options.format == "png" and not images:
        raise InputError(f"{checkpoint} makes points, not images: they can be written as --format npy only.")
    if options.out.is_dir() and any(options.out.iterdir()):
        raise InputError(f"The folder {options.out} is not empty; --out takes a new or an empty one.")
    cli.writable_folder(options.out)
    samples = sampler.sample(options.n, generator=gans.generator_for(options.seed, "samples"))
    shape = " × ".join(str(side) for side in sampler.shape)
    what = f"{options.n} {'images' if images else 'points'} ({shape}) of {checkpoint}"
    if images and options.format != "npy":
        save_pictures(samples, options.out)
        print(f"{what} are in {options.out}")
    else:
        np.save(options.out / ARRAY, samples.numpy())
        print(f"{what} are in {options.out / ARRAY}, {samples.numpy().dtype} {tuple(samples.shape)}")
    return cli.OK


def checkpoint_of(run: str, store: Path) -> Path:
    """The checkpoint that `run` means: a file, a run's folder, or a run of the store by its name's beginning.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    path = Path(run)
    if path.is_file():
        return path
    if (path / CHECKPOINT).is_file():
        return path / CHECKPOINT
    if path.is_dir():
        raise InputError(f"The folder {path} has no {CHECKPOINT}: it is not that of a finished run.")
    runs = sorted(found.parent.name for found in store.glob(f"*/{CHECKPOINT}"))
    matching = [run] if run in runs else [name for name in runs if name.startswith(run)]
    if len(matching) == 1:
        return store / matching[0] / CHECKPOINT
    if matching:
        raise InputError(f"{run!r} is the beginning of several runs in {store}: {', '.join(matching)}.")
    if not runs:
        raise InputError(f"There is no run {run!r}, nor any finished run in the store {store} (--store).")
    near = difflib.get_close_matches(run, runs, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise InputError(f"There is no run {run!r} in {store}.{hint} There are: {', '.join(runs)}.")


def save_pictures(images: Tensor, folder: Path) -> None:
    """Write uint8 `(n, C, H, W)` images as `00000.png`, `00001.png`, …"""
    digits = max(5, len(str(len(images) - 1)))
    for i, image in enumerate(images):
        save_picture(to_picture(image), folder / f"{i:0{digits}d}.png")


if __name__ == "__main__":
    sys.exit(cli.call(main))
