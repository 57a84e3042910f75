"""The theory of GANs, live, in one dimension.

python -m bench.demo              the 2014 paper's Figure 1: a GAN learns a bell curve
python -m bench.demo --theory     C(G) = −log 4 + 2 JSD by quadrature beside trained Ds, and G's two losses
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from bench import cli
from bench.errors import InputError
from bench.provenance import provenance
from bench.theory import drawing, figure1, gradients, optimum
from results.atomic import replacing

STEPS, FRAMES = 600, 32
DISCRIMINATOR_STEPS = 3000  # of each D of the table
EARLY_STEPS, EARLY_SEEDS = 400, 5


def main(arguments: list[str]) -> int:
    """Train, draw and write what the command line asks for."""
    options = parser().parse_args(arguments)
    if options.theory and options.steps is not None:
        raise InputError("--steps is of Figure 1, and --theory does not draw it; give one of them.")
    cli.writable_folder(options.output)
    if options.theory:
        write_theory(options.output, ["bench.demo", *arguments], seed=options.seed)
    else:
        write_figure1(options.output, steps=options.steps or STEPS, seed=options.seed)
    return cli.OK


def parser() -> cli.Parser:
    """The command line of `bench.demo`."""
    made = cli.Parser(
        prog="python -m bench.demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
        epilog="Exit codes: 0 done, 2 bad input, 130 interrupted.",
    )
    made.add_argument(
        "--theory", action="store_true", help="the tables and the picture of docs/theory.md instead: minutes"
    )
    made.add_argument(
        "--steps",
        type=cli.whole_number,
        metavar="N",
        help=f"generator steps of Figure 1 (default {STEPS}); rates go to 0 over them",
    )
    made.add_argument("--seed", type=cli.seed, default=0, metavar="S", help="of all trainings (default 0)")
    made.add_argument(
        "--output", type=Path, default=Path("demo"), metavar="DIR", help="where files go (default demo)"
    )
    return made


def write_figure1(folder: Path, *, steps: int, seed: int) -> None:
    """Train Figure 1 and write `figure1.png`, `figure1.gif` and `figure1.csv`."""
    seen = figure1.moments(steps, drawing.frames_at(steps, FRAMES), seed=seed)
    frame = pd.DataFrame(
        {"step": m.step, "jsd": m.jensen_shannon, "mean_abs_d_minus_half": m.from_half} for m in seen
    )
    write_csv(frame, folder / "figure1.csv")
    drawing.save_panels(drawing.panels_of(seen), folder / "figure1.png")
    drawing.save_animation(seen, folder / "figure1.gif")
    first, last = seen[0], seen[-1]
    print(f"after {last.step} generator steps (k = {figure1.CRITIC_STEPS}), from before the first:")
    print(f"  Jensen-Shannon divergence  {first.jensen_shannon:.4f} → {last.jensen_shannon:.4f} nats")
    print(f"  mean |D(x) − ½| over data  {first.from_half:.3f} → {last.from_half:.3f}")
    for name in ("figure1.png", "figure1.gif", "figure1.csv"):
        print(folder / name)


def write_theory(folder: Path, command: list[str], *, seed: int) -> None:
    """Measure what docs/theory.md shows, and write it as CSV, Markdown and a picture."""
    origin = provenance(command, "cpu")  # of the code that runs, not of what is committed meanwhile
    frame = optimum.table(steps=DISCRIMINATOR_STEPS, seed=seed)
    write_csv(frame, folder / "optimum.csv")
    slopes = gradients.at_the_optimum()
    write_csv(slopes, folder / "gradients-at-the-optimum.csv")
    early = gradients.early(steps=EARLY_STEPS, seeds=range(seed, seed + EARLY_SEEDS))
    write_csv(early, folder / "gradients-early.csv")
    drawing.save_gradients(slopes, early, folder / "gradients.png")
    words = "\n\n".join(
        [
            "# The theory by number",
            f"`{origin['command']}`, {origin['device_name']}, torch {origin['torch_version']}, "
            f"commit {origin['git_commit']}.",
            f"Each D: {DISCRIMINATOR_STEPS} steps on batches of 1,024. Nats.",
            optimum.in_words(frame),
            gradients.slopes_in_words(slopes),
            gradients.early_in_words(early),
        ]
    )
    with replacing(folder / "theory.md") as temporary:
        temporary.write_text(words + "\n", encoding="utf-8")
    print(words)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table with six significant digits, more than anything here is good for."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g")


if __name__ == "__main__":
    sys.exit(cli.call(main))
