"""What a finished command leaves and prints."""

import csv
import json
import shlex
from pathlib import Path

import pytest
from commands import VANILLA, WGAN_TOO, contents, only_folder
from PIL import Image

import bench.evaluate
import bench.run
import bench.sample
import gans
import results
from bench import cli, datasets, suites
from bench.progress import TrainingProgress
from gans.step import MONITORS


def test_a_runs_folder(vanilla_store):
    folder = only_folder(vanilla_store)
    pictures = {"monitors.png", "samples.png", "walk.png"}
    assert set(contents(folder)) == {"checkpoint.safetensors", "history.csv", "rows-000.jsonl"} | pictures
    with Image.open(folder / "samples.png") as grid:  # 8 × 8 pictures of 16 pixels, enlarged
        assert grid.width == grid.height
        assert 448 <= grid.width <= 900
        assert grid.width % (8 * 17 + 1) == 0
    with Image.open(folder / "monitors.png") as plot:
        assert min(plot.size) >= 400


def test_the_history_holds_every_monitor(vanilla_store):
    with (only_folder(vanilla_store) / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {"step", "kimg", "training_sec", "real_images", "jsd", "d_fake_after_g", *MONITORS}
    assert set(rows[0]) == columns
    assert [row["step"] for row in rows] == ["4"]
    assert 0 < float(rows[-1]["d_real"]) < 1
    assert 0 < float(rows[-1]["d_fake"]) < 1


def test_what_the_training_cost_is_in_the_rows(vanilla_store):
    rows = results.load(vanilla_store).set_index("metric")
    costs = {"training_sec", "images_per_sec", "first_window_sec", "peak_memory_bytes"}
    costs |= {"flops_per_sec", "matmul_share", "host_reads_per_iteration"}
    assert set(rows.index) == {*costs, "parzen"}
    seconds, speed = rows["value"]["training_sec"], rows["value"]["images_per_sec"]
    assert speed == pytest.approx(256 / seconds)
    assert rows["value"]["peak_memory_bytes"] > 50e6  # an interpreter with torch
    assert rows["final"].all()
    assert json.loads(rows["backend"].iloc[0])["matmul_tf32"] is False
    assert "conditions" in json.loads(rows["details"]["images_per_sec"])
    assert set(rows["command"]) == {f"python -m bench.run {VANILLA} --output {vanilla_store}"}


def test_the_table_says_where_rows_and_pictures_are(run, store):
    done = run(VANILLA)
    assert "rows     runs/*/rows-*.jsonl" in done.out
    assert f"samples  {only_folder(store).relative_to(Path.cwd())}/samples.png" in done.out


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_rows_as_a_file_for_other_programs(suffix, run, store):
    done = run(f"{VANILLA} --format {suffix}")
    path = Path(f"runs.{suffix}").resolve()
    assert f"exported {path}" in done.out
    exported = results.read_export(path)
    assert exported.equals(results.load(store))


def test_the_table_as_markdown(run, store):
    run(VANILLA + " --format markdown")
    header, rule, row = Path("runs.md").read_text().splitlines()
    assert header.startswith("| variant")
    assert set(rule) <= set("|:-")
    assert row.startswith("| vanilla")


def test_an_export_beside_a_store_that_is_the_current_folder(run, store, monkeypatch):
    monkeypatch.chdir(store)
    assert run(VANILLA + " --output . --format csv").code == cli.OK
    assert Path("../runs.csv").is_file()


def test_quiet_is_only_the_table(run, store):
    done = run(VANILLA + " --quiet")
    assert done.err == ""
    assert "vanilla" in done.out


def test_a_log_file_gets_a_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr("bench.progress.LINE_EVERY_SEC", 0)
    with TrainingProgress(2, quiet=False) as progress:
        progress.cell("dcgan on digits, seed 0", 4.0, 1)
        progress.training({"kimg": 2.0, "training_sec": 4.0, "d_real": 0.75, "d_fake": 0.25})
    line = "[1/2] dcgan on digits, seed 0  2/4 kimg  500 img/s  D(x) 0.75  D(G(z)) 0.25\n"
    assert capsys.readouterr().err == line


def test_the_list_has_a_line_for_each_variant_data_set_and_suite(run):
    done = run("--list")
    assert done.code == cli.OK
    lines = [line.split()[0] for line in done.out.splitlines() if line.startswith("  ")]
    spellings = [source.spelling for source in datasets.known()]
    assert lines == [*gans.names(), *spellings, *suites.names(), *gans.names()]
    assert {"digits", "mnist", "cifar10", "folder:PATH", "tfd[:PATH][#FOLD]"} <= set(spellings)
    assert "critic.n_critic=5" in done.out
    assert list(Path().iterdir()) == []


def test_a_dry_run_says_what_it_would_do_and_does_not(run):
    done = run(f"{WGAN_TOO} --seeds 0-1 --precision fp32,tf32 --dry-run")
    assert done.code == cli.OK
    assert "8 cells; about" in done.out
    (row,) = [r for r in done.out.splitlines() if r.startswith("wgan") and "fp32" in r and "  0  " in r]
    assert row.split()[-4:] == ["s", "train", "and", "score"]
    assert "  4          8  " in row  # 4 G steps with `boost` D steps each
    assert done.out.count("unsupported") == 4
    assert list(Path().iterdir()) == []


def test_a_dry_run_knows_what_is_done(run, store):
    before = contents(store)
    assert run(VANILLA + " --dry-run").out.splitlines()[2].split()[-2:] == ["–", "done"]
    other = run(VANILLA.replace("parzen", "fid") + " --dry-run").out.splitlines()[2]
    assert other.split()[-2:] == ["–", "score"]
    again = run(VANILLA + " --dry-run --rerun").out.splitlines()[2]
    assert again.split()[-3:] == ["train", "and", "score"]
    assert contents(store) == before


@pytest.mark.parametrize(
    ("main", "headings"),
    [
        (
            bench.run.main,
            [
                "what to train:",
                "how long:",
                "on what, and in which arithmetic:",
                "what to score:",
                "from where, to where:",
                "look only:",
                "Exit codes: 0 done",
            ],
        ),
        (
            bench.sample.main,
            ["\n  RUN", "\n  --store DIR", "\n  --n N", "\n  --out DIR", "Exit codes: 0"],
        ),
        (
            bench.evaluate.main,
            [
                "what to score, against what:",
                "from where, to where:",
                "metrics:\n  fid ",
                "\n  prdc ",
                "protocols:\n  gan-bench ",
                "Exit codes: 0",
            ],
        ),
    ],
    ids=["run", "sample", "evaluate"],
)
def test_help(main, headings, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.call(main, shlex.split("--help"))
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    places = [text.index(heading) for heading in headings]
    assert places == sorted(places)
