import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import gans
from gans.batches import DeviceBatches


def numbered(n, batch_size, seed=0):
    return DeviceBatches(torch.arange(n), batch_size, torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))
def test_every_sample_once_an_epoch(sizes):
    n, batch_size = sizes
    batches = numbered(n, batch_size)
    drawn = [batches.next() for _ in range(3 * n)]
    assert {len(batch) for batch in drawn} == {batch_size}
    for epoch in torch.cat(drawn).split(n):
        assert epoch.sort().values.equal(torch.arange(n))


def test_epochs_differ():
    batches = numbered(50, 50)
    assert not torch.equal(batches.next(), batches.next())


def test_batch_larger_than_the_data_is_refused():
    with pytest.raises(gans.VariantError, match=r"A batch of 6 is larger than .* of 5 samples\."):
        numbered(5, 6)


@pytest.mark.parametrize("taken", [0, 3, 5, 7])  # 10 samples in fours: 5 batches end the second epoch
def test_goes_on_from_where_the_state_was_taken(taken):
    batches = numbered(10, 4)
    for _ in range(taken):
        batches.next()
    state, random = batches.state(), batches.generator.get_state()
    expected = [batches.next() for _ in range(8)]
    other = numbered(10, 4, seed=1)
    other.generator.set_state(random)
    other.restore(state)
    assert all(map(torch.equal, expected, [other.next() for _ in range(8)]))
