"""A store that cannot be written ends the launch with a sentence; a file elsewhere ends one cell."""

import errno
import os
import shutil
from pathlib import Path

import bad_variants
import pytest
from commands import VANILLA, WGAN_TOO
from safetensors import SafetensorError

import gans
import results
from bench import cli
from bench.unwritable import why_store_fails, why_unwritable

FOLDER = Path("runs") / "cell"


def failing(code: int, name: str | Path | None = None) -> OSError:
    return OSError(code, os.strerror(code), *([] if name is None else [str(name)]))


@pytest.fixture(autouse=True)
def folder() -> None:
    FOLDER.mkdir(parents=True)


def fails_in_step(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the third step of `vanilla`, not of `wgan`."""
    step = gans.Trainer.step

    def failing_step(trainer):
        if trainer.steps == 2 and trainer.variant.name == "vanilla":
            raise error
        return step(trainer)

    monkeypatch.setattr(gans.Trainer, "step", failing_step)


@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT", "EROFS", "EIO", "ESTALE", "ENOTCONN"])
def test_a_store_that_cannot_be_written_ends_the_launch(code, run, monkeypatch):
    # A full disk concerns all, whatever was written; of other failures the folder's own files must tell.
    error = failing(getattr(errno, code), None if code in ("ENOSPC", "EDQUOT") else FOLDER / "history.csv")
    fails_in_step(error, monkeypatch)
    done = run(WGAN_TOO + " --eval-every 0.064")
    assert done.code == cli.BAD
    *_, last = done.err.splitlines()
    assert last.startswith("error: Cannot write to runs/digits-vanilla-")
    assert last.endswith(f": {error.strerror}; what was measured is kept.")
    frame = results.load("runs")
    assert set(frame["variant"]) == {"vanilla"}
    assert frame.loc[frame["metric"] == "parzen", "kimg"].nunique() == 3
    assert frame["reason"].iloc[0] == last.removeprefix("error: ")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_file_elsewhere_concerns_its_cell_alone(code, run, monkeypatch, tmp_path):
    fails_in_step(failing(code, tmp_path / "cache" / "kernel.so"), monkeypatch)
    done = run(WGAN_TOO)
    assert done.code == cli.FAILURES
    frame = results.load("runs").drop_duplicates("variant").set_index("variant")
    assert frame["outcome"].to_dict() == {"vanilla": "error", "wgan": "ok"}
    assert "kernel.so" in frame.loc["vanilla", "reason"]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (failing(errno.EACCES, FOLDER / "history.csv"), os.strerror(errno.EACCES)),
        (failing(errno.EACCES, "runs-of-another/x"), None),
        (failing(errno.EPERM), None),  # as to send a signal, or to set a priority
        (failing(errno.ENOENT, FOLDER / "x"), None),
        (failing(errno.ENOSPC), os.strerror(errno.ENOSPC)),
        (failing(errno.EIO, FOLDER / "checkpoint.safetensors.part"), os.strerror(errno.EIO)),
        # A socket's, or of an open file of the data: this folder can be written.
        (failing(errno.ENOTCONN), None),
        (failing(errno.EIO), None),
        (SafetensorError("I/O error: No space left on device (os error 28)"), os.strerror(errno.ENOSPC)),
        (RuntimeError("unable to write to file </torch_1_2>: No space left on device (28)"), None),
    ],
)
def test_what_is_about_the_store(error, why):
    assert why_store_fails(error, FOLDER) == why
    assert why_store_fails(error, FOLDER.absolute()) == why


def test_an_answer_of_the_system_in_another_packages_words():
    assert why_unwritable(SafetensorError("disk is (os error 30)")) == os.strerror(errno.EROFS)
    assert why_unwritable(SafetensorError("all is well")) is None


def test_a_mount_that_vanishes(run, monkeypatch):
    step = gans.Trainer.step

    def gone(trainer):
        if trainer.steps == 2:
            shutil.rmtree("runs")
        return step(trainer)

    monkeypatch.setattr(gans.Trainer, "step", gone)
    done = run(WGAN_TOO)
    assert done.code == cli.BAD
    *_, last = done.err.splitlines()
    assert last.startswith("error: Cannot write to runs/digits-vanilla-")
    assert last.endswith(": the folder has gone; what was measured is kept.")
    assert "Traceback" not in done.err


def test_rows_that_cannot_even_be_sealed_are_left_for_the_next_launch(run, monkeypatch):
    bad_variants.offer(monkeypatch, "find_no_space")
    with monkeypatch.context() as patch:

        def full(journal, *_, **__):
            raise failing(errno.ENOSPC)

        patch.setattr(results.Journal, "seal", full)
        assert run(VANILLA.replace("vanilla ", "find_no_space ", 1)).code == cli.BAD
    assert list(Path("runs").glob("*/journal-000.jsonl"))
    run(VANILLA.replace("vanilla ", "find_no_space ", 1))
    assert results.load("runs", every_attempt=True)["attempt"].nunique() == 2
