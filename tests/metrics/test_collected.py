"""One pass over a pile: what it keeps, and that nothing depends on how the pile is cut up."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from quadrants import quadrants

from metrics import MetricError, Moments, Reference, as_pile, collected, score
from metrics.collected import collect

IMAGES, LABELS = quadrants(700, seed=20)


class Lazy:
    """A pile that makes images when they are asked for, and remembers how many it ever held at once."""

    dtype = torch.uint8

    def __init__(self, n):
        self.shape = (n, 1, 8, 8)
        self.most = 0

    def __len__(self):
        return self.shape[0]

    def fetch(self, indices):
        self.most = max(self.most, len(indices))
        generator = torch.Generator().manual_seed(int(indices[0]))
        return torch.randint(0, 256, (len(indices), 1, 8, 8), generator=generator, dtype=torch.uint8)


def test_moments_are_those_of_all_features(extractor):
    seen = collect(as_pile(IMAGES), extractor, features=True, logits=True)
    direct = extractor.extract(IMAGES)
    assert torch.equal(seen.features, direct.features)
    assert torch.equal(seen.logits, direct.logits)
    expected = Moments.of(direct.features)
    # Two halves merged instead of one sum: float64 rounding.
    torch.testing.assert_close(seen.halves.whole.mean, expected.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(seen.halves.whole.covariance, expected.covariance, rtol=1e-10, atol=1e-10)


def test_what_nobody_asked_for_is_not_kept(extractor, monkeypatch):
    monkeypatch.setattr(collected, "SYSTEMATIC_ROWS", 64)
    pile = Lazy(5000)
    seen = collect(pile, extractor, features=False, logits=False)
    assert seen.features is None
    assert seen.logits is None
    assert sum(len(rows) for rows in seen.halves.rows) <= 128
    assert seen.halves.n == 5000
    assert pile.most <= 512


def test_progress_is_told_to_the_end(extractor):
    told = []
    collect(
        Lazy(1100), extractor, features=False, logits=False, progress=lambda done, n: told.append((done, n))
    )
    assert told == [(512, 1100), (1024, 1100), (1100, 1100)]


@settings(max_examples=8, deadline=None)
@given(chunk=st.integers(1, 700))
def test_scores_do_not_depend_on_how_the_pile_is_cut_up(chunk, extractor_of_session):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collected, "_CHUNK", chunk)
        patch.setattr(extractor_of_session, "batch_size", max(1, chunk // 3))
        cut = score(IMAGES, Reference("q", IMAGES[:300]), ["fid", "kid"], extractor=extractor_of_session)
    whole = score(IMAGES, Reference("q", IMAGES[:300]), ["fid", "kid"], extractor=extractor_of_session)
    for name in ("fid", "kid"):
        # Features differ by float32 rounding of a batch of another size, 1e-6 of them; both are of order
        # 1 to 100 here.
        assert cut[name].value == pytest.approx(whole[name].value, rel=1e-4, abs=1e-4)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_scores_do_not_depend_on_the_order_of_the_samples(seed, extractor_of_session):
    names = ["fid", "kid", "prdc", "is"]
    real = Reference("q", quadrants(300, seed=21)[0])
    order = torch.randperm(700, generator=torch.Generator().manual_seed(seed))
    one, other = (
        score(pile, real, names, extractor=extractor_of_session) for pile in (IMAGES, IMAGES[order])
    )
    for name in ("fid", "kid", "precision", "recall", "density", "coverage"):
        assert other[name].value == pytest.approx(one[name].value, rel=1e-4, abs=1e-4)
    # Splits are of another order; the whole set is the same.
    assert other["is"].details["whole_set"] == pytest.approx(one["is"].details["whole_set"], rel=1e-6)


def test_a_reference_of_another_extractor_is_extracted_anew(extractor):
    real = Reference("q", IMAGES[:300])
    first = real.statistics(extractor)
    assert real.statistics(extractor) is first
    assert real.statistics(extractor, features=True).features.shape == (300, 64)
    # The moments that come with features answer for moments, too.
    assert real.statistics(extractor) is real.statistics(extractor, features=True)


def test_a_pile_that_is_no_images_is_refused(extractor):
    pile = Lazy(10)
    pile.shape = (10, 2, 8, 8)
    with pytest.raises(MetricError, match=r"as the test samples are, got torch.uint8 of shape \(2, 8, 8\)"):
        score(pile, Reference("q", IMAGES), ["fid"], extractor=extractor)
