"""Draw samples from a finished run: as pictures, as one picture, or as an array.

python -m bench.sample digits-dcgan --n 100 --out pictures
python -m bench.sample runs/digits-dcgan-seed0-1a2b3c4d/checkpoint.safetensors --n 100 --out pictures
python -m bench.sample mnist-cgan --class 3 --n 100 --out threes
python -m bench.sample mnist-cgan --class all --format grid --out grid
python -m bench.sample mnist-cgan --interpolate spherical --out walks
python -m bench.sample mnist-cgan --n 20 --neighbours 5 --out neighbours
"""

import argparse
import sys
from pathlib import Path

from torch import Tensor

import gans
from bench import cli
from bench.class_option import listed
from bench.datasets import Dataset
from bench.drawing import DEFAULT_STEPS, WALKS, Drawing, draw
from bench.errors import InputError
from bench.find_run import checkpoint_of
from bench.folders import DATA_VARIABLE, data_folder
from bench.neighbours import require_enough, save_neighbours, training_data
from bench.pictures import is_image_shape
from bench.sample_files import LABELS, save_array, save_grid_of, save_pictures
from bench.sheets import require_viewable


def parser() -> cli.Parser:
    """The command line of `bench.sample`."""
    made = cli.Parser(
        prog="python -m bench.sample",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
        epilog=(
            "The same --seed draws the same samples, whatever --format they are written in.\n"
            "Exit codes: 0 done, 2 bad input, 130 interrupted."
        ),
    )
    made.add_argument(
        "run",
        metavar="RUN",
        help="a run's folder, a checkpoint file, or the name of a run in the store or its beginning",
    )
    made.add_argument(
        "--store", type=Path, default=Path("runs"), metavar="DIR", help="where runs lie (default runs)"
    )

    what = made.add_argument_group("what to draw")
    what.add_argument(
        "--n",
        type=cli.whole_number,
        metavar="N",
        help="how many in all (default 100), or how many walks (default 10)",
    )
    what.add_argument("--seed", type=cli.seed, default=0, metavar="S", help="seed of the noise (default 0)")
    what.add_argument(
        "--class",
        dest="classes",
        metavar="A,B",
        help="of a conditional variant: a class by name or number, or several, or all: as many of each "
        "(default: drawn as often as in the training data)",
    )
    what.add_argument(
        "--interpolate",
        choices=tuple(WALKS),
        help="walks instead of samples, from one latent to another: on a straight line, or on an arc that "
        "keeps the latents' length; a walk stays in its class",
    )
    what.add_argument(
        "--steps",
        type=cli.whole_number,
        metavar="N",
        help=f"samples a walk, its start and its end included (default {DEFAULT_STEPS})",
    )

    how = made.add_argument_group("how to write it")
    how.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a new or empty folder to write into"
    )
    how.add_argument(
        "--format",
        choices=("png", "npy", "grid"),
        help=f"png: a file a sample, in a folder a class; npy: one array, and {LABELS}; grid: one picture, "
        "class by class (default png; walks: grid; points: npy)",
    )

    beside = made.add_argument_group("whether samples are copies of training data")
    beside.add_argument(
        "--neighbours",
        "--neighbors",
        type=cli.whole_number,
        metavar="K",
        help="also find the K nearest training samples of each (Euclidean distance): written as "
        "neighbours.csv and, for images, neighbours.png",
    )
    beside.add_argument(
        "--dataset", metavar="NAME", help="the data set to look in (default: the one the run was trained on)"
    )
    beside.add_argument(
        "--data-root",
        type=Path,
        metavar="DIR",
        help=f"where it is read (default ${DATA_VARIABLE}, or the cache)",
    )
    return made


def main(arguments: list[str]) -> int:
    """Draw the samples that the command line asks for."""
    options = parser().parse_args(arguments)
    require_sense(options)
    checkpoint = checkpoint_of(options.run, options.store)
    sampler = gans.load(checkpoint)
    drawing = Drawing.of(
        sampler,
        n=options.n,
        seed=options.seed,
        classes=options.classes,
        walk=options.interpolate,
        steps=options.steps,
    )
    format_ = chosen_format(options.format, sampler, drawing, checkpoint)
    if options.out.is_dir() and any(options.out.iterdir()):
        raise InputError(f"The folder {options.out} is not empty; --out takes a new or an empty one.")
    data: Dataset | None = None
    if options.neighbours is not None:
        data = training_data(checkpoint, sampler, options.dataset, options.data_root or data_folder())
        require_enough(options.neighbours, drawing.n, data)
    cli.writable_folder(options.out)
    samples, labels = draw(sampler, drawing)
    names = sampler.class_names
    place = write(samples, labels, sampler, drawing, options.out, format_)
    print(f"{described(sampler, drawing)} of {checkpoint} are in {place}")
    if data is not None:
        asked = None if labels is None or names is None else [names[label] for label in labels.tolist()]
        print(save_neighbours(samples, asked, data, options.neighbours, options.out))
    return cli.OK


def require_sense(options: argparse.Namespace) -> None:
    """Refuse options that would be ignored.

    Raises
    ------
    InputError
        Says which, and what they need.
    """
    if options.interpolate is None and options.steps is not None:
        raise InputError("--steps is of walks: it needs --interpolate linear or spherical.")
    if options.neighbours is None and (options.dataset is not None or options.data_root is not None):
        option = "--dataset" if options.dataset is not None else "--data-root"
        raise InputError(f"{option} is where neighbours are looked for: it needs --neighbours K.")
    if options.neighbours is not None and options.interpolate is not None:
        raise InputError("--neighbours are of samples, and --interpolate draws walks; give one of them.")


def chosen_format(asked: str | None, sampler: gans.Sampler, drawing: Drawing, checkpoint: Path) -> str:
    """`png`, `npy` or `grid`: what was asked for, or what suits.

    Raises
    ------
    InputError
        For a picture of points, or one that is too large.
    """
    if not is_image_shape(sampler.shape):
        if asked not in (None, "npy"):
            raise InputError(
                f"{checkpoint} makes points, not images: they can be written as --format npy only."
            )
        return "npy"
    chosen = asked or ("grid" if drawing.walk else "png")
    if chosen == "grid":
        require_viewable(drawing.n * (drawing.steps if drawing.walk else 1), sampler.shape)
    return chosen


def described(sampler: gans.Sampler, drawing: Drawing) -> str:
    """What is drawn, in words: 100 images (1 × 28 × 28)."""
    shape = " × ".join(str(side) for side in sampler.shape)
    what = f"{'image' if is_image_shape(sampler.shape) else 'point'}"
    if drawing.walk is None:
        return f"{drawing.n} {what}{'s' * (drawing.n > 1)} ({shape})"
    return f"{drawing.n} {drawing.walk} walk{'s' * (drawing.n > 1)} of {drawing.steps} {what}s ({shape})"


def write(
    samples: Tensor,
    labels: Tensor | None,
    sampler: gans.Sampler,
    drawing: Drawing,
    folder: Path,
    format_: str,
) -> str:
    """Write samples or walks into a folder; returns where they are, in words."""
    stem = "samples" if drawing.walk is None else "walks"
    names = sampler.class_names
    if format_ == "npy":
        path = folder / f"{stem}.npy"
        save_array(samples, labels, path)
        said = f"{path}, {str(samples.dtype).removeprefix('torch.')} {tuple(samples.shape)}"
        return said if labels is None else f"{said}; their classes in {folder / LABELS}"
    if format_ == "grid":
        path = folder / f"{stem}.png"
        classes = drawing.classes or ([] if labels is None else sorted(set(labels.tolist())))
        save_grid_of(samples, labels, classes, path)
        if labels is None or names is None:
            return str(path)
        # A row a class; of walks, a row a walk.
        rows = classes if drawing.walk is None else sorted(labels.tolist(), key=classes.index)
        return f"{path}, from above: {listed([names[i] for i in rows])}"
    save_pictures(samples, labels, names, folder)
    return str(folder) if names is None else f"{folder}, a folder a class"


if __name__ == "__main__":
    sys.exit(cli.call(main))
