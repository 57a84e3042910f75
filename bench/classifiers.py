"""The small classifier whose features score samples of one labelled data set.

Those of `digits` and `mnist` come inside the package, so that scores agree across machines; for other
labelled data one is trained on the training split and cached under the data's content. The shipped
ones were made by

    python -m bench.classifiers --dataset digits --out metrics/weights/digits-classifier.safetensors
    python -m bench.classifiers --dataset mnist --out metrics/weights/mnist-classifier.safetensors
"""

import re
import sys
import warnings
from pathlib import Path

import torch
from torch import Tensor

import metrics
from bench import cli, datasets
from bench.datasets import Dataset
from bench.datasets.dataset import resized
from bench.errors import InputError
from bench.folders import cache_folder, data_folder
from results.atomic import replacing

# Images shown in training, in a bounded number of passes: enough for 99 % on MNIST and on digits.
IMAGES_SHOWN = 250_000
MIN_EPOCHS, MAX_EPOCHS = 5, 60
LEARNING_RATE = 6e-3
MOST_DISTINCT_IMAGES = 50_000  # that it learns from; more, chosen once at random, would take longer, not help
LARGEST_SIDE = 64  # pixels that it sees; larger pictures are shown to it at this size


def extractor_for(
    dataset: Dataset, choice: str | None, device: str, *, quiet: bool = True
) -> metrics.Extractor | None:
    """The feature extractor that scores this data set.

    Parameters
    ----------
    dataset
        The data that samples are compared with.
    choice
        What the user named: an extractor's name or the path of a classifier file; None for the data
        set's own classifier.
    device
        Where it is to run.
    quiet
        False: says on stderr when one must be trained first, which may take minutes.

    Returns
    -------
    Extractor or None
        None for data without labels and without a choice.
    """
    if choice is not None:
        return metrics.load_extractor(choice, device)
    if dataset.class_names is None:
        return None
    name = classifier_name(dataset)
    if name in metrics.SHIPPED_CLASSIFIERS:
        return metrics.load_extractor(name, device)
    short = name.removesuffix("-classifier")
    path = cache_folder() / "classifiers" / f"{short}-{dataset.fingerprint}.safetensors"
    if path.exists():
        try:
            return metrics.load_extractor(path, device)
        except metrics.MetricError as damage:
            path.replace(path.with_name(path.name + ".damaged"))
            warnings.warn(
                f"The cached classifier {path} could not be read ({damage}); it was set aside as "
                f"{path.name}.damaged and is trained anew.",
                stacklevel=2,
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    if not quiet:
        print(f"training {name}, once: it is kept in {path.parent}", file=sys.stderr)
    train_and_save(dataset, path)
    return metrics.load_extractor(path, device)


def classifier_name(dataset: Dataset) -> str:
    """`digits-classifier`; for `folder:My Cats` `folder-my-cats-classifier`, as scores' names can hold it."""
    return re.sub(r"[^a-z0-9.]+", "-", dataset.name.lower()).strip("-.") + "-classifier"


def train_and_save(dataset: Dataset, path: Path) -> float:
    """Train the classifier of a labelled data set, write it to `path`, and return its test accuracy."""
    if dataset.class_names is None or dataset.train.labels is None or dataset.test.labels is None:
        raise InputError(f"The data set {dataset.name} has no labels, so no classifier can learn them.")
    if len(dataset.shape) != 3:
        raise InputError(f"The data set {dataset.name} holds points, and the classifier is one of images.")
    images, labels = training_sample(dataset)
    n = len(images)
    epochs = min(MAX_EPOCHS, max(MIN_EPOCHS, round(IMAGES_SHOWN / n)))
    classifier = metrics.train_classifier(
        images,
        labels,
        n_classes=len(dataset.class_names),
        name=classifier_name(dataset),
        seed=0,
        epochs=epochs,
        learning_rate=LEARNING_RATE,
    )
    accuracy = metrics.accuracy(classifier, dataset.test.tensor, dataset.test.labels)
    metadata = metrics.ClassifierMetadata(
        test_accuracy=accuracy,
        training_data=f"{dataset.name}/train@{dataset.fingerprint}",
        how_trained=f"bench.classifiers: {epochs} epochs of {n} images, rate {LEARNING_RATE:g}, seed 0",
        class_names=dataset.class_names,
    )
    with replacing(path) as temporary:
        classifier.save(temporary, metadata)
    return accuracy


def training_sample(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Training images of at most `LARGEST_SIDE`, and their labels: the same whether streamed or not."""
    samples, labels = dataset.train.samples, dataset.train.labels
    assert labels is not None
    chosen = torch.arange(len(samples))
    if len(samples) > MOST_DISTINCT_IMAGES:
        shuffled = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0))
        chosen = shuffled[:MOST_DISTINCT_IMAGES]
    side = min(LARGEST_SIDE, dataset.shape[-1])
    parts = [resized(dataset.train.at(indices), side) for indices in torch.split(chosen, 1000)]
    return torch.cat(parts), labels[chosen]


def main(arguments: list[str]) -> int:
    """Train one classifier file."""
    parser = cli.Parser(prog="python -m bench.classifiers", description=__doc__.split("\n\n")[0])
    parser.add_argument("--dataset", required=True, metavar="NAME", help="labelled data set")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="where data sets lie")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".safetensors to write")
    options = parser.parse_args(arguments)
    source = datasets.get(options.dataset)
    dataset = source.load(options.data_root or data_folder())
    cli.writable_folder(options.out.parent)
    accuracy = train_and_save(dataset, options.out)
    size_kb = options.out.stat().st_size / 1000
    print(f"{options.out}: {size_kb:.0f} kB, test accuracy {accuracy:.2%}")
    return cli.OK


if __name__ == "__main__":
    sys.exit(cli.call(main))
