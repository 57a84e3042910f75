"""Files that somebody made to do harm: what fuzzing found, each as the smallest input that shows it."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from fuzz_readers import _journal
from safetensors import safe_open
from safetensors.torch import save_file

import bench.run
import metrics
import results
from bench import cli
from bench.datasets import tfd
from bench.errors import InputError
from metrics.network_weights import read_state_dict
from results.row_file import seal_line

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"


def test_a_postscript_file_in_a_store_starts_no_ghostscript(tmp_path, monkeypatch):
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a program was started"))
    _journal(tmp_path / "run").seal("ok")
    (tmp_path / "run/samples.png").write_bytes(EPS)
    results.write_report(results.load(tmp_path), tmp_path / "report.md", store=tmp_path, format="markdown")
    assert (tmp_path / "report.md").read_text().startswith("# ")


def test_a_zip_with_an_entry_without_a_name_is_damaged(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", b"1")
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02")
    path.write_bytes(content[: at + 28] + b"\0\0" + content[at + 30 :])  # the length of the name
    with pytest.raises(metrics.MetricError, match=r"a\.zip"):
        metrics.open_pile(path)


def test_weights_with_a_broken_directory_are_a_sentence(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(2)}, path)
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02")] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(metrics.MetricError, match=r"weights\.pth does not hold weights"):
        read_state_dict(path, "weights")


def test_weights_that_claim_to_span_several_disks_are_a_sentence(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(2)}, path)
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x06\x07") + 16] = 2  # in the zip64 locator: how many disks there are
    path.write_bytes(content)
    with pytest.raises(metrics.MetricError, match=r"weights\.pth does not hold weights"):
        read_state_dict(path, "weights")


def faces(n: int) -> dict[str, np.ndarray]:
    return {
        "images": np.zeros((n, 48, 48), np.uint8),
        "folds": np.zeros((n, 5), np.uint8),
        "labs_ex": np.ones((n, 1)),
    }


def test_a_mat_file_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path):
    path = tmp_path / "faces.mat"
    scipy.io.savemat(path, faces(40_000), do_compression=True)
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match=r"unpack to 92,160,\d{3}, as a bomb's do"):
        tfd.read(path)


def test_a_mat_file_of_lengths_beyond_its_end_is_damaged(tmp_path):
    path = tmp_path / "faces.mat"
    scipy.io.savemat(path, faces(3))
    whole = path.read_bytes()
    for at in (132, 140, 156, 160, 164, 168):  # the variable's length, those of its parts, its axes
        for value in (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff"):
            path.write_bytes(whole[:at] + value + whole[at + 4 :])
            with pytest.raises(InputError):
                tfd.read(path)


def test_a_mat_file_reads_what_scipy_reads_in_both_byte_orders(tmp_path):
    rng = np.random.default_rng(0)
    found = {
        "images": rng.integers(0, 256, (5, 6, 6), dtype=np.uint8),
        "folds": rng.integers(0, 4, (5, 5)).astype(float),
        "labs_ex": rng.integers(-1, 8, (5, 1)).astype(np.int16),
    }
    for compressed in (False, True):
        path = tmp_path / "faces.mat"
        scipy.io.savemat(path, found, do_compression=compressed)
        images, folds, expressions = tfd.read(path)
        assert np.array_equal(images[:, 0].numpy(), found["images"])
        assert np.array_equal(folds.numpy(), found["folds"])
        assert np.array_equal(expressions, found["labs_ex"][:, 0])


def rows_with(tmp_path: Path, change) -> Path:
    """A store of one sealed file whose lines were changed and whose checksum is right."""
    path = _journal(tmp_path / "run").seal("ok")
    *lines, seal = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    path.write_bytes(content + seal_line(content, {"outcome": seal["outcome"]}))
    return tmp_path


def test_half_a_surrogate_pair_in_rows_is_damage(tmp_path):
    store = rows_with(tmp_path, lambda lines: lines[1].update(metric="\ud800"))
    with (
        pytest.warns(results.DamagedRowsWarning, match="a text of it is not Unicode"),
        pytest.raises(results.StoreError),
    ):
        results.load(store)


@pytest.mark.parametrize(
    ("column", "text", "format"),
    [
        ("details", '{"validation_at_0.1": NaN, "validation_at_0.3": Infinity}', "html"),  # which draws them
        ("protocol", "3.5", "markdown"),
        ("protocol", "{", "markdown"),
    ],
)
def test_a_report_survives_whatever_texts_are_in_rows(column, text, format, tmp_path):
    store = rows_with(tmp_path, lambda lines: [line.update({column: text}) for line in lines[1:]])
    results.write_report(results.load(store), tmp_path / "report", store=store, format=format)
    assert "dcgan" in (tmp_path / "report").read_text()


def test_a_classifier_that_claims_a_million_classes_is_refused_before_it_is_built(tmp_path):
    path = tmp_path / "classifier.safetensors"
    classifier = metrics.DomainClassifier(name="x", image_size=8, channels=1, n_classes=2)
    classifier.save(
        path,
        metrics.ClassifierMetadata(
            test_accuracy=1.0, training_data="x", how_trained="x", class_names=("a", "b")
        ),
    )
    with safe_open(path, "pt") as file:
        described = json.loads(file.metadata()["gan-bench domain classifier"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    described["n_classes"] = 10**12  # 256 TB of weights
    save_file(tensors, path, {"gan-bench domain classifier": json.dumps(described)})
    with pytest.raises(metrics.MetricError, match="can't read") as refused:
        metrics.DomainClassifier.load(path)
    assert isinstance(refused.value.__cause__, ValueError)


def test_lines_of_a_history_that_do_not_say_where_they_are_of_are_left_out(tmp_path):
    _journal(tmp_path / "run").seal("ok")
    columns = "kimg,loss_d,loss_g,d_real,d_fake,jsd"
    for format, lines in (
        ("markdown", ["x,1,1,1,1,1"]),
        ("html", ["inf,1,1,1,1,1", "5,1,1,.5,.5,.1", ",1,1,1,1,1"]),  # which draws it
    ):
        (tmp_path / "run/history.csv").write_text("\n".join([columns, *lines, ""]))
        results.write_report(results.load(tmp_path), tmp_path / "report", store=tmp_path, format=format)
        assert ("D(x) 0.5" in (tmp_path / "report").read_text()) == (len(lines) > 1)


def test_a_dry_run_of_a_budget_beyond_all_bounds_ends(tmp_path, capsys):
    # It counted every step of the budget: 10^17 of them.
    words = (
        f"--variants vanilla --dataset ring8 --kimg 1e16 --metrics none --dry-run --output {tmp_path}/runs"
    )
    assert cli.call(bench.run.main, words.split()) == cli.OK
    assert "vanilla" in capsys.readouterr().out
