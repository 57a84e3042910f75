"""The comparison with peers, on a made-up peer of ours, and on real checkouts where there are some."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import compare_peers
import pytest
import torch
from adapters.examples import PEER
from backend_settings import BackendSettings
from contestant import Failed, PeerContestant
from turnstile import LoopEnded, Turnstile
from work import Discriminator, Generator, Work

import gans
import metrics

MADE_UP = Path(__file__).with_name("made_up")
CHECKOUTS = os.environ.get("GAN_BENCH_PEERS")


@pytest.fixture
def work(tmp_path):
    return Work(batch_size=4, device="cpu", folder=tmp_path)


def begun(work):
    return (work.folder / "begun.txt").read_text().splitlines()


def test_each_turn_is_one_iteration_of_their_unchanged_loop(work, capsys):
    peer = PeerContestant(PEER, MADE_UP, work, iterations=1)
    assert len(begun(work)) == 2
    peer.turn()
    assert len(begun(work)) == 3
    peer.close()
    assert len(begun(work)) == 3
    assert capsys.readouterr().out == ""


def test_turns_of_several_iterations(work):
    peer = PeerContestant(PEER, MADE_UP, work, iterations=5)
    peer.turn()
    assert [line.split()[0] for line in begun(work)] == [str(i) for i in range(15)]
    peer.close()


def test_modules_and_settings_are_theirs_in_their_turn_and_ours_otherwise(work):
    before, arguments = BackendSettings.current(), sys.argv
    assert not before.cudnn_benchmark
    peer = PeerContestant(PEER, MADE_UP, work, iterations=1)
    peer.turn()
    assert begun(work)[-1] == "2 theirs True"
    assert sys.modules["metrics"] is metrics
    assert sys.argv is arguments
    assert BackendSettings.current() == before
    assert "cudnn.benchmark on" in peer.settings
    peer.close()


def test_other_optimisers_do_not_end_a_turn():
    """The hook is called for every optimiser of the process, and counts those of the loop alone."""
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.ones(1)
    done = []

    def loop():
        while True:
            for player in "DG":
                torch.optim.SGD([weight], lr=1.0).step()
                done.append(player)

    turnstile = Turnstile(loop)
    for turn in range(1, 4):
        turnstile.turn(1)
        torch.optim.SGD([weight], lr=1.0).step()
        # Control comes back from inside the last step, so what follows it belongs to the next turn.
        assert len(done) == 2 * turn - 1
    turnstile.close()
    assert len(done) == 5


def test_what_a_loop_raises_is_told_in_one_line(work):
    def train(folder, work):
        raise ImportError("No module named 'wandb'\nand more")

    with pytest.raises(Failed) as failed:
        PeerContestant(replace(PEER, train=train), MADE_UP, work, iterations=1)
    assert failed.value.reason == "ImportError: No module named 'wandb'"


def test_a_loop_that_exits_or_ends_has_failed(work):
    def leave(folder, work):
        sys.exit("bad option")

    with pytest.raises(Failed, match="SystemExit: bad option"):
        PeerContestant(replace(PEER, train=leave), MADE_UP, work, iterations=1)
    turnstile = Turnstile(lambda: None)
    with pytest.raises(LoopEnded):
        turnstile.turn(1)
    turnstile.close()


def test_images_of_the_small_last_batch_are_counted():
    assert PEER.images_per_turn(64, 1) == 64
    assert PEER.images_per_turn(64, 16) == 1000


def test_networks_have_the_shapes_of_ours():
    """What StudioGAN and mimicry are given does the arithmetic of our variant."""

    def shapes(module):
        return sorted(tuple(p.shape) for p in module.parameters())

    generator, discriminator = gans.get("dcgan").build((3, 64, 64))
    assert shapes(Generator()) == shapes(generator)
    assert shapes(Discriminator()) == shapes(discriminator)
    images = Generator()(torch.randn(2, 100))
    assert images.shape == (2, 3, 64, 64)
    assert Discriminator()(images).shape == (2, 1)


def test_table_has_a_row_for_each_and_the_error_of_who_cannot_run(capsys, tmp_path):
    arguments = ["--examples", str(MADE_UP), "--mimicry", str(tmp_path)]
    code = compare_peers.main([*arguments, "--batch-size", "2", "--rounds", "6", "--device", "cpu"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert code == 1
    assert rows[1].startswith("| gan-bench, fp32, eager |")
    assert "| 1 | – |" in rows[1]
    assert rows[2].startswith("| pytorch/examples dcgan |")
    # A few perceptrons are over 100 times faster than DCGAN; only the direction is looked at.
    assert float(rows[2].split("|")[5]) > 2
    assert "could not be timed: ModuleNotFoundError" in rows[3]


def test_a_folder_that_is_not_there_is_bad_input(capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        compare_peers.main(["--examples", str(tmp_path / "nothing")])
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(CHECKOUTS is None, reason="GAN_BENCH_PEERS names no folder of checkouts")
@pytest.mark.filterwarnings("default")  # theirs are not ours to answer for
@pytest.mark.parametrize("peer", compare_peers.PEERS, ids=lambda peer: peer.option)
def test_real_checkout_makes_iterations(peer, work):
    checkout = Path(CHECKOUTS) / peer.option
    if not checkout.is_dir():
        pytest.skip(f"GAN_BENCH_PEERS has no folder {peer.option}")
    contestant = PeerContestant(peer, checkout, work, iterations=1)
    contestant.turn()
    contestant.close()
