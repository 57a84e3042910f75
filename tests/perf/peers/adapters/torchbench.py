"""pytorch/benchmark, `torchbenchmark/models/dcgan`: the same script as a benchmark model."""

from pathlib import Path

from contestant import Peer
from work import Work


def train(folder: Path, work: Work) -> None:
    """Call the model's `train`, which makes five iterations, again and again."""
    from torchbenchmark.models.dcgan import Model

    model = Model("train", work.device, batch_size=work.batch_size)
    while True:
        model.train()


PEER = Peer(
    name="pytorch/benchmark dcgan (torchbench)",
    option="torchbench",
    train=train,
    differs=(
        "as pytorch/examples, but one fixed batch of normal noise as data, so no loader; three `.item()` an "
        "iteration, nothing printed"
    ),
)
