"""Whatever ends a cell, its row says so, the other cells run, and the exit code is 1."""

import errno
import os
import subprocess
from pathlib import Path

import broken_variants
import pytest
from commands import VANILLA, WGAN_TOO, contents, learned, only_folder

import gans
import results
from bench import cli, training


def outcomes(store: str = "runs") -> dict[str, str]:
    """Each variant's outcome in a store."""
    frame = results.load(store)
    return dict(zip(frame["variant"], frame["outcome"], strict=True))


def test_a_diverged_run_is_a_row_and_the_rest_runs(run):
    command = WGAN_TOO + " --set vanilla.lr=1e30"
    done = run(command)
    assert done.code == cli.FAILURES
    assert outcomes() == {"vanilla": "diverged", "wgan": "ok"}
    assert "1 diverged" in done.out
    assert "became non-finite by generator step" in done.err
    reasons = results.load("runs").set_index("variant")["reason"]
    assert "became non-finite by generator step" in reasons["vanilla"].iloc[0]


def test_a_diverged_run_is_not_tried_again_and_stays_a_failure(run):
    command = VANILLA + " --set vanilla.lr=1e30"
    run(command)
    before = contents(Path("runs"))
    assert run(command).code == cli.FAILURES
    assert contents(Path("runs")) == before


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (broken_variants.FailsInForward(), "RuntimeError: the widget is loose"),
        (broken_variants.FailsInBuild(), "ZeroDivisionError: division by zero"),
    ],
    ids=["forward", "build"],
)
def test_a_mistake_in_a_variant_is_an_error_row_with_its_traceback_in_a_file(
    network, reason, run, monkeypatch
):
    broken_variants.register(monkeypatch, "loose", network)
    done = run(VANILLA.replace("--variants vanilla", "--variants loose,vanilla"))
    assert done.code == cli.FAILURES
    assert outcomes() == {"loose": "error", "vanilla": "ok"}
    frame = results.load("runs").set_index("variant")
    assert frame["reason"]["loose"] == reason
    assert "Traceback" not in done.err
    (report,) = Path("runs").glob("*loose*/error-000.txt")
    assert "Traceback" in report.read_text()
    assert reason in report.read_text()


def test_arithmetic_that_the_machine_lacks_is_a_row(run):
    done = run(VANILLA + " --precision fp32,tf32")
    assert done.code == cli.FAILURES
    frame = results.load("runs").drop_duplicates("precision").set_index("precision")
    assert frame["outcome"].to_dict() == {"fp32": "ok", "tf32": "unsupported"}
    assert frame["reason"]["tf32"] == "TF32 exists on CUDA devices only."


def scored_at(frame) -> list[float]:
    return frame.loc[(frame["metric"] == "parzen") & (frame["split"] == "test"), "kimg"].tolist()


@pytest.mark.parametrize(
    "exhaustion",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
    ids=["python", "torch"],
)
def test_memory_that_runs_out_is_a_row_and_what_was_measured_stays(exhaustion, run, monkeypatch):
    step = gans.Trainer.step

    def exhausted(trainer):
        if trainer.steps == 2:
            raise exhaustion
        return step(trainer)

    monkeypatch.setattr(gans.Trainer, "step", exhausted)
    done = run(VANILLA + " --eval-every 0.064")
    assert done.code == cli.FAILURES
    frame = results.load("runs")
    assert set(frame["outcome"]) == {"oom"}
    assert scored_at(frame) == [0, 0.064, 0.128]


def test_a_failed_cell_is_tried_again(run, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(gans.Trainer, "step", lambda _: 1 / 0)
        assert run(VANILLA).code == cli.FAILURES
    assert run(VANILLA).code == cli.OK
    assert outcomes() == {"vanilla": "ok"}
    assert set(results.load("runs", every_attempt=True)["outcome"]) == {"error", "ok"}


def test_a_disk_that_fills_up_during_a_run_ends_it_and_keeps_what_was_measured(run, monkeypatch):
    append = results.Journal.append

    def full(journal, **values):
        if values.get("kimg", 0) > 0.1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(journal, **values)

    monkeypatch.setattr(results.Journal, "append", full)
    done = run(VANILLA + " --eval-every 0.064")
    assert done.code == cli.BAD
    *_, last = done.err.splitlines()
    assert last.startswith(
        f"error: Cannot write to {only_folder(Path('runs')).relative_to(Path())}: No space left"
    )
    assert last.endswith("what was measured is kept.")
    frame = results.load("runs")
    assert scored_at(frame) == [0, 0.064]


def test_a_file_system_that_is_really_full(run, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small], capture_output=True)
    if mount.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mount.stderr.decode().strip()}")
    try:
        # A checkpoint is 2 × 100 × 300 weights with Adam's moments, 1.4 MB: two fit, and rows do.
        command = f"{VANILLA} --set hidden_g=300 --eval-every 0.128"
        done = run(f"{command} --output {small}/runs")
        assert done.code == cli.BAD
        assert "No space left on device; what was measured is kept." in done.err.splitlines()[-1]
        frame = results.load(small / "runs")
        assert scored_at(frame) == [0, 0.128]
        assert not list(small.rglob("*.part"))

        subprocess.run(["mount", "-o", "remount,size=5m", small], check=True)
        assert run(f"{command} --output {small}/runs").code == cli.OK
        assert run(command).code == cli.OK
        resumed, whole = (only_folder(store) for store in (small / "runs", Path("runs")))
        assert learned(resumed).keys() == learned(whole).keys()
        assert all(tensor.equal(learned(whole)[name]) for name, tensor in learned(resumed).items())

        filler = small / "filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(b"\0" * 2**23)
        done = run(f"{VANILLA} --output {small}/more")
        assert (done.code, done.out) == (cli.BAD, "")
        assert (
            done.err == f"error: Cannot write to the output folder {small}/more: No space left on device.\n"
        )
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_discriminator_that_wins_by_far_for_long_is_a_flag():
    won = {"d_real": 0.99, "d_fake": 0.01}
    even = {"d_real": 0.5, "d_fake": 0.5}
    assert training.discriminator_dominates([won, even, even, even], "probability")
    assert not training.discriminator_dominates([won, even, even, even, even], "probability")
    assert not training.discriminator_dominates([won], "score")
    assert not training.discriminator_dominates([], "probability")
