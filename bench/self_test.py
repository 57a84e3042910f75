"""`bench.evaluate --self-test`: what each metric sees of known damage, as a table and a picture."""

import argparse

import pandas as pd
import torch

import metrics
import results
from bench import cli, datasets
from bench.classifiers import extractor_for
from bench.datasets import Dataset
from bench.errors import InputError
from bench.folders import cache_folder, data_folder
from bench.plain_table import plain_table
from bench.plan import choose_device
from bench.progress import extraction_progress
from bench.real_side import REFERENCES
from bench.scoring import reference_name

DEFAULT_SAMPLES = 5000
LEAST = 200  # samples: below it every metric is blind
DEFAULT_METRICS = ("fid", "fid_infinity", "kid", "is", "prdc", "memorisation", "parzen", "min_class_share")
TITLES = {
    "fid": "FID ↓",
    "fid_infinity": "FID∞ ↓",
    "kid": "KID ↓",
    "is": "IS ↑",
    "precision": "precision ↑",
    "recall": "recall ↑",
    "density": "density ↑",
    "coverage": "coverage ↑",
    "memorisation": "memor-\nisation ↓",
    "parzen": "Parzen ↑\n[nats]",
    "min_class_share": "rarest\nclass ↑",
}


def run_self_test(options: argparse.Namespace) -> int:
    """Damage real images in known ways and show what the metrics make of it.

    The training split is halved: one half is what copies are made of, the other plays a perfect generator,
    so that the floor of each metric is what training images score against the test split.
    """
    if options.fake is not None:
        raise InputError("--self-test damages real images itself; leave --fake out.")
    for option in ("split", "seed", "name", "how", "format", "save_reference"):
        if getattr(options, option) is not None:
            raise InputError(f"--self-test has no use for --{option.replace('_', '-')}; leave it out.")
    if options.protocol != metrics.DEFAULT_CONVENTION:
        raise InputError("--self-test is of this project's own protocol; leave --protocol out.")
    if options.extractor is not None and len(options.extractor) > 1:
        raise InputError("--self-test takes one --extractor.")
    names = metrics.expanded(options.metrics or DEFAULT_METRICS)
    store = cli.writable_folder(options.output)
    device = choose_device(options.device)
    data = datasets.get(options.real).load(options.data_root or data_folder(), options.image_size)
    if len(data.shape) != 3:
        raise InputError(f"{data.name} holds points, and the damage is to images.")
    extractor = extractor_for(data, (options.extractor or [None])[0], device, quiet=options.quiet)
    reference, fresh, labels = halves(data)
    n = options.samples or min(DEFAULT_SAMPLES, len(fresh) // 2)
    if not LEAST <= n <= len(fresh) // 2:
        raise InputError(
            f"--samples {n} is not between {LEAST} and {len(fresh) // 2}, a quarter of the training split of "
            f"{data.name}: one half of it plays the training data, and samples are drawn from the other."
        )
    possible = tuple(name for name in names if can_be_scored(name, reference, n, extractor))
    for name in names:
        if name not in possible and options.metrics is not None:
            metrics.protocol_of(name, reference=reference, n_fake=n, extractor=extractor)  # says why not
            raise InputError(f"{name} is of samples that were asked for by class, and there are none here.")
    with extraction_progress(quiet=options.quiet) as progress:
        responses = metrics.self_test(
            reference, fresh, labels, possible, extractor=extractor, n=n, progress=progress("piles scored")
        )
    frame = frame_of(responses)
    summed = with_floor_summed_up(frame)
    title = f"{data.name}: {n:,} real images, damaged, against {reference.n:,} test images"
    picture = store / f"self-test-{reference_slug(data)}.png"
    shown = {one: TITLES.get(metrics.plain_name(one), one) for one in frame["metric"].unique()}
    results.plot_responses(summed, picture, title=title, titles=shown)
    rows = picture.with_suffix(".csv")
    frame.to_csv(rows, index=False)
    print(f"{title}\n\n{plain_table(table_of(summed))}\n\n{caption(extractor)}\n")
    print(f"table    {rows}\npicture  {picture}")
    return cli.OK


def halves(data: Dataset) -> tuple[metrics.Reference, torch.Tensor, torch.Tensor | None]:
    """The reference, whose training images are half of the training split, and the other half."""
    order = torch.randperm(len(data.train.samples), generator=torch.Generator().manual_seed(0))
    learned, fresh = order[: len(order) // 2], order[len(order) // 2 :]
    reference = metrics.Reference(
        reference_name(data),
        data.test.samples,
        data.validation.tensor,
        train=data.train.at(learned),
        test_labels=data.test.labels,
        class_names=data.class_names,
        cache=cache_folder() / REFERENCES,
    )
    labels = None if data.train.labels is None else data.train.labels[fresh]
    return reference, data.train.at(fresh), labels


def can_be_scored(
    name: str, reference: metrics.Reference, n: int, extractor: metrics.Extractor | None
) -> bool:
    """Whether the metric needs nothing that the data or the network lack."""
    if "asked_classes" in metrics.METRICS[name].needs:
        return False
    try:
        metrics.protocol_of(name, reference=reference, n_fake=n, extractor=extractor)
    except metrics.MetricError:
        return False
    return True


def frame_of(responses: list[metrics.Response]) -> pd.DataFrame:
    """One row a damage and metric, in the order of the damages."""
    return pd.DataFrame(
        [
            {
                "damage": one.damage,
                "strength": one.strength,
                "metric": one.metric,
                "value": one.value,
                "deviations": one.deviations,
                "floor": one.floor,
                "floor_spread": one.floor_spread,
                "n": one.n,
            }
            for one in responses
        ]
    )


def with_floor_summed_up(frame: pd.DataFrame) -> pd.DataFrame:
    """Instead of the undamaged draws, their mean and their spread: two rows of what is shown."""
    drawn = frame["damage"] == metrics.UNDAMAGED
    first = frame[drawn].drop_duplicates("metric").assign(deviations=0.0)
    n = frame[drawn].groupby("metric").size().max()
    means = first.assign(strength=f"mean of {n}", value=first["floor"])
    spreads = first.assign(strength="deviation", value=first["floor_spread"])
    return pd.concat([means, spreads, frame[~drawn]], ignore_index=True)


def table_of(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a damage, a column a metric: its value, and a mark where it sees or rewards the damage."""
    columns: dict[str, list[str]] = {"damage": [], "": []}
    for (damage, strength), rows in frame.groupby(["damage", "strength"], sort=False):
        columns["damage"].append(str(damage))
        columns[""].append(str(strength))
        known = {row.metric: row for row in rows.itertuples()}
        for metric in frame["metric"].unique():
            title = TITLES.get(metrics.plain_name(metric), metric).replace("-\n", "").replace("\n", " ")
            columns.setdefault(title, []).append(cell(known[metric]) if metric in known else "–")
    return pd.DataFrame(columns)


def cell(row: object) -> str:
    """A value, marked by what the metric makes of the damage."""
    seen, value = row.deviations, row.value  # type: ignore[attr-defined]
    mark = " " if abs(seen) <= results.BLIND else ("!" if seen > 0 else "+")
    return f"{value:.3g} {mark}"


def caption(extractor: metrics.Extractor | None) -> str:
    """What the marks mean."""
    network = "no network" if extractor is None else extractor.name
    return (
        f"Features by {network}.\n"
        f"!  seen: more than {results.BLIND:g} standard deviations of the undamaged draws worse than they\n"
        "+  rewarded: as much better\n"
        "No mark: not told from undamaged. The undamaged draws, of training images, are each metric's floor."
    )


def reference_slug(data: Dataset) -> str:
    """The data set's name as part of a file's."""
    return "".join(c if c.isalnum() or c in ".-" else "-" for c in data.name).strip("-")
