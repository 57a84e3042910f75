import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import images, labels

import gans
from gans.batches import Batches


def numbered(n, batch_size, seed=0):
    numbers = torch.arange(n)
    return Batches(numbers, numbers % 3, batch_size, torch.Generator().manual_seed(seed))


class Streamed:
    """Pictures that are handed out on request, as from a disk."""

    dtype, workers = torch.uint8, 2

    def __init__(self, pictures):
        self.pictures, self.shape = pictures, tuple(pictures.shape)
        self.threads, self.damaged = set(), None

    def __len__(self):
        return len(self.pictures)

    def fetch(self, indices):
        self.threads.add(threading.current_thread().name)
        if self.damaged is not None and self.damaged in indices:
            raise OSError(f"Picture {self.damaged} is damaged.")
        return self.pictures[indices]


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))
def test_every_sample_once_an_epoch_with_its_label(sizes):
    n, batch_size = sizes
    batches = numbered(n, batch_size)
    drawn = [batches.next() for _ in range(3 * n)]
    assert {len(batch.samples) for batch in drawn} == {batch_size}
    assert all(torch.equal(batch.labels, batch.samples % 3) for batch in drawn)
    for epoch in torch.cat([batch.samples for batch in drawn]).split(n):
        assert epoch.sort().values.equal(torch.arange(n))


def test_epochs_differ():
    batches = numbered(50, 50)
    assert not torch.equal(batches.next().samples, batches.next().samples)


def test_batch_larger_than_the_data_is_refused():
    with pytest.raises(gans.VariantError, match=r"A batch of 6 is larger than .* of 5 samples\."):
        numbered(5, 6)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("taken", [0, 3, 5, 7])  # 10 samples in fours: 5 batches end the second epoch
def test_goes_on_from_where_the_state_was_taken(taken, streamed):
    def made(seed):
        samples = Streamed(images(10)) if streamed else images(10)
        return Batches(samples, None, 4, torch.Generator().manual_seed(seed))

    batches = made(0)
    for _ in range(taken):
        batches.next()
    state, random = batches.state(), batches.generator.get_state()
    expected = [batches.next().samples for _ in range(8)]
    other = made(1)
    other.next()  # has begun to fetch what it must then forget
    other.generator.set_state(random)
    other.restore(state)
    assert all(map(torch.equal, expected, [other.next().samples for _ in range(8)]))


def test_streamed_samples_come_as_those_in_memory_do():
    source = Streamed(images(50))
    memory, streamed = (
        Batches(samples, labels(50), 7, torch.Generator().manual_seed(0)) for samples in (images(50), source)
    )
    for _ in range(20):
        for one, other in zip(memory.next(), streamed.next(), strict=True):
            assert torch.equal(one, other)
    assert torch.equal(memory.mean(), streamed.mean())
    assert any(name.startswith("samples") for name in source.threads)  # ahead, on threads of its own


def test_what_breaks_a_stream_reaches_the_caller():
    source = Streamed(images(50))
    source.damaged = 17
    batches = Batches(source, None, 5, torch.Generator().manual_seed(0))
    with pytest.raises(OSError, match="Picture 17 is damaged"):
        [batches.next() for _ in range(10)]
