"""pytorch/examples, `dcgan/main.py`: the script everybody has copied, run as it is."""

import runpy
import sys
from pathlib import Path

from contestant import Peer
from work import ENDLESS, SIZE, WIDTH, Work

FAKE_IMAGES = 1000  # of torchvision's FakeData, which `--dataset fake` takes


def train(folder: Path, work: Work) -> None:
    """Run the script with made-up data; its batch of what remains of 1,000 images ends each epoch."""
    script = folder / "dcgan" / "main.py"
    options = {
        "--dataset": "fake",
        "--batchSize": work.batch_size,
        "--imageSize": SIZE,
        "--ngf": WIDTH,
        "--ndf": WIDTH,
        "--niter": ENDLESS,
        "--outf": work.folder,
        "--manualSeed": 0,
    }
    sys.argv = [str(script), *(str(part) for pair in options.items() for part in pair)]
    if work.device != "cpu":
        sys.argv.append("--accel")
    # Not as "__main__": that name stays ours while the script waits for its next turn.
    runpy.run_path(str(script), run_name="dcgan_example")


class Examples(Peer):
    """Knows that the last batch of an epoch is smaller."""

    def images_per_turn(self, batch_size: int, iterations: int) -> float:
        """Of one iteration, a full batch, as the median round has; of many, the mean."""
        if iterations == 1:
            return batch_size
        batches = -(-FAKE_IMAGES // batch_size)
        return FAKE_IMAGES / batches * iterations


PEER = Examples(
    name="pytorch/examples dcgan",
    option="examples",
    train=train,
    differs=(
        "the whole script: one generated batch serves both updates; BCELoss after a sigmoid; G's step "
        "computes D's gradients, too; five `.item()` and a printed line an iteration; FakeData through PIL "
        "and two loader processes"
    ),
)
