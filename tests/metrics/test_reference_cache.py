"""A cache of statistics: never stale, never half written, and never in the way."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from written_piles import encoded, noise, write_folder

from metrics import (
    MetricError,
    Moments,
    Reference,
    Statistics,
    StatisticsMetadata,
    cached_statistics,
    load_extractor,
    open_pile,
    reference_cache,
    reference_statistics,
)

CONTENT, KEY = "a" * 64, "b" * 64


class Maker:
    """Computes the statistics of what was asked for, and counts how often."""

    def __init__(self, content: str = CONTENT, key: str = KEY, n: int = 10, features: bool = False) -> None:
        self.asked = {"content_sha256": content, "extractor_key": key, "n": n, "features": features}
        self.n_made = 0
        self.lock = threading.Lock()

    def __call__(self) -> Statistics:
        with self.lock:
            self.n_made += 1
        n = self.asked["n"]
        features = torch.randn(n, 4, generator=torch.Generator().manual_seed(n))
        moments = Moments.of(features)
        metadata = StatisticsMetadata(
            extractor="mine",
            extractor_sha256="c" * 64,
            extractor_key=self.asked["extractor_key"],
            outputs="pool",
            resize="none",
            grayscale="none",
            value_range="0..255",
            dtype="float32",
            reference="mine",
            content_sha256=self.asked["content_sha256"],
            n=n,
        )
        return Statistics(
            mean=moments.mean,
            covariance=moments.covariance,
            n=n,
            metadata=metadata,
            features=features if self.asked["features"] else None,
        )

    def ask(self, folder) -> Statistics:
        return reference_statistics(folder, compute=self, **self.asked)


def same(first: Statistics, second: Statistics) -> bool:
    return torch.equal(first.covariance, second.covariance) and first.metadata == second.metadata


def test_the_second_time_it_is_read_and_not_made(tmp_path):
    maker = Maker(features=True)
    made = maker.ask(tmp_path / "new/cache")
    read = maker.ask(tmp_path / "new/cache")
    assert maker.n_made == 1
    assert same(made, read)
    assert torch.equal(read.features, made.features)
    assert maker.ask(None).n == 10
    assert maker.n_made == 2


def test_whatever_changes_another_file_is_asked_for(tmp_path, monkeypatch):
    Maker().ask(tmp_path)
    others = [
        Maker(content="d" * 64),
        Maker(key="d" * 64),
        Maker(n=11),
        Maker(features=True),
    ]
    for other in others:
        assert other.ask(tmp_path).n == other.asked["n"]
        assert other.n_made == 1
    assert len(list(tmp_path.iterdir())) == 1 + len(others)
    again = Maker(features=True)
    again.ask(tmp_path)
    assert again.n_made == 0
    monkeypatch.setattr(reference_cache, "STATISTICS_FORMAT", 2)
    newer = Maker()
    newer.ask(tmp_path)
    assert newer.n_made == 1


def test_a_file_with_features_answers_for_the_moments(tmp_path):
    whole = Maker(features=True)
    made = whole.ask(tmp_path)
    moments = Maker()
    assert same(moments.ask(tmp_path), made)
    assert moments.n_made == 0
    assert len(list(tmp_path.iterdir())) == 1


def test_a_files_name_is_the_hash_of_every_field(tmp_path):
    fields = {"content": "x", "key": "y", "n": 3, "features": True}
    path = cached_statistics(tmp_path, fields)
    assert cached_statistics(tmp_path, dict(reversed(fields.items()))) == path
    changed = [{**fields, name: "another"} for name in fields] + [
        {**fields, "new": None},
        {**fields, "n": "3"},
    ]
    paths = {cached_statistics(tmp_path, one) for one in changed}
    assert len(paths) == len(changed)
    assert path not in paths
    for odd in (torch.zeros(1), {1}, float("nan")):
        with pytest.raises(MetricError, match="a cache's key must be of text, numbers and lists"):
            cached_statistics(tmp_path, {"odd": odd})


@pytest.mark.parametrize("damage", [b"", b"junk", "cut", "of another pile"])
def test_a_file_that_cannot_be_believed_is_set_aside_and_made_again(damage, tmp_path):
    maker = Maker()
    made = maker.ask(tmp_path)
    (path,) = tmp_path.iterdir()
    if damage == "cut":
        damage = path.read_bytes()[:-10]
    elif damage == "of another pile":  # a file renamed by hand, say
        Maker(content="e" * 64).ask(tmp_path / "other")
        damage = next((tmp_path / "other").iterdir()).read_bytes()
    path.write_bytes(damage)
    with pytest.warns(UserWarning, match=r"set aside as .*\.damaged and made again: "):
        again = maker.ask(tmp_path)
    assert maker.n_made == 2
    assert same(again, made)
    assert path.with_suffix(".damaged").read_bytes() == damage
    assert same(maker.ask(tmp_path), made)
    assert maker.n_made == 2


def test_many_may_write_at_once(tmp_path):
    maker = Maker(n=500, features=True)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: maker.ask(tmp_path), range(32)))
    assert all(same(one, made[0]) for one in made)
    assert len(list(tmp_path.iterdir())) == 1
    assert same(maker.ask(tmp_path), made[0])


def test_statistics_of_something_else_than_was_asked_for_are_refused(tmp_path):
    wrong = Maker(n=12)
    with pytest.raises(MetricError, match="were asked for, and these are of"):
        reference_statistics(tmp_path, content_sha256=CONTENT, extractor_key=KEY, n=10, compute=wrong)
    with pytest.raises(MetricError, match="were asked for"):
        reference_statistics(
            None, content_sha256=CONTENT, extractor_key=KEY, n=12, compute=wrong, features=True
        )
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_costs_a_warning_alone(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.warns(UserWarning, match="statistics are not cached: "):
        assert Maker().ask(tmp_path / "file/cache").n == 10


def test_pictures_that_change_while_they_are_read_leave_nothing_under_their_old_hash(tmp_path):
    folder = write_folder(tmp_path / "pile", {f"{i}.png": encoded(p) for i, p in enumerate(noise(8))})
    pile = open_pile(folder)
    write_folder(folder, {f"{i}.png": encoded(p) for i, p in enumerate(noise(8, seed=1))})
    reference = Reference("pile", pile, cache=tmp_path / "cache")
    with pytest.raises(MetricError, match=r"0\.png has changed since"):
        reference.statistics(load_extractor("digits-classifier"))
    assert not (tmp_path / "cache").exists()
