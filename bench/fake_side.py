"""The generated side of an evaluation: a pile of images, or what a run draws."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

import gans
import metrics
import results
from bench.errors import InputError
from bench.find_run import checkpoint_of
from bench.real_side import RealSide
from bench.scoring import HOW_ASKED, how_sampled, samples_of_all
from bench.team import Team
from bench.todo import CHECKPOINT
from gans.checkpoint import read_checkpoint
from gans.sampler import sampler_of

DEFAULT_SAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class FakeSide:
    """What is scored."""

    name: str
    pile: Tensor | metrics.Pile
    how: str
    """How it was drawn, in words: part of every protocol."""
    labels: Tensor | None = None
    """The class that each was asked for, counted as the real side's."""
    asked: str = "unspecified"
    content: str
    """SHA-256 of the samples."""
    formats: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    run: Path | None = None
    """The folder of the run that drew it, where it lies in a store."""


def fake_side(options: argparse.Namespace, real: RealSide, device: str, team: Team | None = None) -> FakeSide:
    """What `--fake` means.

    Raises
    ------
    InputError, MetricError
        If it is neither a pile nor a run, cannot be read, or its images are not of the real ones' kind.
    """
    path = Path(options.fake).expanduser()
    if path.suffix.lower() in (".npz", ".npy", ".zip") and not path.exists():
        raise InputError(f"There is no file {path}.")
    if path.suffix == ".safetensors" or (path / CHECKPOINT).is_file() or not path.exists():
        return _of_run(options, real, device, team)
    if options.seed is not None:
        raise InputError("--seed is of a run's noise, and the samples of a pile are drawn already.")
    if real.shape is not None and len(real.shape) != 3:
        raise InputError(f"{real.name} holds points; of points, only runs can be evaluated.")
    channels = None if real.shape is None else real.shape[0]
    pile = metrics.open_pile(path, size=options.image_size, channels=channels)
    _require_same_size(pile, real)
    labels, mismatch = _labels_of(pile, real)
    mismatch += _other_formats(pile.formats, real)
    chosen: Tensor | metrics.Pile = pile
    # Of a score without real images, nothing else in the protocol says at which size they are seen.
    part = "" if options.image_size is None else f", at {options.image_size} × {options.image_size} pixels"
    if options.samples is not None and options.samples < len(pile):
        indices = torch.randperm(len(pile), generator=torch.Generator().manual_seed(0))[: options.samples]
        chosen = metrics.PartOfPile(pile, indices)
        labels = None if labels is None else labels[indices]
        part += f", {options.samples} of {len(pile)} at random"
    elif options.samples is not None and options.samples > len(pile):
        raise InputError(f"--samples {options.samples} is more than the {len(pile)} images of {path}.")
    return FakeSide(
        name=options.name or short_name(path),
        pile=chosen,
        how=f"{options.how or 'as given in files'}{part}",
        labels=labels,
        asked="by the files' classes",
        content=pile.content,
        formats=pile.formats,
        warnings=(*pile.warnings, *mismatch),
    )


def short_name(path: Path) -> str:
    """What a pile is called in tables: a file's name, a folder's with the one that it lies in."""
    whole = path.resolve()
    return f"{whole.parent.name}/{whole.name}".lstrip("/") if whole.is_dir() else whole.name


def _require_same_size(pile: metrics.ImagePile, real: RealSide) -> None:
    if real.shape is None or tuple(pile.shape[2:]) == tuple(real.shape[1:]):
        return
    generated, true = (" × ".join(str(side) for side in s) for s in (pile.shape[2:], real.shape[1:]))
    raise InputError(
        f"The generated images are {generated} pixels and those of {real.name} {true}; --image-size brings "
        "both to one size."
    )


def _other_formats(formats: Mapping[str, int], real: RealSide) -> tuple[str, ...]:
    """What a reader must know where one side is lossy and the other not: FID sees JPEG's traces."""
    if not formats or not real.formats:
        return ()
    lossy = ["JPEG" in one and one["JPEG"] == sum(one.values()) for one in (formats, real.formats)]
    if lossy[0] == lossy[1]:
        return ()
    which = ("generated", "real") if lossy[0] else ("real", "generated")
    return (f"the {which[0]} images are JPEG and the {which[1]} ones are not: compression moves the scores",)


def _labels_of(pile: metrics.ImagePile, real: RealSide) -> tuple[Tensor | None, tuple[str, ...]]:
    """Labels by the real side's classes, if the pile's are the same ones."""
    known = real.reference.class_names
    if pile.labels is None or known is None:
        return None, ()
    if pile.class_names is None:
        fits = int(pile.labels.min()) >= 0 and int(pile.labels.max()) < len(known)
        return (pile.labels, ()) if fits else (None, ())
    if not set(pile.class_names) <= set(known):
        return None, (f"its classes are not those of {real.name}, so nothing is scored by class",)
    number = torch.tensor([known.index(name) for name in pile.class_names])
    return number[pile.labels], ()


def _of_run(options: argparse.Namespace, real: RealSide, device: str, team: Team | None) -> FakeSide:
    if options.how is not None:
        raise InputError("--how is of piles: how a run's samples are drawn is known.")
    checkpoint = checkpoint_of(options.fake, options.output)
    tensors, metadata = read_checkpoint(checkpoint)
    sampler = sampler_of(checkpoint, tensors, metadata, device=device)
    if team is not None:
        team.hand_over(checkpoint, tensors, metadata)
    if real.shape is not None and tuple(sampler.shape) != tuple(real.shape):
        made, true = (" × ".join(str(side) for side in shape) for shape in (sampler.shape, real.shape))
        raise InputError(f"{checkpoint} makes samples of {made}, and {real.name} holds {true}.")
    folder = checkpoint.parent
    run = folder if any(folder.glob("rows-*.jsonl")) else None
    seed = options.seed
    if seed is None and run is not None:
        seed = int(results.read_run(run)["seed"].iloc[-1])
    n = options.samples or DEFAULT_SAMPLES
    samples, labels = samples_of_all(sampler, n, seed or 0, team)
    own = options.seed is None
    return FakeSide(
        name=options.name or (folder.name if run is not None else checkpoint.stem),
        pile=samples,
        how=how_sampled(sampler.variant) if own else f"{how_sampled(sampler.variant)} of seed {seed}",
        labels=_by_name(labels, sampler, real),
        asked=HOW_ASKED,
        content=metrics.content_sha256(metrics.as_pile(samples)),
        run=run,
    )


def _by_name(labels: Tensor | None, sampler: gans.Sampler, real: RealSide) -> Tensor | None:
    known, own = real.reference.class_names, sampler.class_names
    if labels is None or known is None or own is None or not set(own) <= set(known):
        return None
    return torch.tensor([known.index(name) for name in own])[labels]
