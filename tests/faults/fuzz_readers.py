"""Everything that reads a file or a command line from outside, with small valid inputs to start from."""

import contextlib
import io
import json
import pickle
import random
import shlex
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import torch
from mutations import mutated, mutated_json
from PIL import ExifTags, Image
from safetensors.torch import save

import bench.run
import gans
import results
from bench import cli
from bench.baselines import read_baselines
from bench.datasets import tfd
from bench.errors import BAD_INPUT, InputError
from bench.machine_class import file_name, machine_class
from bench.medians import Timing
from bench.perf_session import read_session
from metrics import (
    ClassifierMetadata,
    DomainClassifier,
    MetricError,
    Statistics,
    load_statistics,
    open_pile,
    save_statistics,
)
from metrics.images import decode_image, read_header
from metrics.network_weights import read_state_dict
from metrics.piles import whole
from results.row_file import seal_line

MIB = 1 << 20


@dataclass(frozen=True)
class Reader:
    """A reader: `read` is given an empty folder and the bytes; only `documented` errors are right."""

    name: str
    valid: Callable[[], list[bytes]]
    read: Callable[[Path, bytes], object]
    documented: tuple[type[Exception], ...]
    mutate: Callable[[Sequence[bytes], random.Random], bytes] = mutated
    memory_bytes: int = 768 * MIB
    """Address space beyond that of the process before: threads' stacks and allocator's arenas take half."""


def _from(write: Callable[[Path], object], suffix: str = "") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"made{suffix}"
        write(path)
        return path.read_bytes()


# Pictures


def _picture(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    rng = np.random.default_rng(0)
    channels = {"L": (), "P": (), "1": (), "RGB": (3,), "RGBA": (4,), "CMYK": (4,), "LA": (2,)}[mode]
    pixels = rng.integers(0, 256, (9, 7, *channels), dtype=np.uint8)
    image = Image.fromarray(pixels if mode != "1" else pixels > 99)
    if mode == "CMYK":
        image = Image.fromarray(pixels[..., :3]).convert("CMYK")
    if mode == "P":
        image = image.convert("P")
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def _pictures() -> list[bytes]:
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    gray16 = io.BytesIO()
    Image.fromarray(np.arange(63, dtype=np.uint16).reshape(9, 7) * 1000).save(gray16, "PNG")
    frames = [Image.new("L", (7, 9), shade) for shade in (9, 200)]
    animated = io.BytesIO()
    frames[0].save(animated, "GIF", save_all=True, append_images=frames[1:])
    stereo = io.BytesIO()
    frames[0].convert("RGB").save(stereo, "MPO", save_all=True, append_images=[frames[1].convert("RGB")])
    return [
        *(_picture("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
        _picture("PNG", "P", transparency=3), _picture("PNG", exif=turned),
        gray16.getvalue(), animated.getvalue(), stereo.getvalue(),
        *(_picture("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
        _picture("JPEG", exif=turned), _picture("JPEG", progressive=True),
        _picture("BMP"), _picture("BMP", "1"), _picture("GIF", "P"),
        _picture("WEBP"), _picture("WEBP", "RGBA", lossless=True),
        *(_picture("TIFF", compression=c) for c in (None, "tiff_lzw", "tiff_deflate", "jpeg", "packbits")),
        _picture("TIFF", "1", compression="group4"), _picture("PPM"), _picture("PPM", "L"),
        _picture("AVIF"),
    ]  # fmt: skip


def _read_picture(_: Path, content: bytes) -> None:
    read_header(content, "a picture")
    decode_image(content, "a picture", size=8, channels=3)
    decode_image(content, "a picture", size=None, channels=1)


# Piles: zips and arrays


def _zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def _zips() -> list[bytes]:
    png = {f"{name}/{i}.png": _picture("PNG", "L") for name in ("cats", "dogs") for i in range(2)}
    labels = {"dataset.json": json.dumps({"labels": [["a.png", 0], ["b.png", 1]]}).encode()}
    return [
        _zip(png),
        _zip(png, zipfile.ZIP_STORED),
        _zip({"../../climbing.png": _picture("JPEG"), "/etc/x.png": _picture("PNG")}),
        _zip({"a.png": _picture("PNG"), "b.png": _picture("PNG"), **labels}),
    ]


def _read_pile(suffix: str, **asked: Any) -> Callable[[Path, bytes], None]:
    def read(folder: Path, content: bytes) -> None:
        path = folder / f"pile{suffix}"
        path.write_bytes(content)
        whole(open_pile(path, workers=2, **asked))

    return read


def _images(n: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 3, 6, 5), dtype=np.uint8)


def _npys() -> list[bytes]:
    return [
        _from(lambda path: np.save(path, _images()), ".npy"),
        _from(lambda path: np.save(path, np.asfortranarray(_images())), ".npy"),
        _from(lambda path: np.save(path, np.array([{"a": 1}]), allow_pickle=True), ".npy"),
    ]


def _npzs() -> list[bytes]:
    labels = np.arange(3)
    return [
        _from(lambda path: np.savez(path, images=_images(), labels=labels), ".npz"),
        _from(lambda path: np.savez_compressed(path, arr_0=_images().transpose(0, 2, 3, 1)), ".npz"),
        _from(lambda path: np.savez(path, images=np.array([{"a": 1}], dtype=object)), ".npz"),
    ]


def _statistics() -> list[bytes]:
    features = torch.from_numpy(np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32))
    covariance = torch.cov(features.T.double())
    made = Statistics(
        mean=features.double().mean(0), covariance=(covariance + covariance.T) / 2, n=9, features=features
    )
    mu, sigma = made.mean.numpy(), made.covariance.numpy()
    return [
        _from(lambda path: save_statistics(path, made), ".npz"),
        _from(lambda path: np.savez_compressed(path, mu=mu, sigma=sigma), ".npz"),
    ]


def _read_statistics(folder: Path, content: bytes) -> None:
    path = folder / "statistics.npz"
    path.write_bytes(content)
    load_statistics(path)


# Data sets' files


def _mats() -> list[bytes]:
    rng = np.random.default_rng(0)
    found = {
        "images": rng.integers(0, 256, (8, 6, 6), dtype=np.uint8),
        "folds": rng.integers(0, 4, (8, 5), dtype=np.uint8),
        "labs_ex": rng.integers(1, 8, (8, 1)).astype(np.int16),
    }
    odd = {"text": "some text", "cells": np.array([1, "a"], dtype=object), "record": {"a": 1.0}}
    return [
        _from(lambda path: scipy.io.savemat(path, found), ".mat"),
        _from(lambda path: scipy.io.savemat(path, found, do_compression=True), ".mat"),
        _from(lambda path: scipy.io.savemat(path, found | odd), ".mat"),
        _from(lambda path: scipy.io.savemat(path, {"x": np.eye(3)}, format="4"), ".mat"),
    ]


def _read_mat(folder: Path, content: bytes) -> None:
    path = folder / "faces.mat"
    path.write_bytes(content)
    tfd.read(path)


# Rows


def _run(**changes: object) -> dict[str, object]:
    return {
        "training_id": "t0", "trained": True, "variant": "dcgan", "variant_version": "1", "dataset": "digits",
        "seed": 0, "batch_size": 64, "kimg_budget": 100.0, "device": "cpu", "precision": "fp32",
        "compile": "off", "changed": "", "image_shape": "1x6x6",
        "settings": json.dumps({"variant": {"conditioning": {"kind": "none"}}}),
        "started_utc": datetime(2026, 1, 2, tzinfo=UTC),
    } | changes  # fmt: skip


def _values() -> list[dict[str, object]]:
    protocol = {"metric": "fid@x", "n_real": 500, "n_fake": 500, "seed": None}
    base = {"better": "lower", "protocol": json.dumps(protocol), "protocol_hash": "p", "split": "test"}
    scores: list[dict[str, object]] = [
        {"phase": "score", "metric": "fid@x", "value": 9.0 / (kimg + 1), "uncertainty": 0.25,
         "uncertainty_kind": "standard error", "kimg": kimg, "training_sec": kimg,
         "final": kimg == 100, **base}
        for kimg in (0.0, 50.0, 100.0)
    ]  # fmt: skip
    curve = {f"validation_at_{sigma}": 100 - sigma for sigma in (0.1, 0.3)}
    parzen = {"metric": "parzen", "value": 80.0, "better": "higher", "details": json.dumps(curve)}
    speed = {"phase": "training", "metric": "images_per_sec", "value": 1000.0, "kimg": 100.0, "final": True}
    return [*scores, {**scores[-1], **parzen, "protocol_hash": "q"}, speed]


def _journal(folder: Path, **changes: object) -> results.Journal:
    journal = results.Journal.open(folder, _run(**changes))
    for values in _values():
        journal.append(**values)
    return journal


def _row_files() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return [
            _journal(Path(folder)).seal("ok").read_bytes(),
            _journal(Path(folder), training_id="t1")
            .seal("diverged", reason="A reason.", flags=["x"])
            .read_bytes(),
        ]


def _read_rows(folder: Path, content: bytes) -> None:
    (folder / "run").mkdir()
    (folder / "run/rows-000.jsonl").write_bytes(content)
    results.load(folder)


def _journals() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        journal = _journal(Path(folder))
        journal.close()
        return [journal.path.read_bytes(), *_row_files()]


def _read_journal(folder: Path, content: bytes) -> None:
    (folder / "run").mkdir()
    (folder / "run/journal-000.jsonl").write_bytes(content)
    with contextlib.suppress(results.StoreError):
        results.load(folder)
    results.seal_abandoned(folder / "run")


_NESTED = ("details", "protocol", "settings", "backend")  # columns whose text is JSON


def _forged_rows(valid: Sequence[bytes], rng: random.Random) -> bytes:
    """Lines with other values under a right checksum."""
    *lines, sealed = [json.loads(line) for line in rng.choice(valid).splitlines()]
    at = rng.randrange(len(lines))
    part = lines[at]["run"] if at == 0 else lines[at]
    inside = [name for name in _NESTED if name in part]
    if inside and rng.random() < 0.5:
        name = rng.choice(inside)
        part[name] = json.dumps(mutated_json(json.loads(part[name]), rng))
    elif at == 0:
        lines[0]["run"] = mutated_json(part, rng)
    else:
        lines[at] = mutated_json(part, rng)
    sealed = {name: sealed[name] for name in ("outcome", "reason", "flags") if name in sealed}
    content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return content + seal_line(content, sealed)


def _read_hostile_rows(folder: Path, content: bytes) -> None:
    """Rows whose checksum is right, whoever wrote them: loaded, in tables, in a report."""
    (folder / "run").mkdir()
    (folder / "run/rows-000.jsonl").write_bytes(content)
    grid = Image.fromarray(np.zeros((57, 57), np.uint8))
    grid.save(folder / "run/samples.png")
    (folder / "run/history.csv").write_text("kimg,loss_d,loss_g,d_real,d_fake,jsd\n0,1,1,.5,.5,.1\n")
    frame = results.load(folder)
    results.compact_table(frame)
    results.summary(frame)
    results.export(frame, folder / "rows.csv")
    results.write_report(frame, folder / "report.html", store=folder)  # which draws, too


# Pictures and histories of a run's folder, which a report shows


def _run_files() -> list[bytes]:
    history = (
        b"step,kimg,loss_d,loss_g,d_real,d_fake,jsd\n1,0,1.0,0.8,0.6,0.4,0.1\n2,50,0.9,0.8,0.6,0.4,0.1\n"
    )
    return [
        history,
        *_pictures()[:6],
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
    ]


def _read_run_files(folder: Path, content: bytes) -> None:
    _journal(folder / "run").seal("ok")
    (folder / "run/progress").mkdir()
    for name in ("samples.png", "walk.png", "history.csv", "progress/kimg-00050.000.png"):
        (folder / "run" / name).write_bytes(content)
    results.write_report(results.load(folder), folder / "report.html", store=folder)


# Networks


def _tiny() -> gans.Variant:
    variant = gans.get("vanilla")
    for field, value in (("hidden_g", "4"), ("hidden_d", "4"), ("nz", "3")):
        variant = gans.set_field(variant, field, value)
    return variant


def _checkpoints() -> list[bytes]:
    conditional = gans.get("cgan")
    for field in ("ngf", "ndf"):
        conditional = gans.set_field(conditional, field, "1")
    made = []
    for variant, labels in ((_tiny(), None), (conditional, torch.arange(16) % 2)):
        trainer = gans.Trainer(
            variant,
            torch.zeros(16, 1, 8, 8, dtype=torch.uint8),
            gans.Settings(batch_size=8, kimg=0.016),
            labels=labels,
        )
        made.append(
            _from(
                lambda path, t=trainer: gans.save_checkpoint(
                    path, t.state_dict(), t.variant, t.shape, t.classes
                ),
                ".safetensors",
            )
        )
    return made


def _forged_header(key: str) -> Callable[[Sequence[bytes], random.Random], bytes]:
    """Another description of the same tensors, in the JSON that safetensors keeps for its users."""

    def forged(valid: Sequence[bytes], rng: random.Random) -> bytes:
        content = rng.choice(valid)
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        described = mutated_json(json.loads(header["__metadata__"][key]), rng)
        header["__metadata__"][key] = json.dumps(described)
        header["__metadata__"].pop("sha256", None)  # who forges one makes the checksum fit, or leaves it out
        packed = json.dumps(header).encode()
        return len(packed).to_bytes(8, "little") + packed + content[8 + length :]

    return forged


def _read_checkpoint(folder: Path, content: bytes) -> None:
    path = folder / "checkpoint.safetensors"
    path.write_bytes(content)
    gans.load(path).sample(2)


class Trap:
    """Unpickling it would run a function."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("sprung"),)


def _weights() -> list[bytes]:
    state = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}
    legacy = lambda path: torch.save(state, path, _use_new_zipfile_serialization=False)  # noqa: E731
    return [
        _from(lambda path: torch.save(state, path)), _from(legacy),
        _from(lambda path: torch.save(Trap(), path)),
        pickle.dumps(Trap()),
    ]  # fmt: skip


def _safetensors() -> list[bytes]:
    return [save({"a": torch.zeros(2, 3), "b": torch.zeros(4, dtype=torch.bfloat16)})]


def _read_weights(suffix: str) -> Callable[[Path, bytes], None]:
    def read(folder: Path, content: bytes) -> None:
        path = folder / f"weights{suffix}"
        path.write_bytes(content)
        read_state_dict(path, "weights")

    return read


def _classifiers() -> list[bytes]:
    metadata = ClassifierMetadata(
        test_accuracy=0.9, training_data="x/train@1", how_trained="in words", class_names=("a", "b")
    )
    made = DomainClassifier(name="x-classifier", image_size=8, channels=1, n_classes=2)
    return [_from(lambda path: made.save(path, metadata))]


def _read_classifier(folder: Path, content: bytes) -> None:
    path = folder / "classifier.safetensors"
    path.write_bytes(content)
    DomainClassifier.load(path)


# Command lines and files of settings


_WORDS = (
    "--variants vanilla --dataset ring8 --kimg 0.1",
    "--variants vanilla,wgan --set lr=1e-3,2e-3 --set vanilla.nz=8",
    "--variants wgan_gp --seeds 0-2,5 --eval-every 0.05 --precision fp32 --batch-size 32,64",
    "--variants cgan --set conditioning=joined --image-size 16 --epochs 0.1 --compile off --samples 100",
    "--variants vanilla --dataset digits,grid25 --set hidden_g=8-8-8 --device cpu --kimg 1",
    "--list --variants dcgan",
)  # fmt: skip


def _command_lines() -> list[bytes]:
    return [words.encode() for words in _WORDS]


def _read_command_line(folder: Path, content: bytes) -> None:
    text = content.decode("utf-8", "surrogateescape")
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    arguments = [*words, "--metrics", "none", "--output", str(folder / "runs"), "--dry-run", "--quiet"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            code = cli.call(bench.run.main, arguments)
        except SystemExit as end:  # --help
            code = end.code or 0
    if code == cli.BAD:
        raise InputError("exit code 2")
    assert code == cli.OK, f"exit code {code}"


def _forged_json(valid: Sequence[bytes], rng: random.Random) -> bytes:
    return json.dumps(mutated_json(json.loads(rng.choice(valid)), rng)).encode()


def _sessions() -> list[bytes]:
    timing = asdict(Timing(seconds=(1.0, 1.1, 1.2), warmup=1, steady=True, first_sec=1.0))
    benchmark = {"name": "test_x", "extra_info": {"path": timing, "plain": timing}}
    machine = {"gan_bench_class": machine_class()}
    return [json.dumps({"machine_info": machine, "benchmarks": [benchmark], "commit_info": None}).encode()]


def _read_session(folder: Path, content: bytes) -> None:
    path = folder / "session.json"
    path.write_bytes(content)
    read_session(path)


_MACHINE = {"processor": "x", "torch": "1"}


def _baselines() -> list[bytes]:
    benchmarks = {"a": {"ratio": 1.0, "margin": 1.1, "scatter": 0.1}}
    content = {"format": 1, "machine": _MACHINE, "sessions": 5, "commit": "", "benchmarks": benchmarks}
    return [json.dumps(content, indent=1).encode()]


def _read_baselines(folder: Path, content: bytes) -> None:
    (folder / file_name(_MACHINE)).write_bytes(content)
    read_baselines(folder, _MACHINE)


READERS = (
    # Decoding, turning, laying on white and shrinking a picture of 89 million pixels takes 1.7 GiB.
    Reader("pictures", _pictures, _read_picture, (MetricError,), memory_bytes=3 << 30),
    Reader("zips of pictures", _zips, _read_pile(".zip", size=8), (MetricError,), memory_bytes=3 << 30),
    Reader("npy", _npys, _read_pile(".npy"), (MetricError,)),
    Reader("npz", _npzs, _read_pile(".npz"), (MetricError,)),
    Reader("statistics", _statistics, _read_statistics, (MetricError,)),
    Reader("mat (tfd)", _mats, _read_mat, (InputError,)),
    Reader("row files", _row_files, _read_rows, (results.StoreError,)),
    Reader("journals", _journals, _read_journal, (results.StoreError,)),
    Reader("forged rows, to a report", _row_files, _read_hostile_rows, (results.StoreError,), _forged_rows),
    Reader("a run's files, to a report", _run_files, _read_run_files, (results.StoreError,)),
    Reader("checkpoints", _checkpoints, _read_checkpoint, (gans.VariantError,)),
    Reader(
        "forged checkpoints", _checkpoints, _read_checkpoint, (gans.VariantError,),
        _forged_header("gan-bench"),
    ),
    Reader("weights (torch.save)", _weights, _read_weights(".pth"), (MetricError,)),
    Reader("weights (safetensors)", _safetensors, _read_weights(".safetensors"), (MetricError,)),
    Reader("classifiers", _classifiers, _read_classifier, (MetricError,)),
    Reader(
        "forged classifiers", _classifiers, _read_classifier, (MetricError,),
        _forged_header("gan-bench domain classifier"),
    ),
    Reader("command lines", _command_lines, _read_command_line, BAD_INPUT),
    Reader("sessions of the gate", _sessions, _read_session, (InputError,), _forged_json),
    Reader("baselines of the gate", _baselines, _read_baselines, (InputError,), _forged_json),
)  # fmt: skip
