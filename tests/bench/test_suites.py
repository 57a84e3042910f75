"""`--suite`: its cells are those of the same options without it, whoever makes the plan."""

import shlex
from pathlib import Path

import pytest

import bench.throughput
import gans
import results
from bench import cli, datasets, suites
from bench.errors import InputError
from bench.launch.cell import _job
from bench.launch.job import scores_id
from bench.plan import plan
from bench.run_options import options_of
from bench.synthetic import NAME as SYNTHETIC
from bench.throughput_options import options_of as throughput_options_of
from bench.throughput_plan import plan as throughput_plan

# Two parts that differ in everything that a part may state, on data that are drawn on the spot.
OWN = """
summary = "a test's"
seeds = "0-1"
kimg = 0.256
set = ["hidden_g=8", "hidden_d=8"]
metrics = ["modes", "mode_kl"]
timeout = 600

[[parts]]
variants = ["vanilla", "lsgan"]
dataset = "ring8"
set = ["lsgan.network=mlp", "vanilla.lr=1e-3"]
batch-size = [32, 64]
samples = 64

[[parts]]
variants = "vanilla"
dataset = ["grid25"]
kimg = 0.128
samples = 32
"""
SAME = (
    "--seeds 0-1 --kimg .256 --set hidden_g=8 --set hidden_d=8 --metrics modes,mode_kl --dataset ring8 "
    "--variants vanilla,lsgan --set lsgan.network=mlp --set vanilla.lr=1e-3 --batch-size 32,64 --samples 64",
    "--seeds 0-1 --kimg .128 --set hidden_g=8 --set hidden_d=8 --metrics modes,mode_kl --variants vanilla "
    "--dataset grid25 --samples 32",
)


@pytest.fixture
def own() -> str:
    Path("own.toml").write_text(OWN)
    return "--suite own.toml"


def planned(command: str):
    return plan(options_of(shlex.split(command)))


def ids(*commands: str) -> list[str]:
    cells = [cell for command in commands for cell in planned(command)[0]]
    return [cell.training_id for cell in sorted(cells, key=lambda cell: cell.settings.seed)]


def test_its_cells_and_scores_are_those_of_the_plain_command_lines(own):
    cells, scorings = planned(own)
    assert [cell.training_id for cell in cells] == ids(*SAME)
    assert len(cells) == 2 * (2 * 2 + 1)
    for command in SAME:
        for name, scoring in planned(command)[1].items():
            assert scorings[name].names == scoring.names
            assert scorings[name].n_samples == scoring.n_samples


def test_every_shipped_suite_states_what_there_is():
    assert set(suites.names()) >= {"quick", "paper2014", "zoo", "modes", "throughput"}
    for name in suites.names():
        of = {"bench.run": options_of, "bench.throughput": throughput_options_of}[suites.get(name).command]
        for part in of(["--suite", name]).parts:
            assert set(part.variants) <= set(gans.names())
            assert {datasets.get(one).name for one in part.dataset if one != SYNTHETIC} <= set(
                datasets.names()
            )


def test_quick_is_the_readme_s_main_job():
    assert ids("--suite quick --metrics none") == ids("--variants dcgan,wgan --metrics none")


def test_zoo_has_every_variant_that_comes_with_the_package():
    parts = options_of(["--suite", "zoo"]).parts
    files = {path.stem for path in Path(gans.__file__).parent.glob("variants/[a-z]*.py")}
    for dataset in ("digits", "mnist"):
        assert {name for part in parts if part.dataset == [dataset] for name in part.variants} == files


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ("--seeds 5", [part.replace("--seeds 0-1", "--seeds 5") for part in SAME]),
        ("--kimg .64", [f"{part} --kimg .64" for part in SAME]),
        ("--set nz=3", [f"{part} --set nz=3" for part in SAME]),
        ("--set vanilla.lr=2e-3", [f"{part} --set vanilla.lr=2e-3" for part in SAME]),
        ("--dataset grid25", [SAME[1]]),
        (
            "--variants lsgan",
            [SAME[0].replace("vanilla,lsgan", "lsgan").replace("--set vanilla.lr=1e-3", "")],
        ),
        ("--precision amp-bf16", [f"{part} --precision amp-bf16" for part in SAME]),
    ],
)
def test_what_is_given_beside_it_stands_above_it(own, given, same):
    assert ids(f"{own} {given}") == ids(*same)


def test_epochs_replace_the_kimg_of_every_part(own):
    cells, _ = planned(f"{own} --epochs .01")
    assert {cell.settings.kimg for cell in cells} == {1.0}  # of 100,000 points


def test_a_variant_of_ones_own_takes_the_place_of_all_where_the_parts_do_not_differ():
    Path("one.toml").write_text(
        'summary = "s"\nvariants = ["vanilla", "dcgan"]\nset = ["hidden_g=8", "dcgan.ngf=2"]\nkimg = 1\n'
    )
    assert ids("--suite one.toml --variants vanilla") == ids("--variants vanilla --set hidden_g=8 --kimg 1")
    Path("none.toml").write_text('summary = "s"\ndataset = "ring8"\nkimg = 1\n')
    assert ids("--suite none.toml --variants vanilla") == ids("--variants vanilla --dataset ring8 --kimg 1")


def test_a_file_from_windows_is_read():
    Path("OWN.TOML").write_text(f"\ufeff{OWN}", encoding="utf-8")
    Path("own.toml").write_text(OWN)
    assert ids("--suite OWN.TOML") == ids("--suite own.toml")


def test_a_cell_of_two_parts_is_one_cell(own):
    assert len(ids(f"{own} --seeds 0 --dataset ring8 --batch-size 32")) == 2
    Path("twice.toml").write_text(
        'summary = "s"\nvariants = "vanilla"\ndataset = "ring8"\n[[parts]]\nkimg = 1\n[[parts]]\nkimg = 2\n'
    )
    assert len(ids("--suite twice.toml")) == 2
    assert len(ids("--suite twice.toml --kimg 3")) == 1


def test_a_score_of_asked_classes_is_of_the_variants_that_have_it():
    Path("two.toml").write_text(
        'summary = "s"\nmetrics = ["parzen", "class_agreement"]\n'
        '[[parts]]\nvariants = "vanilla"\n[[parts]]\nvariants = "cgan"\n'
    )
    cells, scorings = planned("--suite two.toml")
    scored = {cell.variant.name: set(scorings["digits"].protocols(cell)) for cell in cells}
    assert scored == {"vanilla": {"parzen"}, "cgan": {"parzen", "class_agreement"}}
    assert len(planned("--suite two.toml --variants vanilla")[0]) == 1
    with pytest.raises(InputError, match="class_agreement needs samples of a class"):
        planned("--suite two.toml --variants vanilla --metrics class_agreement")


def test_the_process_of_a_cell_finds_the_cell_in_its_own_plan(own):
    command = shlex.split(f"{own} --output runs")
    for cell in planned(own)[0][-2:]:
        job, number = _job(cell.training_id, -1, scores_id(_Planned(own), cell), command)
        assert job.cells[number - 1].training_id == cell.training_id
    Path("own.toml").write_text(OWN.replace("kimg = 0.128", "kimg = 0.64"))
    with pytest.raises(InputError, match="The data, the variant or the suite have changed since"):
        _job(cell.training_id, -1, scores_id(_Planned(own), cell), command)


class _Planned:
    """What `scores_id` asks of a job."""

    def __init__(self, command: str) -> None:
        _, self.scorings = planned(command)


def test_the_command_in_the_rows_repeats_the_suite(own, run):
    command = f"{own} --dataset grid25 --seeds 0 --device cpu"
    done = run(command)
    assert done.code == cli.OK
    frame = results.load("runs")
    assert set(frame["command"]) == {f"python -m bench.run {command}"}
    assert set(frame.loc[frame["phase"] == "score", "metric"]) == {"modes", "mode_kl"}
    assert run(command).err.count("is done already") == 1
    dry = run(f"{command} --dry-run")
    assert "1 cells" in dry.out
    assert "done" in dry.out


def test_a_suite_of_throughput_times_its_modes():
    Path("fast.toml").write_text(
        'summary = "s"\ncommand = "bench.throughput"\nvariants = "vanilla"\nrounds = 7\n'
        '[[parts]]\nprecision = ["fp32", "amp-bf16"]\nimage-size = 16\n'
        '[[parts]]\ndataset = "ring8"\nbatch-sizes = [32, 64]\n'
    )
    options = throughput_options_of(["--suite", "fast.toml"])
    assert options.rounds == 7
    groups = throughput_plan(options)
    told = [
        (group.baseline.dataset.name, group.baseline.settings.batch_size, len(group.cells))
        for group in groups
    ]
    assert told == [(SYNTHETIC, 64, 2), ("ring8", 32, 1), ("ring8", 64, 1)]


@pytest.mark.parametrize("command", [bench.run.main, bench.throughput.main])
def test_a_suite_of_another_command_is_told_to_that_one(run, command):
    name, other = ("throughput", "bench.throughput") if command is bench.run.main else ("quick", "bench.run")
    done = run(f"--suite {name}", command)
    assert done.code == cli.BAD
    assert f"The suite {name} is for {other}: python -m {other} --suite {name}." in done.err


HEAD = 'summary = "s"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("variants = [", "The suite bad.toml is not TOML: "),
        ('variants = "dcgan"', "has no summary: give it a line"),
        (
            f'{HEAD}variant = "dcgan"',
            "states 'variant'. Did you mean 'variants'? A suite of bench.run may state",
        ),
        (f"{HEAD}batch_size = 64", "Did you mean 'batch-size'?"),
        (f'{HEAD}output = "runs"', "states 'output'. A suite of bench.run may state variants,"),
        (
            f'{HEAD}command = "bench.rum"',
            "Did you mean 'bench.run'? There are bench.run and bench.throughput",
        ),
        (f"{HEAD}kimg = true", "states kimg = True: an option is a text, a number or a list of them"),
        (f"{HEAD}seeds = []", "states seeds = [], which is empty"),
        (f"{HEAD}kimg = {'[' * 3000}", "is nested too deeply"),
        (f'{HEAD}kimg = "many"', "The suite bad.toml: Argument --kimg: 'many' is not a number above 0"),
        (
            f"{HEAD}[[parts]]\n[[parts]]\nkimg = -1",
            "bad.toml, part 2: Argument --kimg: '-1' is not a number above",
        ),
        (f"{HEAD}parts = 3", "has parts that are no tables"),
        (
            f"{HEAD}[[parts]]\neval-every = 1",
            "states 'eval-every' in part 1: it goes above the first [[parts]]",
        ),
        (f'{HEAD}variants = "dcgn"', "The suite bad.toml: There is no variant 'dcgn'. Did you mean 'dcgan'?"),
        (
            f'{HEAD}variants = "vanilla"\n[[parts]]\n[[parts]]\nkimg = 1\nepochs = 1',
            "The suite bad.toml, part 2: --kimg and --epochs both set the budget",
        ),
        (
            f'{HEAD}[[parts]]\nvariants = "vanilla"\n[[parts]]\nvariants = "lsgan"\nset = "dcgan.lr=1"',
            "The suite bad.toml, part 2: ",
        ),
        (
            f'{HEAD}variants = "dcgan"\ndataset = "digit"',
            "There is no data set 'digit'. Did you mean 'digits'?",
        ),
        (f'{HEAD}dataset = "digits"', "--variants is needed"),
        (
            f'{HEAD}variants = "vanilla"\ndataset = "ring8"\n[[parts]]\nsamples = 8\n[[parts]]\nsamples = 9',
            "The suite bad.toml, part 2: ring8 is scored by other metrics, samples or extractors than in an",
        ),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_a_bad_file_is_one_sentence(run, text, said):
    Path("bad.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = run("--suite bad.toml")
    assert (done.code, done.out) == (cli.BAD, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "--suite mods",
            "There is no suite 'mods'. Did you mean 'modes'? There are: modes, paper2014, quick,",
        ),
        ("--suite gone.toml", "The suite gone.toml cannot be read: No such file or directory."),
        ("--suite own.toml --variants lsgn", "no part of the suite own has that. Did you mean 'lsgan'?"),
        ("--suite own.toml --dataset digits", "It has ring8, grid25; to add to it, copy own.toml."),
        ("--suite own.toml --variants lsgan --dataset grid25", "No part of the suite own has these together"),
        ("--suite own.toml --kimg 1 --epochs 1", "--kimg and --epochs both set the budget"),
        ("--suite own.toml --image-size 8", "ring8 holds points, which have no size"),
    ],
)
def test_what_no_suite_or_part_has_is_one_sentence(own, run, command, said):
    done = run(command)
    assert (done.code, done.out) == (cli.BAD, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def offer(folder: Path, **entry_points: str) -> None:
    """What pip would leave in site-packages of a package that offers suites."""
    info = folder / "theirs-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 0\n")
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[gan_bench.suites]", *lines, ""]))


def test_another_package_ships_suites(tmp_path, monkeypatch, run):
    package = tmp_path / "their_suites"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "faces.toml").write_text('summary = "theirs"\nvariants = "dcgan"\n')
    (package / "quick.toml").write_text('summary = "taken"\n')
    offer(tmp_path, faces="their_suites", quick="their_suites", lost="their_suites", broken="no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    assert ids("--suite faces") == ids("--variants dcgan")
    listed = run("--list").out
    assert f"theirs (bench.run --suite faces; {package / 'faces.toml'})" in listed
    for name, said in {
        "quick": "Two suites are called 'quick': ",
        "lost": f"The suite 'lost' is to be {package / 'lost.toml'}, which is not there: its package must",
        "broken": "The suite 'broken' of no_such_package cannot be found: ModuleNotFoundError: ",
    }.items():
        assert said in listed
        with pytest.raises(InputError, match="suite"):
            suites.get(name)


@pytest.mark.slow  # a process a cell, each of which imports torch
def test_local_processes_run_the_cells_of_a_suite(own, run):
    done = run(f"{own} --seeds 0 --launcher local --jobs 2 --device cpu")
    assert done.code == cli.OK
    frame = results.load("runs")
    assert sorted(set(frame["training_id"])) == sorted(ids(f"{own} --seeds 0"))
    assert set(frame["outcome"]) == {"ok"}
