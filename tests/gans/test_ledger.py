"""docs/variants.md says of every setting of every variant what the code says."""

import pytest
from ledger import BATCH, PAGE, UNKNOWN, brought_up_to_date, cells, fields_of, title

import gans

TEXT = PAGE.read_text(encoding="utf-8")


def sections(text):
    return {title(part): part for part in ("\n" + text).split("\n## ")[1:]}


def rows(section):
    return [row for line in section.splitlines() if (row := cells(line)) is not None]


def test_the_page_is_as_the_code_has_it():
    """If this fails, run `python tests/gans/ledger.py`, and look up what it marks as unknown."""
    assert brought_up_to_date(TEXT) == TEXT


@pytest.mark.parametrize("name", gans.names())
def test_every_setting_stands_once_and_nothing_is_left_to_look_up(name):
    table = rows(sections(TEXT)[name])
    stated = [field for row in table for field in fields_of(row[0])]
    assert sorted(stated) == sorted([*gans.field_values(gans.get(name)), BATCH])
    assert {len(row) for row in table} == {6}
    assert [row for row in table if UNKNOWN in row or "" in row] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("| `network.ngf`, `network.ndf` | 64 |", "| `network.ngf`, `network.ndf` | 65 |"),
        ("| batch size | 64 |", "| batch size | 100 |"),
        ("| `network.ngf`, `network.ndf` | 64 |", "| `network.ngf` | 64 |"),
        ("| `weight_clip` | 0.01 |", "| `weight_clips` | 0.01 |"),
    ],
    ids=["another value", "another batch", "a field left out", "a field that there is not"],
)
def test_a_page_that_drifts_is_seen(before, after):
    drifted = TEXT.replace(before, after, 1)
    assert drifted != TEXT
    assert brought_up_to_date(drifted) != drifted
    assert "64" in brought_up_to_date(drifted).split("## wgan_gp")[1]


def test_another_value_is_put_right():
    drifted = TEXT.replace("| batch size | 64 |", "| batch size | 100 |")
    assert brought_up_to_date(drifted) == TEXT
