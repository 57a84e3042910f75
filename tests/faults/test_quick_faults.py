"""A sample of what `tox -e faults` does at length: damaged inputs, kills and errors, cells in a row."""

import pytest


@pytest.fixture(scope="module")
def counts(campaigns):
    return campaigns("fuzz --inputs 8 --slow-share 0", "kills --share 0.01 --seed 7 --kinds points")


def test_damaged_and_forged_inputs_are_read_or_refused(counts):
    for one in counts["fuzz"]:
        assert one["read"] > 0, one  # else what is said to be valid is not
    assert sum(one["inputs"] for one in counts["fuzz"]) > 140


def test_a_run_that_is_broken_anywhere_goes_on_to_the_same_end(counts):
    assert all(one["equal"] == one["tried"] > 0 for one in counts["kills"])
