"""The pictures of a grid of variants: FID of every seed and over time, and samples."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import ticker
from PIL import Image

import results


def draw_fid(frame: pd.DataFrame, seeds: pd.DataFrame, order: list[str], path: Path) -> None:
    """FID of every seed, and the geometric mean over seeds on the way."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    # By name, so that a variant has one colour in all of these pictures.
    colours = dict(zip(sorted(order), mpl.colormaps["tab10"].colors, strict=False))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for place, variant in enumerate(order):
        mine = seeds.loc[seeds["variant"] == variant, "fid"]
        left.scatter(mine, [place] * len(mine), color=colours[variant], s=26, alpha=0.7)
        mean = results.t_interval(mine, log=True)
        left.plot([mean.low, mean.high], [place + 0.28] * 2, color=colours[variant], linewidth=2)
    left.set(xscale="log", xlabel="FID at the end; line: 95 % interval of the mean")
    left.set_yticks(range(len(order)), order)
    left.invert_yaxis()
    curve = tested_fid(frame)
    for variant in order:
        mine = curve[curve["variant"] == variant].groupby("kimg")[["value", "training_sec"]]
        mean = mine.agg(lambda values: results.t_interval(values, log=True).estimate)
        right.plot(mean["training_sec"], mean["value"], color=colours[variant], marker="o", label=variant)
    right.set(
        xscale="log", yscale="log", xlabel="seconds of training", ylabel="FID, geometric mean over seeds"
    )
    right.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    for axis in (left.xaxis, right.xaxis, right.yaxis):
        low, high = axis.get_view_interval()
        # Labels of a long axis run into one another, and a short one would have none.
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if high > 6 * low else (1, 2, 3, 4, 5, 7)))
        axis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
        axis.set_minor_locator(ticker.NullLocator())
    figure.savefig(path, dpi=110)


def draw_samples(frame: pd.DataFrame, order: list[str], store: Path, path: Path) -> None:
    """Samples of each variant's lowest seed that ended well."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, -(-len(order) // 2), figsize=(11, 6), layout="constrained", squeeze=False)
    ended = frame[frame["outcome"].eq("ok")].sort_values("seed").groupby("variant").first()
    for axis, variant in zip(axes.flat, order, strict=False):
        if variant not in ended.index:
            axis.set_title(f"{variant}: none ended well", fontsize=10)
            continue
        first = ended.loc[variant]
        axis.imshow(plt.imread(store / first["run_folder"] / "samples.png"), cmap="gray")
        axis.set_title(f"{variant}, seed {first['seed']}", fontsize=10)
    for axis in axes.flat:
        axis.axis("off")
    figure.set_dpi(110)
    figure.canvas.draw()
    picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba()))
    picture.convert("L").save(path, optimize=True)  # a third of the size


def tested_fid(frame: pd.DataFrame) -> pd.DataFrame:
    """FID against the test split over training, untrained networks left out."""
    curve = results.curves(frame)
    return curve[
        curve["metric"].str.startswith("fid@") & curve["split"].fillna("").eq("test") & curve["kimg"].gt(0)
    ]
