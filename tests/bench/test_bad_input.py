"""Bad input: one sentence on stderr, exit code 2, nothing on stdout, nothing lost."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import scipy.io
from commands import TINY, VANILLA, contents
from own_pictures import cut_in_half, write_classes, write_picture, write_pile
from PIL import Image

import bench.sample

Prepare = Callable[[pytest.MonkeyPatch], None]


def a_file_in_the_way(_: pytest.MonkeyPatch) -> None:
    Path("file").write_text("mine")


def a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", full)


def a_folder_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", forbidden)


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        print("Downloading http://mirror.example/train-images")
        raise URLError("Temporary failure in name resolution")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", unreachable)


def no_network_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("Temporary failure in name resolution")

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", unreachable)


def a_truncated_mnist_file(_: pytest.MonkeyPatch) -> None:
    raw = Path("data/MNIST/raw")
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"\0" * 1000)


def mnist_files_of_the_right_size_that_are_not_mnist(_: pytest.MonkeyPatch) -> None:
    raw = Path("data/MNIST/raw")
    raw.mkdir(parents=True)
    sizes = {"images-idx3": (47_040_016, 7_840_016), "labels-idx1": (60_008, 10_008)}
    for kind, bytes_each in sizes.items():
        for part, size_bytes in zip(("train", "t10k"), bytes_each, strict=True):
            with (raw / f"{part}-{kind}-ubyte").open("wb") as file:
                file.truncate(size_bytes)


def pictures(_: pytest.MonkeyPatch) -> None:
    write_pile(Path("mine"), 10)


def an_empty_folder(_: pytest.MonkeyPatch) -> None:
    Path("mine").mkdir()


def a_truncated_picture(_: pytest.MonkeyPatch) -> None:
    cut_in_half(write_pile(Path("mine"), 10)[4])


def a_corrupt_picture(_: pytest.MonkeyPatch) -> None:
    write_pile(Path("mine"), 10)
    Path("mine/bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 and then nothing of a JPEG")


def an_animated_picture(_: pytest.MonkeyPatch) -> None:
    write_pile(Path("mine"), 10)
    first, second = (Image.new("L", (16, 16), shade) for shade in (0, 255))
    first.save("mine/moving.gif", save_all=True, append_images=[second])


def a_picture_of_floats(_: pytest.MonkeyPatch) -> None:
    write_pile(Path("mine"), 10)
    Image.fromarray(np.zeros((16, 16), np.float32)).save("mine/f.tiff")


def classes_and_loose_pictures(_: pytest.MonkeyPatch) -> None:
    write_classes(Path("mine"), 5)
    write_picture(Path("mine/loose.png"), 99)


def two_folders_of_one_name(_: pytest.MonkeyPatch) -> None:
    write_pile(Path("mine"), 10)
    write_pile(Path("other/mine"), 10, first_seed=50)


def a_mat_file_of_something_else(_: pytest.MonkeyPatch) -> None:
    scipy.io.savemat("other.mat", {"x": np.zeros((2, 3))})


def a_damaged_extractor(_: pytest.MonkeyPatch) -> None:
    Path("mine.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not a header....")


def a_damaged_checkpoint(_: pytest.MonkeyPatch) -> None:
    Path("broken.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not a header....")


def a_full_folder(_: pytest.MonkeyPatch) -> None:
    Path("pictures").mkdir()
    Path("pictures/mine.png").write_bytes(b"mine")


def values(option: str, *bad: str, sentence: str) -> list[tuple[str, str, str]]:
    return [
        (f"{option[2:]} {text}", f"--variants vanilla {TINY} {option}={text}", f"{text!r} {sentence}")
        for text in bad
    ]


WHOLE, POSITIVE = "is not a whole number above 0", "is not a number above 0"

RUN: list[tuple[str, str, str] | tuple[str, str, str, Prepare]] = [
    ("unknown variant", f"--variants dcgn {TINY}", "no variant 'dcgn'. Did you mean 'dcgan'?"),
    ("unknown variant, listed", "--list --variants dcgn", "no variant 'dcgn'. Did you mean 'dcgan'?"),
    ("unknown dataset", f"{VANILLA} --dataset digit", "no data set 'digit'. Did you mean 'digits'?"),
    ("no variant", "--kimg 1", "--variants is needed"),
    ("an empty list", "--variants , --kimg 1", "at least one value is needed"),
    ("twice the same", "--variants vanilla,vanilla", "a value stands twice in 'vanilla,vanilla'"),
    ("unknown option", f"{VANILLA} --kmg 3", "Unrecognized arguments: --kmg 3"),
    ("a list with spaces", "--variants dcgan wgan", "Unrecognized arguments: wgan; a list is written A,B"),
    ("an option without its value", "--variants", "expected one argument"),
    ("kimg and epochs", f"{VANILLA} --epochs 2", "--kimg and --epochs both set the budget"),
    ("none and others", f"{VANILLA} --metrics none,fid", "--metrics none cannot stand beside other metrics"),
    ("extractor without use", f"{VANILLA} --extractor x", "--extractor is given, but no metric"),
    ("evaluation beyond the end", f"{VANILLA} --eval-every 9", "--eval-every 9 is more than the budget of"),
    (
        "a size the networks can't make",
        "--variants dcgan --kimg 0.256 --image-size 30",
        "cannot make 30 × 30 images: it makes squares of b · 2ⁿ pixels",
    ),
    ("a size beyond memory", f"{VANILLA} --image-size 100000", "more than 1024 pixels"),
    (
        "batch above the data",
        f"{VANILLA} --batch-size 64,1001",
        "A batch of 1001 is larger than the training",
    ),
    *values("--kimg", "0", "-1", "nan", "inf", "ten", sentence=POSITIVE),
    *values("--epochs", "0", "-1", "ten", sentence=POSITIVE),
    *values("--eval-every", "0", "-1", "ten", sentence=POSITIVE),
    *values("--batch-size", "0", "-64", "6.5", "many", sentence=WHOLE),
    *values("--samples", "0", "-1", "1e4", "²", sentence=WHOLE),
    *values("--image-size", "0", "-16", "16x16", sentence=WHOLE),
    *values("--seeds", "-1", "1.5", "a-b", "3-", sentence="is not a list of seeds like 0-4 or 0,2,5"),
    ("seeds backwards", f"{VANILLA} --seeds 4-0", "'4-0' names no seed"),
    ("too many seeds", f"{VANILLA} --seeds 0-10000000000", "names more than 10000 seeds"),
    ("a seed no row can hold", f"{VANILLA} --seeds {2**63}", "is not a list of seeds"),
    (
        "a size of points",
        f"{VANILLA} --dataset ring8 --image-size 16",
        "ring8 holds points, which have",
    ),
    ("images' scores of points", f"{VANILLA} --dataset ring8 --metrics fid", "fid needs an extractor"),
    ("points' scores of images", f"{VANILLA} --metrics modes", "modes needs samples whose modes are known"),
    (
        "a class that cannot be asked for",
        f"{VANILLA} --metrics class_fid",
        "class_fid needs samples of a class that was asked for, and no variant of vanilla can be asked for",
    ),
    ("too few samples", f"{VANILLA} --metrics is --samples 9", "needs at least 10 generated samples, got 9"),
    *(
        (f"set {text}", f"{VANILLA} --set {text}", f"--set takes VARIANT.FIELD=VALUE, not '{text}'")
        for text in ("lr", "lr=", "=3", "vanilla.lr")
    ),
    ("unknown field", f"{VANILLA} --set vanilla.dropot=0.1", "no field 'dropot'. Did you mean 'dropout'?"),
    ("unknown field of any", f"{VANILLA} --set boost=2", "vanilla has no field 'boost'"),
    ("field of another", f"{VANILLA} --set wgan.n_critic=3", "changes a variant that is not in --variants"),
    ("a word for a number", f"{VANILLA} --set lr=fast", "vanilla.lr must be a number, not 'fast'"),
    ("a fraction for a count", f"{VANILLA} --set nz=3.5", "vanilla.nz must be a whole number, not '3.5'"),
    ("not finite", f"{VANILLA} --set lr=nan", "vanilla.lr must be a finite number, not 'nan'"),
    ("a negative rate", f"{VANILLA} --set lr=-1", "must be above 0"),
    ("a choice there is not", f"{VANILLA} --set loss=hinge2", "There is no loss 'hinge2'; there are"),
    ("an empty value of several", f"{VANILLA} --set lr=1e-4,", "--set lr=1e-4, has an empty value"),
    (
        "one value twice",
        f"{VANILLA} --set lr=1e-4,0.0001",
        "--set lr=1e-4,0.0001 makes the same vanilla twice",
    ),
    ("one field twice", f"{VANILLA} --set lr=1e-4,2e-4 --set lr=1", "--set gives lr twice"),
    ("a word among numbers", f"{VANILLA} --set lr=1e-4,fast", "vanilla.lr must be a number, not 'fast'"),
    ("a width of nothing", f"{VANILLA} --set hidden_g=8-0", "must be above 0"),
    ("precision", f"{VANILLA} --precision fp23", "There is no precision 'fp23'; there are fp32"),
    ("compile", f"{VANILLA} --compile always", "There is no compile mode 'always'; there are off"),
    ("metric", f"{VANILLA} --metrics fdi", "no metric 'fdi': did you mean 'fid'?"),
    ("device", f"{VANILLA} --device gpu", "There is no device 'gpu'; there are auto, cpu, cuda and cuda:N"),
    ("half a device", f"{VANILLA} --device cpu:", "There is no device 'cpu:'"),
    ("format", f"{VANILLA} --format xlsx", "invalid choice: 'xlsx'"),
    ("extractor by name", f"{VANILLA} --metrics fid --extractor mine", "there is no extractor 'mine'"),
    (
        "a damaged extractor",
        f"{VANILLA} --metrics fid --extractor mine.safetensors",
        "mine.safetensors is not a whole safetensors file",
        a_damaged_extractor,
    ),
    (
        "output is a file",
        f"{VANILLA} --output file",
        "Cannot write to the output folder file",
        a_file_in_the_way,
    ),
    ("output below a file", f"{VANILLA} --output file/runs", "Cannot write to the output", a_file_in_the_way),
    (
        "output where nothing can be",
        f"{VANILLA} --output /proc/runs",
        "Cannot write to the output folder /proc",
    ),
    ("no permission", f"{VANILLA} --output x", "x: Permission denied", a_folder_without_permission),
    ("a full disk", VANILLA, "output folder runs: No space left on device", a_disk_that_is_full),
    (
        "no files, no network",
        f"{VANILLA} --dataset mnist --data-root data",
        "MNIST is not in data/MNIST/raw and cannot be downloaded (urlopen error Temporary failure in name "
        "resolution): put train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
        "t10k-labels-idx1-ubyte there, or name another folder with --data-root.",
        no_network,
    ),
    (
        "a truncated file",
        f"{VANILLA} --dataset mnist --data-root data",
        "data/MNIST/raw/train-images-idx3-ubyte is damaged: it has 1000 bytes instead of 47040016",
        a_truncated_mnist_file,
    ),
    (
        "files of something else",
        f"{VANILLA} --dataset mnist --data-root data",
        "A file of MNIST in data/MNIST/raw is damaged",
        mnist_files_of_the_right_size_that_are_not_mnist,
    ),
    ("no folder", f"{VANILLA} --dataset folder:mine", "The folder of pictures mine is not there"),
    ("folder without a path", f"{VANILLA} --dataset folder", "folder is written folder:PATH, not 'folder'"),
    ("a path too many", f"{VANILLA} --dataset digits:x", "Nothing may stand behind the name of the data set"),
    (
        "an empty folder",
        f"{VANILLA} --dataset folder:mine",
        "mine holds no pictures: no file in it",
        an_empty_folder,
    ),
    (
        "a comma in a path",
        f"{VANILLA} --dataset folder:mine,yours",
        "There is no data set 'yours'",
        pictures,
    ),
    (
        "truncated picture",
        f"{VANILLA} --dataset folder:mine",
        "The picture mine/004.png is damaged: ",
        a_truncated_picture,
    ),
    (
        "truncated picture, streamed",
        f"{VANILLA} --dataset folder:mine --stream always",
        "leaves out such files, and counts them",
        a_truncated_picture,
    ),
    (
        "corrupt picture",
        f"{VANILLA} --dataset folder:mine",
        "The picture mine/bad.jpg is damaged",
        a_corrupt_picture,
    ),
    (
        "animated picture",
        f"{VANILLA} --dataset folder:mine",
        "mine/moving.gif is animated",
        an_animated_picture,
    ),
    (
        "picture of floats",
        f"{VANILLA} --dataset folder:mine",
        "mine/f.tiff has 32 bits a pixel",
        a_picture_of_floats,
    ),
    (
        "loose pictures beside classes",
        f"{VANILLA} --dataset folder:mine",
        "pictures of its own (loose.png) beside subfolders",
        classes_and_loose_pictures,
    ),
    (
        "two folders of one name",
        f"{VANILLA} --dataset folder:mine,folder:other/mine",
        "Two data sets are called folder:mine",
        two_folders_of_one_name,
    ),
    (
        "a batch above the folder",
        f"{VANILLA} --dataset folder:mine",
        "A batch of 64 is larger than the training set of folder:mine (8 samples)",
        pictures,
    ),
    *(
        (f"{option} without pictures", f"{VANILLA} {option}", "no data set that was asked for is a folder of")
        for option in ("--skip-damaged", "--stream always", "--workers 2")
    ),
    *values("--workers", "0", "-1", "many", sentence=WHOLE),
    (
        "jobs in one process",
        f"{VANILLA} --jobs 2",
        "--jobs goes with --launcher local, ray or slurm, not with here",
    ),
    *values("--jobs", "0", "many", sentence=WHOLE),
    *values("--cpus-per-cell", "0", sentence=WHOLE),
    (
        "GPUs that nobody reserves",
        f"{VANILLA} --launcher local --gpus-per-cell 1",
        "--gpus-per-cell goes with --launcher ray or slurm, not with local",
    ),
    (
        "a device that is chosen twice",
        f"{VANILLA} --launcher ray --gpus-per-cell 1",
        "--gpus-per-cell chooses the devices; leave --device cpu out",
    ),
    (
        "a GPU without a reservation",
        f"{VANILLA} --launcher slurm --device cuda",
        "--device cuda with --launcher slurm needs --gpus-per-cell",
    ),
    ("half a setting", f"{VANILLA} --launcher slurm --slurm partition", "'partition' is not KEY=VALUE"),
    ("an unknown way to stream", f"{VANILLA} --stream maybe", "invalid choice: 'maybe'"),
    (
        "no faces",
        f"{VANILLA} --dataset tfd --data-root data",
        "There is no file data/tfd/TFD_48x48.mat: the Toronto Face Database is not public",
    ),
    (
        "no such fold",
        f"{VANILLA} --dataset tfd#7",
        "A fold of the Toronto faces is 0…4, as in tfd#3, not '7'",
    ),
    (
        "a .mat of another layout",
        f"{VANILLA} --dataset tfd:other.mat",
        "it holds x (2 × 3 float64); needed are images",
        a_mat_file_of_something_else,
    ),
    (
        "cifar10, no network",
        f"{VANILLA} --dataset cifar10 --data-root data",
        "CIFAR-10 is not in data/cifar-10-batches-py and cannot be downloaded",
        no_network_at_all,
    ),
]

SAMPLE: list[tuple[str, str, str] | tuple[str, str, str, Prepare]] = [
    ("sample: no run", "", "required: RUN, --out"),
    ("sample: unknown run", "digit-vanila --out x", "There is no run 'digit-vanila' in runs. Did you mean"),
    ("sample: no store", "digits --store nowhere --out x", "nor any finished run in the store nowhere"),
    ("sample: a folder of something else", ".. --out x", "The folder .. has no checkpoint.safetensors"),
    ("sample: no samples", "digits --n 0 --out x", f"'0' {WHOLE}"),
    ("sample: a seed below 0", "digits --seed=-1 --out x", "'-1' is not a whole number from 0 on"),
    ("sample: format", "digits --format gif --out x", "invalid choice: 'gif'"),
    ("sample: a full folder", "digits --out pictures", "The folder pictures is not empty", a_full_folder),
    (
        "sample: out is a file",
        "digits --out file",
        "Cannot write to the output folder file",
        a_file_in_the_way,
    ),
    (
        "sample: damaged",
        "broken.safetensors --out x",
        "The checkpoint broken.safetensors is damaged",
        a_damaged_checkpoint,
    ),
]

CASES = [(bench.run.main, case) for case in RUN] + [(bench.sample.main, case) for case in SAMPLE]


@pytest.mark.parametrize(("main", "case"), CASES, ids=[case[0] for _, case in CASES])
def test_one_sentence_exit_code_2_and_nothing_lost(main, case, run, store, monkeypatch):
    _, command, sentence, *prepare = case
    for change in prepare:
        change(monkeypatch)
    before = contents(Path())
    done = run(command, main)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert sentence in done.err
    assert contents(Path()) == before


@pytest.mark.slow
def test_the_same_from_a_shell():
    command = [sys.executable, "-m", "bench.run", "--variants", "dcgn"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: There is no variant 'dcgn'. Did you mean 'dcgan'? There are: acgan, cgan, "
        "dcgan, gan2014, lsgan, vanilla, wgan, wgan_gp.\n"
    )
