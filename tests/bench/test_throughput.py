"""`bench.throughput`: what it leaves, what it refuses to time, and how it goes on."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from commands import VANILLA, Finished

import bench.throughput
import gans
import results
from bench import cli, throughput_group, throughput_modes, throughput_rows
from bench.flops import StepFlops
from bench.throughput_plan import modes_of
from gans.penalties import GradientPenalty
from results.throughput_table import _MODES

SMALL = "--set hidden_g=8 --set hidden_d=8 --rounds 6 --device cpu"
DIGITS = f"--variants vanilla --dataset digits {SMALL}"
BOTH = f"{DIGITS} --precision fp32,amp-bf16"
CRITIC = "--variants wgan_gp --set ngf=2 --set ndf=2 --dataset digits --rounds 6 --device cpu --batch-sizes 8"


@pytest.fixture(autouse=True)
def quick_instruments(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """They take seconds, and tests of their own look at them; a test of figures asks for `instruments`."""
    monkeypatch.setattr(throughput_rows, "matmul_rate", lambda device, precision: 1e11)
    monkeypatch.setattr(throughput_group, "FEATURE_IMAGES", 4)
    if "instruments" not in request.fixturenames:
        none = StepFlops(d_step=1, g_step=1, critic_steps=1)
        monkeypatch.setattr(throughput_group, "step_flops", lambda trainer: none)
        monkeypatch.setattr(throughput_modes, "host_reads", lambda trainer: 0)


@pytest.fixture
def throughput(run):
    """Run the command in this process."""
    return lambda command: run(command, bench.throughput.main)


def table() -> pd.DataFrame:
    return results.throughput_table(results.load("runs")).set_index(["precision", "compile"])


def test_one_row_a_mode_with_all_that_a_cpu_can_say(throughput, instruments):
    done: Finished = throughput(f"{BOTH} --quiet")
    assert (done.code, done.err) == (cli.OK, "")
    cells = table()
    assert list(cells.index) == [("fp32", "off"), ("amp-bf16", "off")]
    assert cells["outcome"].tolist() == ["ok", "ok"]
    everywhere = (
        "images_per_sec d_step_ms g_step_ms first_step_sec peak_memory_allocated_bytes flops_per_sec "
        "matmul_share host_reads_per_iteration"
    )
    assert cells[everywhere.split()].notna().all(axis=None)
    assert (cells["images_per_sec_low"] <= cells["images_per_sec"]).all()
    assert (cells["images_per_sec"] <= cells["images_per_sec_high"]).all()
    assert cells["host_reads_per_iteration"].tolist() == [0, 0]
    # With eager fp32 alone: what does not depend on the mode; with the others: how they compare.
    for name in ("sampling_images_per_sec", "features_per_sec"):
        assert cells[name].notna().tolist() == [True, False]
    for name in ("ratio_to_eager_fp32", "agreement"):
        assert cells[name].notna().tolist() == [False, True]
    assert cells["compile_sec"].isna().all()  # eager
    assert cells["extractor"].iloc[0] == "digits-classifier"
    for shown in ("img/s", "× eager fp32", "ms D", "ms G", "digits-classifier", "rows     runs/throughput-*"):
        assert shown in done.out


def test_the_figures_belong_together(throughput, instruments):
    throughput(f"{CRITIC} --quiet")
    frame = results.load("runs").set_index("metric")
    details = {name: json.loads(text) for name, text in frame["details"].dropna().items()}
    cell = table().iloc[0]
    iteration_ms = 8 * 1000 / cell["images_per_sec"]
    # Medians of differences are no differences of medians: of six rounds on a busy machine they may be far.
    assert cell["d_step_ms"] < iteration_ms
    assert cell["g_step_ms"] < iteration_ms
    flops = details["flops_per_sec"]["flops_of_iteration"]
    assert cell["flops_per_sec"] == pytest.approx(flops * cell["images_per_sec"] / 8)
    assert cell["matmul_share"] == pytest.approx(cell["flops_per_sec"] / 1e11)
    assert details["images_per_sec"]["rounds"] == 6
    assert "other_cpu_share" in details["images_per_sec"]["conditions"]


def test_eager_fp32_is_timed_beside_what_was_asked_for(throughput):
    throughput(f"{DIGITS} --precision amp-bf16 --quiet")
    assert list(table().index) == [("fp32", "off"), ("amp-bf16", "off")]


def test_what_this_machine_cannot_do_is_a_row_and_no_failure(throughput):
    done = throughput(f"{DIGITS} --precision tf32 --quiet")
    assert done.code == cli.OK
    cells = table()
    assert cells["outcome"].tolist() == ["ok", "unsupported"]
    assert cells["reason"].iloc[1] == "TF32 exists on CUDA devices only."
    assert "unsupported: tf32 compile=off (vanilla batch 64): TF32 exists on CUDA devices only." in done.out


def test_a_wrong_mode_is_told_and_not_timed(throughput, monkeypatch):
    """The penalty under no_grad in autocast, as a compiler that loses the double backward has it."""
    term = GradientPenalty.term

    def lost(self, critic, real, fake, mix):
        value = term(self, critic, real, fake, mix)
        return value.detach() if self.broken else value

    step = gans.Trainer.discriminator_step

    def marking(self, **arguments):
        GradientPenalty.broken = self.settings.precision == "amp-bf16"
        return step(self, **arguments)

    monkeypatch.setattr(GradientPenalty, "broken", False, raising=False)
    monkeypatch.setattr(GradientPenalty, "term", lost)
    monkeypatch.setattr(gans.Trainer, "discriminator_step", marking)
    done = throughput(f"{CRITIC} --precision fp32,amp-bf16")
    assert done.code == cli.FAILURES
    cells = table()
    assert cells["outcome"].tolist() == ["ok", "fast-but-wrong"]
    wrong = cells.iloc[1]
    assert wrong["agreement"] > 1
    assert "gradient_d" in wrong["reason"]
    assert pd.isna(wrong["images_per_sec"])
    assert "fast-but-wrong: amp-bf16 compile=off (wgan_gp batch 8): Differs from eager fp32" in done.out
    assert throughput(f"{CRITIC} --precision fp32,amp-bf16").code == cli.FAILURES  # a settled one is one, too


def test_lack_of_memory_is_a_row_and_the_others_are_timed(throughput, monkeypatch):
    prepare = throughput_group.prepare

    def greedy(cell, baseline, data):
        if cell.settings.precision == "amp-bf16":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80 GiB")
        return prepare(cell, baseline, data)

    monkeypatch.setattr(throughput_group, "prepare", greedy)
    assert throughput(f"{BOTH} --quiet").code == cli.FAILURES
    assert table()["outcome"].tolist() == ["ok", "oom"]
    monkeypatch.setattr(throughput_group, "prepare", prepare)
    assert throughput(f"{BOTH} --quiet").code == cli.OK
    assert table()["outcome"].tolist() == ["ok", "ok"]


def test_without_eager_fp32_nothing_is_timed(throughput, monkeypatch):
    def failing(cell, baseline, data):
        raise RuntimeError("the widget is loose")

    monkeypatch.setattr(throughput_group, "prepare", failing)
    assert throughput(f"{BOTH} --quiet").code == cli.FAILURES
    cells = table()
    assert cells["outcome"].tolist() == ["error", "error"]
    assert cells["reason"].tolist() == [
        "RuntimeError: the widget is loose",
        "Eager fp32, which it is compared with, failed: RuntimeError: the widget is loose",
    ]


def test_a_time_limit_leaves_rows_and_the_same_command_goes_on(throughput):
    command = f"{BOTH} --batch-sizes 8,16 --quiet"
    assert throughput(f"{command} --time-limit 1e-6").code == cli.FAILURES
    assert table()["outcome"].tolist() == ["timeout"] * 4
    assert throughput(command).code == cli.OK
    cells = table()
    assert cells["outcome"].tolist() == ["ok"] * 4
    # Nothing is left: nothing is written, and a limit takes nothing away.
    before = {path: path.stat().st_mtime_ns for path in Path("runs").rglob("*.jsonl")}
    assert throughput(f"{command} --time-limit 1e-6 --rerun").code == cli.OK
    assert throughput(command).code == cli.OK
    assert {path: path.stat().st_mtime_ns for path in Path("runs").rglob("*.jsonl")} == before


def test_a_mode_more_is_timed_beside_eager_fp32_again(throughput):
    throughput(f"{DIGITS} --quiet")
    first = table()["images_per_sec"].iloc[0]
    done = throughput(BOTH)
    assert "timing 2 modes in turns" in done.err
    assert table()["images_per_sec"].iloc[0] != first  # the newest attempt counts
    assert "is timed already; --rerun times it again." in throughput(BOTH).err
    assert "timing 2 modes in turns" in throughput(f"{BOTH} --rerun").err


def test_a_training_is_no_throughput_and_the_other_way_round(throughput, run):
    throughput(f"{DIGITS} --quiet")
    assert results.summary(results.load("runs")).empty
    done = run(VANILLA)
    assert done.code == cli.OK
    assert "is done already" not in done.err
    frame = results.load("runs")
    assert len(results.summary(frame)) == 1
    assert len(results.compact_table(frame)[0]) == 1
    assert len(results.throughput_table(frame)) == 1
    assert "is done already" in run(VANILLA).err


def test_a_kill_leaves_no_empty_training(throughput):
    throughput(f"{DIGITS} --precision tf32 --quiet")  # a cell without a value
    frame = results.load("runs")
    assert frame["metric"].isna().any()
    assert results.summary(frame).empty


def test_dry_run_times_nothing(throughput):
    done = throughput(f"{BOTH} --batch-sizes 8,16 --dry-run")
    assert done.code == cli.OK
    assert done.out.rstrip().endswith("4 cells in 2 groups.")
    assert not Path("runs").exists()
    throughput(f"{DIGITS} --quiet")
    again = throughput(f"{DIGITS} --dry-run")
    assert "done: ok" in again.out


def test_random_images_need_no_data(throughput, instruments):
    command = (
        "--variants acgan --set ngf=2 --set ndf=2 --image-size 16 --batch-sizes 8 --rounds 6 --device cpu"
    )
    assert throughput(f"{command} --quiet").code == cli.OK
    cell = table().iloc[0]
    assert (cell["dataset"], cell["image_shape"]) == ("synthetic", "3x16x16")
    assert pd.isna(cell["features_per_sec"])


def test_points_are_timed_too(throughput):
    assert throughput(f"--variants vanilla --dataset ring8 {SMALL} --quiet").code == cli.OK


def test_export(throughput):
    done = throughput(f"{DIGITS} --quiet --format csv")
    assert "exported" in done.out
    assert "images_per_sec" in Path("runs.csv").read_text()


def test_eager_modes_come_first():
    found = modes_of(["amp-bf16", "fp32"], ["default", "off"])
    assert found == [("fp32", "off"), ("amp-bf16", "off"), ("amp-bf16", "default"), ("fp32", "default")]


def test_the_table_has_every_mode_in_its_order():
    assert _MODES == {"precision": gans.PRECISIONS, "compile": gans.COMPILE_MODES}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_every_mode_on_a_gpu(throughput):
    precisions, modes = ",".join(gans.PRECISIONS), ",".join(gans.COMPILE_MODES)
    command = (
        f"--variants dcgan,wgan_gp,gan2014 --image-size 32 --set ngf=8 --set ndf=8 --set hidden_g=32 "
        f"--set hidden_d=32 --batch-sizes 16 --rounds 6 --precision {precisions} --compile {modes} "
        "--device cuda --quiet"
    )
    done = throughput(command)
    cells = table()
    assert done.code == cli.OK, done.out
    assert set(cells["outcome"]) <= {"ok", "unsupported"}
    timed = cells[cells["outcome"] == "ok"]
    assert timed["peak_memory_reserved_bytes"].notna().all()
    assert (timed["host_reads_per_iteration"] == 0).all()
    assert cells.loc[[("fp32", "off"), ("tf32", "off"), ("amp-bf16", "off")], "outcome"].eq("ok").all()


@pytest.mark.slow
def test_a_compiled_mode_has_its_compile_time_apart(throughput):
    try:
        gans.Settings(compile="default").require_support()
    except gans.Unsupported as error:
        pytest.skip(str(error))
    assert throughput(f"{DIGITS} --compile default --quiet").code == cli.OK
    cell = table().loc[("fp32", "default")]
    assert 0 < cell["compile_sec"] < cell["first_step_sec"]
