"""`results.styled`, as a browser sees it: its HTML is parsed, not searched."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rows_to_write import score

import results
from results import StoreError

Write = Callable[..., Path]
FID = "fid@digits-classifier"


class Table(HTMLParser):
    """Cells by row, the caption, and which ids a style makes bold."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, str]]] = []  # of id and text
        self.caption, self.css, self.tags, self._in = "", "", set[str](), ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append((dict(attributes).get("id") or "", ""))
        if tag != "br":
            self._in = tag

    def handle_data(self, data: str) -> None:
        if self._in == "caption":
            self.caption += data
        elif self._in == "style":
            self.css += data
        elif self._in in ("td", "th") and self.rows and self.rows[-1]:
            place, text = self.rows[-1][-1]
            self.rows[-1][-1] = (place, (text + data).strip())

    def texts(self) -> list[list[str]]:
        return [[text for _, text in row] for row in self.rows]

    def bold(self) -> list[str]:
        rules = [rule for rule in self.css.split("}") if "font-weight: bold" in rule]
        return [text for row in self.rows for place, text in row if place and any(place in r for r in rules)]


def of(store: Path) -> Table:
    return Table(results.styled(results.load(store)).to_html())


def test_it_is_the_summary_with_units_and_errors(tmp_path: Path, write: Write) -> None:
    for seed, value in enumerate([1.0, 2.0, 6.0]):
        nats = score(100 + value, metric="parzen", unit="nats", better="higher", protocol_hash="p2")
        write(score(value), nats, training_id=f"t{seed}", seed=seed)
    write(training_id="t4", outcome="oom")
    table = of(tmp_path / "runs")
    assert table.texts() == [
        ["variant", "seeds", "FID@digits-classifier ↓", "Parzen [nats] ↑"],
        ["dcgan", "3/4: 1 oom", "3.0 ± 2.6", "103.0 ± 2.6"],
    ]
    assert "mean over the ok seeds ± standard deviation between seeds" in table.caption
    assert table.bold() == []  # of one row there is no best


def test_the_best_of_each_column_is_bold(tmp_path: Path, write: Write) -> None:
    for variant, fid, speed in (("dcgan", 10.0, 100.0), ("wgan", 8.0, 50.0), ("vanilla", 12.0, 70.0)):
        nats = score(fid, metric="parzen", better="higher", protocol_hash="p2", uncertainty=None)
        cost = {"phase": "training", "metric": "images_per_sec", "value": speed}
        write(score(fid, uncertainty=None), nats, cost, training_id=variant, variant=variant)
    table = of(tmp_path / "runs")
    assert sorted(table.bold()) == ["100", "12", "8"]
    assert "it may be luck" in table.caption


def test_only_what_compares_competes(tmp_path: Path, write: Write) -> None:
    def one(fid: float, **changes: str) -> None:
        write(score(fid, protocol_hash=changes.pop("protocol", "p1"), uncertainty=None), **changes)

    one(10.0, training_id="a")
    one(8.0, training_id="b", variant="wgan")
    one(1.0, training_id="c", variant="wgan", dataset="mnist")
    one(2.0, training_id="d", variant="vanilla", protocol="p2")
    assert of(tmp_path / "runs").bold() == ["8"]


def test_equal_values_share_it_and_what_is_missing_has_no_part(tmp_path: Path, write: Write) -> None:
    for variant in ("dcgan", "wgan"):
        write(score(8.0, uncertainty=None), training_id=variant, variant=variant)
    write(score(float("nan"), uncertainty=None), training_id="nan", variant="lsgan")
    write(training_id="failed", variant="cgan", outcome="oom")
    assert of(tmp_path / "runs").bold() == ["8", "8"]


def test_what_a_run_wrote_is_escaped(tmp_path: Path, write: Write) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    for n, changed in enumerate(["", evil]):
        write(
            score(1.0, metric=f"fid@{evil}", unit=evil.replace(" ", ""), uncertainty_kind=evil),
            training_id=f"t{n}", variant=evil, changed=changed, dataset=evil, flags=(evil,),
        )  # fmt: skip
    table = of(tmp_path / "runs")
    assert not table.tags & {"script", "img"}
    assert table.tags <= {"style", "table", "caption", "thead", "tbody", "tr", "td", "th", "br"}
    assert table.rows[1][0][1] == evil
    assert evil in table.caption


def test_validation_scores_are_left_out_beside_test_scores(tmp_path: Path, write: Write) -> None:
    validation = score(9.0, split="validation", protocol_hash="p2")
    write(score(8.0), validation, training_id="both")
    frame = results.load(tmp_path / "runs")
    table, caption = results.compact_table(frame)
    assert list(table) == ["variant", "seeds", "FID@digits-classifier ↓"]
    assert "Validation scores are left out" in caption
    assert of(tmp_path / "runs").texts()[0] == list(table)
    assert f"{FID} (validation)_mean" in results.summary(frame)
    write(validation, training_id="alone", dataset="other", folder="alone")
    alone, _ = results.compact_table(results.load(tmp_path / "runs" / "alone"))
    assert "FID@digits-classifier (validation) ↓" in alone


def test_another_frame_is_refused(tmp_path: Path, write: Write) -> None:
    write(score(8.0))
    with pytest.raises(StoreError, match="not a loaded one"):
        results.styled(results.load(tmp_path / "runs").drop(columns="metric"))
