"""Several processes against one: the same training, each with its share of every batch."""

import pytest
import torch
import torch.distributed as dist
from gloo import in_float64, together
from tiny import BATCH, VARIANTS, assert_equal, everything, images, labels, settings, tiny
from torch import nn

import gans
from gans.batches import Batches
from gans.networks.batch_norm import SynchronisedBatchNorm, synchronise_batch_norm
from gans.penalties import GradientPenalty
from gans.processes import Processes

# float64 has 16 digits, and sums over shares are in another order; Adam and RMSProp divide by the root of
# squares that begin near 0, which takes some of them.
ROUNDING = 1e-12

PENALISED = "dcgan with a penalty"  # on a D with batch norm: second derivatives through shared statistics


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What `all_of_it` came to in each of three processes: started once, which takes longer than the rest."""
    return together(tmp_path_factory.mktemp("ranks") / "meet", 3, all_of_it)


def trainer_of(name: str, steps: int, with_others: Processes | None) -> gans.Trainer:
    changes = {"penalty": GradientPenalty()} if name == PENALISED else {}
    return gans.Trainer(
        tiny(name.split()[0], **changes),
        images(),
        settings(steps),
        labels=labels(),
        class_names=tuple("abcd"),
        processes=with_others,
    )


def trained_plainly(with_others: Processes | None, names: tuple[str, ...], steps: int) -> dict:
    """State and records of each variant."""
    found = {}
    for name in names:
        trainer = trainer_of(name, steps, with_others)
        records = list(trainer.train())
        found[name] = everything(trainer), records
    return found


def trained(with_others: Processes | None, names: tuple[str, ...], steps: int) -> dict:
    """The same in float64."""
    return in_float64(trained_plainly, with_others, names, steps)


def assert_same(alone: dict, ranks: list[dict]) -> None:
    for name, (state, records) in alone.items():
        for other in ranks[1:]:  # bit for bit: else they would drift apart
            assert_equal(ranks[0][name][0], other[name][0])
        shared_state, shared_records = ranks[0][name]
        assert state.keys() == shared_state.keys()
        for key, tensor in state.items():
            if tensor.is_floating_point():
                torch.testing.assert_close(
                    shared_state[key],
                    tensor,
                    rtol=ROUNDING,
                    atol=ROUNDING,
                    equal_nan=True,
                    msg=f"{name}: {key}",
                )
            else:  # generators, permutation, counts
                assert torch.equal(shared_state[key], tensor), f"{name}: {key}"
        for record, shared in zip(records, shared_records, strict=True):
            del record["training_sec"], shared["training_sec"]
            assert shared == pytest.approx(record, rel=1e-6, nan_ok=True)  # monitors are float32


QUICK = {2: ("acgan", "gan2014", "wgan_gp"), 3: (PENALISED, "vanilla")}


def all_of_it(three: Processes) -> dict:
    """What the default suite asks of three processes, and of two of them."""
    pair = dist.new_group([0, 1])
    two = None if three.rank == 2 else Processes(pair, pair)
    found = {"resumed": resumed(two, three), "stopped": stops(three)}
    found[3] = trained(three, QUICK[3], 2)
    if two is not None:
        found |= {2: trained(two, QUICK[2], 2), "left": leaves(two)}
    return found


@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_learn_what_one_does(ranks, count):
    """16 samples among 3 are uneven shares; acgan, dcgan and wgan_gp have batch norm."""
    assert_same(trained(None, QUICK[count], 2), [found[count] for found in ranks[:count]])


@pytest.mark.slow  # the rest of the variants, and more processes
@pytest.mark.parametrize("count", [2, 3, 5])
def test_every_variant_learns_what_one_process_does(tmp_path, count):
    names = (*VARIANTS, PENALISED)
    assert_same(trained(None, names, 5), together(tmp_path / "meet", count, trained, names, 5))


def gone_on(with_others: Processes | None, state: dict | None, until: int) -> dict:
    """The state of a training of 3 steps after `until` of them."""

    def work() -> dict:
        trainer = trainer_of("dcgan", 3, with_others)
        if state is not None:
            trainer.load_state_dict(state)
        list(trainer.train(until * BATCH / 1000))
        return {key: tensor.clone() for key, tensor in trainer.state_dict().items()}

    return in_float64(work)


def resumed(two: Processes | None, three: Processes) -> dict:
    """One step each by two processes, then one, then three."""
    box = [None]
    if two is not None:
        box = [gone_on(None, gone_on(two, None, 1), 2)]
    dist.broadcast_object_list(box, src=1)  # whichever process saved
    return gone_on(three, box[0], 3)


def test_two_processes_then_one_then_three(ranks):
    whole, state = gone_on(None, None, 3), ranks[0]["resumed"]
    for key, tensor in whole.items():
        if key == "progress.training_sec":
            continue
        if tensor.is_floating_point():
            torch.testing.assert_close(state[key], tensor, rtol=ROUNDING, atol=ROUNDING, equal_nan=True)
        else:
            assert torch.equal(state[key], tensor), key


class Alone(Processes):
    """One of several processes that has not met the others."""

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count


@pytest.mark.parametrize("count", [1, 2, 3, 5, 16])
def test_an_epoch_is_seen_exactly_once_across_processes(count):
    n, batch = 48, 16
    data = torch.arange(n).view(n, 1).expand(n, 2).float()
    seen = []
    for rank in range(count):
        batches = Batches(
            data, None, batch, torch.Generator().manual_seed(0), Alone(rank, count).share(batch)
        )
        seen += [row for _ in range(n // batch) for row in batches.next().samples[:, 0].int().tolist()]
    assert sorted(seen) == list(range(n))


@pytest.mark.parametrize("n", [3, 16, 17])
def test_shares_cover_all_rows_once_and_weigh_them(n):
    team = [Alone(rank, 3) for rank in range(3)]
    assert [row for one in team for row in range(n)[one.share(n)]] == list(range(n))
    assert sum(one.weight(n) for one in team) == pytest.approx(1)
    sizes = [one.share(n).stop - one.share(n).start for one in team]
    assert max(sizes) - min(sizes) <= 1


def test_noise_of_different_processes_is_different_and_that_of_one():
    trainer = trainer_of("vanilla", 1, None)
    drawn = trainer.random.draw(
        trainer.variant, (trainer.generator, trainer.discriminator), None, BATCH, train_generator=True
    )
    parts = [Alone(rank, 3).mine(drawn, BATCH).latents.z for rank in range(3)]
    assert torch.equal(torch.cat(parts), drawn.latents.z)
    assert len(torch.cat(parts).unique(dim=0)) == BATCH


def test_a_batch_smaller_than_the_processes_is_refused():
    with pytest.raises(gans.VariantError, match="A batch of 2 cannot be shared by 3 processes"):
        gans.Trainer(tiny("vanilla"), images(), settings(1, batch_size=2), processes=Alone(0, 3))


def test_a_batch_norm_of_another_kind_is_refused():
    with pytest.raises(gans.Unsupported, match="cannot share a batch with a SyncBatchNorm"):
        synchronise_batch_norm(nn.Sequential(nn.SyncBatchNorm(3)), Alone(0, 2))


def test_a_network_alone_again_is_the_plain_one():
    """As copies for measurements are: the same layer, on this process's samples alone."""
    plain, shared = nn.Sequential(nn.BatchNorm2d(3)), nn.Sequential(nn.BatchNorm2d(3))
    synchronise_batch_norm(shared, Alone(0, 2))
    assert isinstance(shared[0], SynchronisedBatchNorm)
    synchronise_batch_norm(shared, None)
    x = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(shared(x), plain(x))
    assert shared.state_dict().keys() == plain.state_dict().keys()


def stops(with_others: Processes) -> int:
    """One process asks; the steps that this one then has done."""
    trainer = trainer_of("vanilla", 20, with_others)
    if with_others.rank == 1:
        step = trainer.step

        def asking():
            if trainer.steps == 4:
                trainer.stop()
            return step()

        trainer.step = asking
    list(trainer.train())
    return trainer.steps


def test_all_stop_before_the_same_step(ranks):
    assert [found["stopped"] for found in ranks] == [5, 5, 5]


def leaves(with_others: Processes) -> tuple[int, int]:
    """Rank 0 leaves the loop after the first of its records; the others go on to what ends it, too."""
    trainer = trainer_of("vanilla", 120, with_others)
    records = trainer.train()
    if with_others.rank == 0:
        next(records)
        records.close()
        return trainer.steps, int(with_others.any(True))
    list(records)
    return trainer.steps, int(with_others.any(True))


def test_who_leaves_early_takes_all_along(ranks):
    assert [found["left"] for found in ranks[:2]] == [(50, 1), (50, 1)]
