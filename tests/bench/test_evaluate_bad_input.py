"""What a stranger gets wrong with `bench.evaluate`: one sentence, exit code 2, nothing written."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bench.evaluate
import metrics
from bench import cli

GRAY = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)


@pytest.fixture
def piles():
    np.savez("good.npz", images=GRAY)
    np.savez("five.npz", images=GRAY[:5])
    np.savez("one.npz", images=GRAY[:1])
    np.savez("large.npz", images=np.repeat(np.repeat(GRAY, 2, 1), 2, 2))
    np.savez("floats.npz", images=GRAY / 255)
    np.savez("nan.npz", images=np.full((20, 16, 16), np.nan))
    np.savez("two.npz", a=GRAY, b=GRAY)
    np.savez("object.npz", images=np.array([{}], dtype=object))
    np.savez("stats.npz", mu=np.zeros(3), sigma=np.eye(3))
    Path("text.zip").write_text("not a zip")
    Path("empty").mkdir()
    Path("notes").mkdir()
    Path("notes/readme.txt").write_text("hello")
    Path("mixed").mkdir()
    Image.fromarray(GRAY[0]).save("mixed/a.png")
    Image.fromarray(np.repeat(GRAY[0], 2, 0)).save("mixed/b.png")
    Path("weights.pth").write_bytes(b"\0" * 100)
    shutil.copy(Path(metrics.__file__).parent / "weights/digits-classifier.safetensors", "copy.safetensors")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("--real digits", "--fake is needed"),
        ("--fake good.npz", "--real"),
        ("--fake good.npz --real mnits", "Did you mean 'mnist'"),
        ("--fake nowhere.npz --real digits", "There is no file nowhere.npz"),
        ("--fake nowhere --real digits", "There is no run 'nowhere'"),
        ("--fake good.npz --real digits --metrics fdi", "did you mean 'fid'"),
        ("--fake good.npz --real digits --metrics fid,fid", "stands twice"),
        (
            "--fake good.npz --real digits --metrics fid --extractor incepton",
            "there is no extractor 'incepton'",
        ),
        (
            "--fake good.npz --real digits --metrics fid --extractor inception-v3-compat:weights.pth",
            "weights.pth",
        ),
        ("--fake good.npz --real digits --metrics fid --extractor inception-v3-compat:none.pth", "none.pth"),
        (
            "--fake good.npz --real digits --metrics parzen --extractor digits-classifier",
            "no metric that was asked",
        ),
        ("--fake good.npz --real digits --metrics cmmd", "cmmd needs a CLIP network"),
        ("--fake good.npz --real digits --metrics class_fid", "class that each sample was asked for"),
        ("--fake good.npz --real digits --metrics modes", "modes are known"),
        ("--fake good.npz --real digits --metrics kid --protocol pytorch-fid", "does not say how kid"),
        (
            "--fake good.npz --real digits --metrics fid --protocol pytorch",
            "did you mean 'pytorch-fid'",
        ),
        ("--fake good.npz --real digits --samples 41", "more than the 40 images"),
        ("--fake good.npz --real digits --seed 3", "--seed is of a run's noise"),
        ("--fake good.npz --real digits --image-size 5000", "more than 1024 pixels"),
        ("--fake five.npz --real digits --metrics is", "at least 10 generated samples, got 5"),
        ("--fake five.npz --real digits --metrics precision", "at least 6 generated samples, got 5"),
        ("--fake one.npz --real digits --metrics fid", "at least 2 generated samples, got 1"),
        ("--fake large.npz --real digits", "32 × 32 pixels and those of digits 16 × 16; --image-size"),
        ("--fake floats.npz --real digits", "uint8"),
        ("--fake nan.npz --real digits", "uint8"),
        ("--fake two.npz --real digits", "a, b"),
        ("--fake object.npz --real digits", "object"),
        ("--fake stats.npz --real digits", "stats.npz"),
        ("--fake text.zip --real digits", "text.zip"),
        ("--fake empty --real digits", "empty"),
        ("--fake notes --real digits", "notes"),
        ("--fake mixed --real digits", "size"),
        ("--fake good.npz --real stats.npz --metrics fid --extractor digits-classifier", "3 features"),
        ("--fake good.npz --real stats.npz --metrics parzen", "parzen needs"),
        ("--fake good.npz --real good.npz --split train", "--split is of data sets"),
        ("--fake good.npz --real ring8", "holds points"),
        ("--fake good.npz --real digits --device gpu", "no device 'gpu'"),
        ("--fake good.npz --real digits --save-reference stats.pkl --metrics fid", ".npz"),
        (
            "--fake good.npz --real digits --save-reference none/stats.npz --metrics fid",
            "in a folder that is there",
        ),
        (
            "--fake good.npz --real digits --save-reference stats.npz --metrics parzen",
            "no metric here needs any",
        ),
        (
            "--fake good.npz --real digits --save-reference s.npz --extractor digits-classifier,x.pth",
            "one network",
        ),
        (
            "--fake good.npz --real digits --metrics fid --extractor digits-classifier,copy.safetensors",
            "several networks called digits-classifier",
        ),
        ("--self-test --real digits --fake good.npz", "leave --fake out"),
        ("--self-test --real digits --protocol torch-fidelity", "leave --protocol out"),
        ("--self-test --real digits --split train", "no use for --split"),
        ("--self-test --real ring8", "holds points"),
        ("--self-test --real digits --samples 50", "between 200 and"),
        ("--self-test --real digits --metrics class_fid", "class_fid"),
    ],
)
def test_one_sentence_and_exit_code_2(run, piles, command, words):
    done = run(command, bench.evaluate.main)
    assert done.code == cli.BAD
    assert done.out == ""
    last = done.err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert words.lower() in last.lower()
    assert not Path("runs").exists()


def test_offline_without_weights_is_one_sentence(run, piles, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))

    def offline(*_, **__):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    for network in ("inception-v3-compat", "dinov2-vit-s-14", "clip-vit-b-32"):
        done = run(f"--fake good.npz --real digits --metrics fid --extractor {network}", bench.evaluate.main)
        assert done.code == cli.BAD
        assert done.err.startswith("error: ")
        assert len(done.err.splitlines()) == 1
        assert f"{network}:PATH" in done.err
