import dataclasses
import json

import pytest

from metrics import MetricError, Protocol

PROTOCOL = Protocol(
    metric="fid@digits-classifier",
    reference="digits/test@1a2b3c4d5e6f",
    extractor="digits-classifier",
    extractor_sha256="ab" * 32,
    outputs="hidden layer, logits",
    resize="none",
    grayscale="none",
    value_range="uint8 0..255",
    dtype="float32 features",
    n_real=500,
    n_fake=1000,
    rule="k = 5",
    seed=2020,
    samples="eval-mode G, EMA off, seed 0",
)


def test_json_round_trip_keeps_value_and_hash():
    again = Protocol.from_json(PROTOCOL.to_json())
    assert again == PROTOCOL
    assert again.hash == PROTOCOL.hash


def test_hash_is_pinned_because_stored_rows_hold_it():
    # A change here orphans every score that is already in a store.
    assert json.loads(PROTOCOL.to_json()) == dataclasses.asdict(PROTOCOL)
    assert PROTOCOL.to_json().startswith('{"dtype":"float32 features","extractor":"digits-')
    assert PROTOCOL.hash == "64e93faf5e2b"


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Protocol)])
def test_every_field_changes_the_hash_and_is_named_in_the_difference(field):
    before = getattr(PROTOCOL, field)
    after = 7 if isinstance(before, int) else "something else"
    other = dataclasses.replace(PROTOCOL, **{field: after})
    assert other.hash != PROTOCOL.hash
    assert PROTOCOL.difference(other) == {field: (before, after)}


def test_equal_protocols_do_not_differ():
    assert PROTOCOL.difference(dataclasses.replace(PROTOCOL)) == {}


def test_words_name_what_a_reader_must_know():
    words = PROTOCOL.words()
    for part in ("fid@digits-classifier", "1000 generated", "500 real", "digits/test@1a2b", "EMA"):
        assert part in words
    alone = dataclasses.replace(PROTOCOL, n_real=0, rule="10 splits", reference="none").words()
    assert "real" not in alone
    assert "10 splits" in alone


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "must be JSON"),
        ("[]", "got list"),
        ('{"metric": "fid"}', r"got \['metric'\]"),
    ],
)
def test_anything_but_a_protocol_is_refused(text, words):
    with pytest.raises(MetricError, match=words):
        Protocol.from_json(text)
