"""`bench.evaluate`: other people's images, and our own runs, scored from the command line."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import bench.evaluate
import metrics
import results
from bench import cli, datasets


@pytest.fixture(scope="module")
def digits():
    return datasets.get("digits").load(Path("nowhere"))


@pytest.fixture
def evaluate(run):
    return lambda command: run(command, bench.evaluate.main)


@pytest.fixture
def npz(digits):
    """Two thirds of the training digits, with their labels."""
    np.savez("ours.npz", images=digits.train.tensor[:600].numpy(), labels=digits.train.labels[:600].numpy())
    return Path("ours.npz")


def rows_of(store="runs"):
    frame = results.load(store)
    return frame.set_index("metric")


def test_an_array_gets_the_scores_that_python_gets(evaluate, npz, digits):
    done = evaluate(
        f"--fake {npz} --real digits --metrics fid,is,kid,prdc,parzen,class_agreement --device cpu"
    )
    assert done.code == cli.OK, done.err
    rows = rows_of()
    reference = metrics.Reference(
        "r", digits.test.tensor, digits.validation.tensor, class_names=digits.class_names
    )
    expected = metrics.score(
        digits.train.tensor[:600],
        reference,
        ["fid", "is", "kid", "prdc", "parzen", "class_agreement"],
        labels=digits.train.labels[:600],
        extractor="digits-classifier",
    )
    assert set(rows.index) == {one.metric for one in expected.values()}
    for one in expected.values():
        assert rows.loc[one.metric, "value"] == one.value
        assert rows.loc[one.metric, "n_fake"] == 600
        assert f"{one.metric} " in done.out
    assert set(rows["variant"]) == {"ours.npz"}
    assert set(rows["dataset"]) == {"digits"}
    assert rows["outcome"].eq("ok").all()
    for protocol in map(metrics.Protocol.from_json, rows["protocol"]):
        assert f"{protocol.hash}  {protocol.metric}" in done.out
        assert protocol.rule in done.out
    assert "class_agreement" in done.out


def test_a_folder_a_zip_and_an_array_of_the_same_pictures_score_alike(evaluate, digits):
    images = digits.train.tensor[:120]
    np.save("array.npy", images[:, 0].numpy())
    folder = Path("pictures")
    folder.mkdir()
    with zipfile.ZipFile("pictures.zip", "w") as archive:
        for i, image in enumerate(images):
            Image.fromarray(image[0].numpy()).save(folder / f"{i:04}.png")
            archive.write(folder / f"{i:04}.png")
        archive.writestr("dataset.json", json.dumps({"labels": None}))
    for number, pile in enumerate(("array.npy", "pictures", "pictures.zip")):
        done = evaluate(
            f"--fake {pile} --real digits --metrics fid,parzen --output store{number} --device cpu"
        )
        assert done.code == cli.OK, done.err
    first, *others = (rows_of(f"store{number}") for number in range(3))
    for other in others:
        assert other["value"].equals(first["value"])
        assert other["protocol_hash"].equals(first["protocol_hash"])


def test_a_run_gets_the_very_values_and_protocols_that_it_was_given(evaluate, run, npz):
    trained = "--variants dcgan --set ngf=2 --set ndf=2 --kimg 0.256 --samples 200 --device cpu --seeds 3"
    assert run(trained).code == cli.OK
    before = results.load("runs")
    given = before[before["phase"] == "score"].set_index("metric")
    done = evaluate("--fake digits-dcgan --real digits --samples 200 --metrics fid,parzen,kid --device cpu")
    assert done.code == cli.OK, done.err
    every = results.load("runs", every_attempt=True)
    new = every[every["attempt"] == every["attempt"].max()].set_index("metric")
    assert set(new.index) == {"fid@digits-classifier", "parzen", "kid@digits-classifier"}
    assert new["training_id"].unique().tolist() == before["training_id"].unique().tolist()
    assert not new["trained"].any()
    for metric in ("fid@digits-classifier", "parzen"):
        assert new.loc[metric, "value"] == given.loc[metric, "value"]
        assert new.loc[metric, "protocol_hash"] == given.loc[metric, "protocol_hash"]
    # What the run was given stays, and the new score stands beside it.
    after = results.load("runs")
    assert set(before["metric"]) | {"kid@digits-classifier"} == set(after["metric"])


def test_saved_statistics_answer_for_the_images(evaluate, npz):
    told = "--metrics fid,kid --device cpu"
    assert evaluate(f"--fake {npz} --real digits {told} --save-reference digits.npz").code == cli.OK
    direct = rows_of()
    again = evaluate(f"--fake {npz} --real digits.npz {told} --extractor digits-classifier --output other")
    assert again.code == cli.OK, again.err
    loaded = rows_of("other")
    # The mean and the covariance are the same bits; their root is computed anew.
    assert loaded["value"].equals(direct["value"])
    refused = evaluate(f"--fake {npz} --real digits.npz --metrics fid --extractor mnist-classifier")
    assert refused.code == cli.BAD
    assert "made with the extractor digits-classifier" in refused.err


def test_somebody_elses_statistics_are_used_with_a_warning(evaluate, npz, digits):
    features = metrics.load_extractor("digits-classifier").extract(digits.test.tensor).features.double()
    np.savez("theirs.npz", mu=features.mean(0).numpy(), sigma=np.cov(features.numpy(), rowvar=False))
    done = evaluate(
        f"--fake {npz} --real theirs.npz --metrics fid --extractor digits-classifier --device cpu"
    )
    assert done.code == cli.OK, done.err
    assert "nothing says which extractor made the reference statistics" in done.out
    assert "nothing says" in rows_of().loc["fid@digits-classifier", "warnings"]
    refused = evaluate(f"--fake {npz} --real theirs.npz --metrics kid --extractor digits-classifier")
    assert refused.code == cli.BAD
    assert "a mean and a covariance only" in refused.err


def test_the_cache_answers_only_for_the_same_images(evaluate, npz, digits, monkeypatch):
    command = f"--fake {npz} --real digits --metrics fid --device cpu"
    evaluate(command)
    first = rows_of()["value"].iloc[0]
    cached = list(Path("../cache/references").glob("*.npz"))
    assert len(cached) == 1
    extracted = []
    extract = metrics.DomainClassifierExtractor.extract

    def counting(self, images, *arguments, **options):
        extracted.append(len(images))
        return extract(self, images, *arguments, **options)

    monkeypatch.setattr(metrics.DomainClassifierExtractor, "extract", counting)
    assert evaluate(f"{command} --output again").code == cli.OK
    assert sum(extracted) == 600  # the real images were not looked at again
    assert rows_of("again")["value"].iloc[0] == first
    assert evaluate(f"{command} --split train --output other").code == cli.OK
    assert len(list(Path("../cache/references").glob("*.npz"))) == 2
    assert rows_of("other")["value"].iloc[0] != first


def test_gray_pictures_saved_as_colour_are_read_as_the_real_ones(evaluate, digits):
    Path("colour").mkdir()
    for i, image in enumerate(digits.train.tensor[:100]):
        Image.fromarray(image[0].numpy()).convert("RGB").save(f"colour/{i}.png")
    done = evaluate("--fake colour --real digits --metrics parzen --device cpu")
    assert done.code == cli.OK, done.err
    np.save("gray.npy", digits.train.tensor[:100].numpy())
    # The same order: names of one and two digits sort otherwise, and Parzen doesn't mind.
    evaluate("--fake gray.npy --real digits --metrics parzen --device cpu --output gray")
    assert rows_of()["value"].iloc[0] == pytest.approx(rows_of("gray")["value"].iloc[0], abs=1e-9)


def test_a_part_of_a_pile_is_drawn_once_and_for_all(evaluate, npz):
    command = f"--fake {npz} --real digits --metrics fid --samples 300 --device cpu"
    assert evaluate(f"{command} --output a").code == evaluate(f"{command} --output b").code == cli.OK
    a, b = rows_of("a"), rows_of("b")
    assert a["n_fake"].tolist() == [300]
    assert a["value"].equals(b["value"])
    assert "300 of 600 at random" in a["protocol"].iloc[0]


def test_the_table_can_be_exported(evaluate, npz):
    assert evaluate(f"--fake {npz} --real digits --metrics fid --format csv --device cpu").code == cli.OK
    (path,) = Path("runs").glob("*/rows-000.csv")
    assert pd.read_csv(path)["metric"].tolist() == ["fid@digits-classifier"]


def test_points_of_a_run_are_scored_by_their_modes(evaluate, run):
    tiny = "--variants vanilla --dataset ring8 --set hidden_g=8 --set hidden_d=8 --kimg 0.256 --device cpu"
    assert run(f"{tiny} --metrics none").code == cli.OK
    done = evaluate("--fake ring8-vanilla --real ring8 --samples 500 --device cpu")
    assert done.code == cli.OK, done.err
    assert {"modes", "high_quality_share", "parzen"} <= set(rows_of().index)


def test_class_folders_of_generated_images_are_what_was_asked_for(evaluate, digits):
    for i in range(100):
        name = digits.class_names[int(digits.train.labels[i])]
        Path(f"asked/{name}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.train.tensor[i, 0].numpy()).save(f"asked/{name}/{i:03}.png")
    done = evaluate("--fake asked --real digits --metrics class_agreement --device cpu")
    assert done.code == cli.OK, done.err
    # Training images, which the classifier has learned.
    assert rows_of()["value"].iloc[0] > 0.97


def test_real_piles_need_no_data_set(evaluate, npz, digits):
    np.save("theirs.npy", digits.test.tensor.numpy())
    done = evaluate(
        f"--fake {npz} --real theirs.npy --metrics fid --extractor digits-classifier --device cpu"
    )
    assert done.code == cli.OK, done.err
    evaluate(f"--fake {npz} --real digits --metrics fid --output other --device cpu")
    assert rows_of()["value"].iloc[0] == rows_of("other")["value"].iloc[0]


@pytest.mark.parametrize("protocol", ["goodfellow2014", "wide-parzen"])
def test_a_named_protocol_decides_the_grid(evaluate, npz, protocol):
    done = evaluate(f"--fake {npz} --real digits --metrics parzen --protocol {protocol} --device cpu")
    assert done.code == cli.OK, done.err
    rule = json.loads(rows_of().loc["parzen", "protocol"])["rule"]
    assert ("logspace(-1, 0)" in rule) == (protocol == "goodfellow2014")


def test_generators_own_bits_do_not_depend_on_the_global_generator(evaluate, npz):
    torch.manual_seed(1)
    evaluate(f"--fake {npz} --real digits --device cpu --output a")
    torch.manual_seed(2)
    evaluate(f"--fake {npz} --real digits --device cpu --output b")
    assert rows_of("a")["value"].equals(rows_of("b")["value"])
    assert rows_of("a")["uncertainty"].equals(rows_of("b")["uncertainty"])


def test_two_piles_of_one_name_are_two_rows_of_a_table(evaluate, digits):
    for folder, images in (("one", digits.train.tensor[:300]), ("other", digits.train.tensor[300:600])):
        Path(folder).mkdir()
        np.save(f"{folder}/samples.npy", images.numpy())
        done = evaluate(
            f"--fake {folder}/samples.npy --real digits --metrics fid --device cpu --format markdown"
        )
        assert done.code == cli.OK, done.err
    frame = results.load("runs")
    summed = results.summary(frame)
    assert len(summed) == 2
    assert (summed["seeds"] == 1).all()
    table, _ = results.compact_table(frame)
    assert table["version"].nunique() == 2
    assert list(Path("runs").glob("*/rows-000.md"))


def test_a_name_of_any_length_is_a_folder(evaluate, npz):
    done = evaluate(f"--fake {npz} --real digits --metrics parzen --device cpu --name {'x' * 300}")
    assert done.code == cli.OK, done.err
    assert set(results.load("runs")["variant"]) == {"x" * 300}


def test_what_is_noticed_of_the_real_pile_is_recorded_with_scores_against_it(evaluate, npz, digits):
    np.save("real.npy", digits.test.tensor[[0] * 50 + list(range(100))].numpy())
    done = evaluate(
        f"--fake {npz} --real real.npy --metrics fid,is --extractor digits-classifier --device cpu --quiet"
    )
    assert done.code == cli.OK, done.err
    rows = rows_of()
    assert (
        "of the real images: pictures that are byte-for-byte copies"
        in rows.loc["fid@digits-classifier", "warnings"]
    )
    assert "real.npy" not in str(rows.loc["is@digits-classifier", "warnings"])


def test_at_another_size_the_protocol_is_another(evaluate, npz):
    for size in ("", "--image-size 8"):
        assert evaluate(f"--fake {npz} --real digits --metrics is --device cpu {size}").code == cli.OK
    assert results.load("runs")["protocol_hash"].nunique() == 2


def test_statistics_that_were_given_one_name_are_still_told_apart(evaluate, npz, digits):
    network = metrics.load_extractor("digits-classifier")
    for name, images in (("a.npz", digits.test.tensor), ("b.npz", digits.validation.tensor)):
        metrics.save_statistics(name, metrics.Reference("mine", images).statistics(network))
        done = evaluate(
            f"--fake {npz} --real {name} --metrics fid "
            f"--extractor digits-classifier --device cpu --output {name[0]}"
        )
        assert done.code == cli.OK, done.err
    one, other = (metrics.Protocol.from_json(rows_of(store)["protocol"].iloc[0]) for store in "ab")
    assert one.reference != other.reference


def test_a_protocol_of_samples_needs_no_network(evaluate, npz, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("no network is needed")

    monkeypatch.setattr(metrics, "load_extractor", refuse)
    monkeypatch.setattr("bench.real_side.extractor_for", refuse)
    done = evaluate(f"--fake {npz} --real digits --protocol goodfellow2014 --device cpu")
    assert done.code == cli.OK, done.err
    assert set(rows_of().index) == {"parzen"}
