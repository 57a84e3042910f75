import shlex
import shutil
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from commands import CGAN, VANILLA, Finished, finished_store, only_folder
from process_server import process_server

import bench.run
import bench.run_pictures
import bench.sample
import gans.trainer
import results
from bench import cli, costs


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes to the checkout or reads the user's cache."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("GAN_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second a run; `vanilla_store`, which is older than any test, has its plot."""
    monkeypatch.setattr(results, "plot_monitors", lambda *_, **__: None)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Run a command in this process: its exit code, stdout and stderr."""

    def run_command(command: str, main: Callable[[list[str]], int] = bench.run.main) -> Finished:
        capsys.readouterr()
        code = cli.call(main, shlex.split(command))
        return Finished(code, *capsys.readouterr())

    return run_command


@pytest.fixture
def sample(run: Callable[..., Finished]) -> Callable[[str], Finished]:
    """The same for `bench.sample`."""
    return lambda command: run(command, bench.sample.main)


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Processes that do not import torch each anew, nor share this one's threads."""
    return process_server()


@pytest.fixture(scope="session")
def vanilla_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one finished run of VANILLA; not to be changed."""
    return finished_store(VANILLA, tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def cgan_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one finished run of CGAN on digits; not to be changed."""
    return finished_store(CGAN, tmp_path_factory.mktemp("conditional"))


@pytest.fixture
def store(vanilla_store: Path) -> Path:
    """A copy of VANILLA's store at ./runs, where commands look."""
    return Path(shutil.copytree(vanilla_store, Path("runs").resolve()))


@pytest.fixture
def conditional(cgan_store: Path) -> Path:
    """A copy of CGAN's store at ./runs: the folder of its run."""
    return only_folder(Path(shutil.copytree(cgan_store, Path("runs"))))


@pytest.fixture(autouse=True)
def no_instruments(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Half a second a run, too; `vanilla_store` has them, a test about them asks for `instruments`."""
    if "instruments" not in request.fixturenames:
        monkeypatch.setattr(costs.TrainingCosts, "_arithmetic", lambda _: iter(()))
        monkeypatch.setattr(costs.TrainingCosts, "_reads", lambda _: iter(()))


@pytest.fixture
def instruments() -> None:
    """Asks for the real ones."""


@pytest.fixture(scope="module")
def quick_ring():
    """Of `commands.RING`: windows of ten steps, pictures that nobody looks at, and no instruments."""

    def save_scatter(samples, dataset, path, *, title):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(samples.numpy().tobytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gans.trainer, "MONITOR_EVERY", 10)
        patch.setattr(bench.run_pictures, "save_scatter", save_scatter)
        patch.setattr(results, "plot_monitors", lambda *_, **__: None)
        for instrument in ("_arithmetic", "_reads"):
            patch.setattr(costs.TrainingCosts, instrument, lambda _: iter(()))
        yield


@pytest.fixture
def at_step(monkeypatch):
    """Do something just before a generator step, once."""

    def arrange(step: int, happening):
        own, done = gans.Trainer.step, []

        def stepping(trainer):
            if trainer.steps == step and not done:
                done.append(True)
                happening()
            return own(trainer)

        monkeypatch.setattr(gans.Trainer, "step", stepping)

    return arrange
