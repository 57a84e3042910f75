import base64
import gzip
import io
import itertools
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from report_store import BOLD, GRID_COLUMNS, SCRIPT, SIDE, figures_of, grid
from rows_to_write import score
from trainings_to_write import loaded, training

import results
from results import StoreError
from results.report import pictures


@pytest.fixture(scope="module")
def page(report_file: Path) -> str:
    return report_file.read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Every element with its attributes, and the text of the page that is no script or style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def test_the_verdicts_come_first_and_say_who_is_best_and_who_failed(page: str) -> None:
    tags = Tags(page)
    first = page.index('id="verdicts"')
    assert all(
        first < page.index(f'id="{key}"') for key in ("table", "seeds", "curves", "pareto", "failures")
    )
    assert "wgan has the best mean: FID 133" in tags.text
    assert "2 of 10 trainings failed (dcgan 2 of 4)" in tags.text
    # Three seeds against four of which two failed: ranks decide, and their smallest p is 2/35.
    verdicts = Tags(page[first : page.index('id="table"')]).text
    assert "Too few seeds to tell wgan from dcgan (4 and 3)" in verdicts


def test_every_part_is_there_and_what_is_not_is_said(page: str, tmp_path: Path) -> None:
    keys = (
        "verdicts", "table", "seeds", "curves", "pareto", "samples", "walks", "monitors", "pairs", "parzen",
        "sample-sizes", "speed", "failures", "conditions", "data",
    )  # fmt: skip
    assert all(f'<section id="{key}"' in page for key in keys)
    assert "What is not in this report" not in page
    results.write_report(loaded(tmp_path / "runs", {"dcgan": [200.0, 210.0]}), tmp_path / "bare.html")
    bare = (tmp_path / "bare.html").read_text()
    assert not [key for key in ("curves", "pareto", "samples", "monitors", "speed") if f'id="{key}"' in bare]
    text = Tags(bare).text
    assert "Samples over training The report was made without the store" in text
    assert "Throughput by precision and compile mode Nothing was timed" in text


def test_nothing_is_fetched_and_nothing_but_the_own_script_runs(page: str) -> None:
    tags = Tags(page)
    links = [
        value for _, attributes in tags.found for name in ("src", "href") if (value := attributes.get(name))
    ]
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert not re.search(r"url\((?!#)|@import", page)
    (policy,) = [m["content"] for m in tags.of("meta") if m.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "'unsafe-inline'" not in policy.split("script-src")[1]
    assert len(tags.of("script")) == 1


def test_text_of_runs_is_shown_and_never_markup(page: str) -> None:
    tags = Tags(page)
    assert SCRIPT.split(" & ")[0] in tags.text
    assert BOLD in tags.text
    assert not tags.of("b")
    assert not [image for image in tags.of("img") if "onerror" in image]
    assert "document.title = 'run'" in tags.text  # a text, because it is in no script element


def test_every_figure_has_a_name_a_description_and_something_drawn(page: str) -> None:
    tags = Tags(page)
    ids = [attributes["id"] for _, attributes in tags.found if attributes.get("id")]
    assert len(ids) == len(set(ids))
    drawings = list(figures_of(page))
    assert len(drawings) > 10
    for drawing in drawings:
        labels = re.search(r'aria-labelledby="([^"]+)"', drawing)
        assert labels is not None
        assert set(labels[1].split()) <= set(ids)
        assert "var(--v" in drawing
        assert re.search(r"<text[^>]*>[^<]", drawing)
        assert "#fe1" not in drawing
        assert "#fe2" not in drawing
    assert all(image["alt"] for image in tags.of("img"))


def test_headings_do_not_skip_a_level(page: str) -> None:
    levels = [int(tag[1]) for tag, _ in Tags(page).found if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_pictures_are_of_the_lowest_ok_seed_at_native_size_and_of_this_attempt(
    page: str, report_store: Path
) -> None:
    tags = Tags(page)
    shown = [
        image for image in tags.of("img") if "wgan" in str(image["alt"]) and "samples" in str(image["alt"])
    ]
    assert [str(image["alt"]).rpartition("after ")[2] for image in shown] == ["0 kimg", "50 kimg", "100 kimg"]
    assert all("seed 0" in str(image["alt"]) for image in shown)
    data = base64.b64decode(str(shown[-1]["src"]).partition("base64,")[2])
    inside = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    assert inside.shape == (GRID_COLUMNS * (SIDE + 1) + 1,) * 2
    outside = np.asarray(Image.open(report_store / "gan0/samples.png"))[::3, ::3]
    assert np.array_equal(inside, outside)  # without loss
    assert "each row one class" in str(
        [image["alt"] for image in tags.of("img") if BOLD in str(image["alt"])]
    )


def test_pictures_stay_within_their_budget(tmp_path: Path) -> None:
    side = GRID_COLUMNS * (SIDE + 1) + 1
    for number in range(3):
        training(tmp_path / "runs", score(100.0 + number), variant=f"v{number}", seed=0, image_shape="1x6x6",
                 training_id=f"t{number}")  # fmt: skip
        grid(np.random.default_rng(number), side).save(tmp_path / f"runs/t{number}/samples.png")
    frame = results.load(tmp_path / "runs")
    for budget in (10_000, 2_000):
        with mock.patch.object(pictures, "BUDGET_BYTES", budget):
            results.write_report(frame, tmp_path / "report.html", store=tmp_path / "runs")
        page = (tmp_path / "report.html").read_text()
        sizes = [len(str(image["src"])) for image in Tags(page).of("img")]
        assert sizes
        assert sum(sizes) <= budget
        assert "pictures are cut down" in page
    assert "have used up their room" in page


def test_a_damaged_picture_or_history_is_left_out(tmp_path: Path) -> None:
    training(tmp_path / "runs", score(100.0), variant="dcgan", seed=0, training_id="t", image_shape="1x6x6")
    folder = tmp_path / "runs/t"
    (folder / "progress").mkdir()
    grid(np.random.default_rng(0), GRID_COLUMNS * (SIDE + 1) + 1).save(folder / "samples.png")
    (folder / "progress/kimg-00100.000.png").write_bytes(b"\x89PNG torn")
    (folder / "history.csv").write_text('kimg,loss_d\n"')
    results.write_report(results.load(tmp_path / "runs"), tmp_path / "report.html", store=tmp_path / "runs")
    text = Tags((tmp_path / "report.html").read_text()).text
    assert "Could not be read: kimg-00100.000.png" in text
    assert "No run of this store has a history.csv" in text


def test_the_rows_inside_are_the_rows(page: str, report_store: Path, tmp_path: Path) -> None:
    links = {a["download"]: str(a["href"]) for a in Tags(page).of("a") if "download" in a}
    packed = base64.b64decode(links["all-values.csv.gz"].partition("base64,")[2])
    (tmp_path / "rows.csv").write_bytes(gzip.decompress(packed))
    frame = results.load(report_store)
    assert len(results.read_export(tmp_path / "rows.csv")) == len(frame)
    finals = base64.b64decode(links["final-values.csv"].partition("base64,")[2]).decode()
    assert finals.count("fid@digits-classifier") == 16  # test and validation of the 8 that ended ok


def test_one_seed_shows_its_own_error_and_no_interval(tmp_path: Path) -> None:
    frame = loaded(tmp_path / "runs", {"dcgan": [200.0]})
    results.write_report(frame, tmp_path / "report.html")
    text = Tags((tmp_path / "report.html").read_text()).text
    assert "dcgan reached FID 200, 1 seed" in text
    assert "± 0.25 in one run" in text


def test_settings_that_validation_did_not_choose_are_listed_but_not_compared(tmp_path: Path) -> None:
    for changed, test, validation in (("lr=0.1", 90.0, 300.0), ("lr=0.2", 120.0, 100.0), ("", 150.0, 150.0)):
        for seed in range(3):
            about = {"variant": "dcgan", "tuning_axes": "lr=0.1,0.2"} if changed else {"variant": "wgan"}
            rows = [score(test + seed), score(validation + seed, split="validation", protocol_hash="v")]
            training(tmp_path / "runs", *rows, changed=changed, seed=seed, **about)
    results.write_report(results.load(tmp_path / "runs"), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    text = Tags(page).text
    assert "dcgan (lr=0.2) is the best" in text
    assert "tried, not chosen on validation data" in text
    assert "best of 2 by validation" in text
    verdicts = page[page.index('id="verdicts"') : page.index('id="table"')]
    assert "lr=0.1" not in verdicts


def test_many_variants_make_a_page_that_says_what_it_does_not_draw(tmp_path: Path) -> None:
    frame = loaded(tmp_path / "runs", {f"v{n:02d}": [100.0 + n] for n in range(13)})
    results.write_report(frame, tmp_path / "report.html")
    text = Tags((tmp_path / "report.html").read_text()).text
    assert "Shown are the 12 best of 13 entries" in text
    assert "v12" in text


def test_a_store_of_timings_alone_has_a_report(report_store: Path, tmp_path: Path) -> None:
    frame = results.load(report_store)
    timed = frame[frame["purpose"].eq("throughput").fillna(False)]
    results.write_report(timed, tmp_path / "report.html", store=report_store)
    text = Tags((tmp_path / "report.html").read_text()).text
    assert "2 timed modes and no training" in text
    assert "×1.70 [1.60, 1.80]" in text


def test_the_markdown_twin_has_the_same_verdicts_and_no_markup_of_runs(
    report_store: Path, tmp_path: Path
) -> None:
    results.write_report(
        results.load(report_store), tmp_path / "report.md", store=report_store, format="markdown"
    )
    text = (tmp_path / "report.md").read_text()
    assert "**wgan has the best mean: FID 133" in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert not re.search(r"<(script|b|img)\b", text)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) > 50
    assert all(line.endswith("|") for line in rows)


def test_a_half_written_report_is_never_there(tmp_path: Path) -> None:
    frame = loaded(tmp_path / "runs", {"dcgan": ["error"]})
    path = tmp_path / "report.html"
    path.write_text("before")
    with (
        mock.patch("results.report.html.render", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
    ):
        results.write_report(frame, path)
    assert path.read_text() == "before"


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    frame = loaded(tmp_path / "runs", {"dcgan": ["error"]})
    with pytest.raises(StoreError, match="'html' or 'markdown', not 'pdf'"):
        results.write_report(frame, tmp_path / "x", format="pdf")  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="not a loaded one"):
        results.write_report(frame.drop(columns="seed"), tmp_path / "x")
    with pytest.raises(StoreError, match="can't be written"):
        results.write_report(frame, tmp_path / "none" / "x.html")


def test_torn_histories_are_shown_as_far_as_they_go(report_store: Path, tmp_path: Path) -> None:
    store = shutil.copytree(report_store, tmp_path / "runs")
    tails = ["\0" * 300, ",1,1,1,1,1\n", "abc,1,1,1,1,1\n", "inf,1,1,1,1,1\n"]
    paths = sorted(store.glob("*/history.csv"))[: len(tails)]
    for path, tail in zip(paths, tails, strict=True):
        path.write_text(path.read_text() + tail)
    frame = results.load(store)
    frame = frame[frame["training_id"].isin([path.parent.name for path in paths])]
    results.write_report(frame, tmp_path / "report.html", store=store)
    assert 'id="monitors"' in (tmp_path / "report.html").read_text()


def test_pictures_outside_the_store_and_endless_ones_are_left_out(report_store: Path, tmp_path: Path) -> None:
    store = shutil.copytree(report_store, tmp_path / "runs")
    folders = sorted(path.parent for path in store.glob("*0/samples.png"))
    secret = (folders[0] / "samples.png").rename(tmp_path / "secret.png")
    (folders[0] / "samples.png").symlink_to(secret)
    (folders[0] / "walk.png").unlink()
    (folders[0] / "walk.png").symlink_to(secret)
    Image.new("L", (57, 21_001)).save(folders[1] / "samples.png")
    for path in (*folders[0].glob("progress/*"), *folders[1].glob("progress/*")):
        path.unlink()
    frame = results.load(store)
    frame = frame[frame["training_id"].isin([folder.name for folder in folders[:2]])]
    results.write_report(frame, tmp_path / "report.html", store=store)
    text = Tags((tmp_path / "report.html").read_text()).text
    assert "Could not be read: samples.png, walk.png." in text
    assert "Could not be read: samples.png." in text


def test_a_name_cannot_turn_the_rest_of_a_line_round(tmp_path: Path) -> None:
    frame = loaded(tmp_path / "runs", {"a\u202eb\x00\x1b": [200.0, 201.0], "👩‍🔬": [100.0, 101.0]})
    results.write_report(frame, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert not re.search("[\x00\x1b\u202e]", page)
    assert "a\ufffdb" in page
    assert "👩‍🔬" in page


def test_endless_commands_do_not_make_an_endless_report(tmp_path: Path) -> None:
    for seed in range(3):
        training(tmp_path / "runs", score(100.0 + seed), seed=seed, command=f"run '{seed}" + "x" * 1_000_000)
    results.write_report(results.load(tmp_path / "runs"), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 3e6
