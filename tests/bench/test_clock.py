"""A clock that is set back, by an hour with every look at it, decides nothing."""

import datetime
import time
from pathlib import Path

from commands import VANILLA, only_folder

import results
from bench import cli


def test_a_clock_that_goes_back(run, monkeypatch, vanilla_store):
    looks = iter(range(10**6))

    class Backwards(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime(2030, 1, 1, tzinfo=tz) - datetime.timedelta(hours=next(looks))

    monkeypatch.setattr("bench.provenance.datetime", Backwards)
    monkeypatch.setattr(time, "time", lambda: 2e9 - 3600 * next(looks))
    with monkeypatch.context() as patch:
        patch.setattr("bench.execute.Training.train", lambda *_: 1 / 0)
        assert run(VANILLA).code == cli.FAILURES
    assert run(VANILLA).code == cli.OK
    assert run(VANILLA + " --samples 17").code == cli.OK
    assert run(VANILLA + " --rerun").code == cli.OK
    assert "is done already" in run(VANILLA).err
    starts = results.read_run(only_folder(Path("runs"))).groupby("attempt")["started_utc"].first()
    assert starts.is_monotonic_decreasing
    assert starts.is_unique
    frame = results.load("runs")
    assert set(frame["attempt"]) == {3}  # the newest, though its clock is the oldest
    parzen = [
        rows.set_index("metric").loc["parzen", "value"] for rows in (frame, results.load(vanilla_store))
    ]
    assert parzen[0] == parzen[1]
