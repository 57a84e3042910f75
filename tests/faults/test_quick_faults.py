"""A sample of what `tox -e faults` does at length: damaged inputs, kills and errors, cells in a row."""


def test_damaged_and_forged_inputs_are_read_or_refused(campaign):
    counts = campaign("fuzz.py", "--inputs", "8", "--slow-share", "0")
    for one in counts:
        assert one["read"] > 0, one  # else what is said to be valid is not
    assert sum(one["inputs"] for one in counts) > 140


def test_a_run_that_is_broken_anywhere_goes_on_to_the_same_end(campaign):
    counts = campaign("kills.py", "--share", "0.02", "--seed", "7", "--kinds", "points")
    assert all(one["equal"] == one["tried"] > 0 for one in counts)
