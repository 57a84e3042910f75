"""What training looks like from inside, gathered on the device and read every n steps."""

import math

import torch
from torch import Tensor

from gans.step import MONITORS


class Monitor:
    """A window of the last `every` steps' monitors, on the device until it is read."""

    def __init__(self, every: int, device: torch.device) -> None:
        self.window = torch.zeros(every, len(MONITORS), device=device)
        self.filled = 0

    def record(self, values: Tensor) -> None:
        """Keep one step's values; no host read."""
        self.window[self.filled].copy_(values)
        self.filled += 1

    @property
    def gathered(self) -> Tensor:
        """The steps since the last read, float32 `(filled, len(MONITORS))`, live on the device."""
        return self.window[: self.filled]

    def restore(self, gathered: Tensor) -> None:
        """Go back to where `gathered` was taken."""
        self.filled = len(gathered)
        self.gathered.copy_(gathered)

    def read(self, output: str) -> dict[str, float]:
        """Means over the window, which is emptied: the one host read.

        `d_fake_before_g` is the last step's alone, to stand beside D(G(z)) after that step. `jsd` is
        (V + log 4)/2 in nats, what V(D, G) says of the Jensen-Shannon divergence if D were optimal
        (GAN 2014, theorem 1) and so an estimate from below; NaN where the loss does not define it.
        """
        window = self.gathered.double().cpu()
        self.filled = 0
        means = dict(zip(MONITORS, window.mean(0).tolist(), strict=True))
        means["d_fake_before_g"] = window[-1, MONITORS.index("d_fake_before_g")].item()
        jsd = (means["value"] + math.log(4)) / 2 if output == "probability" else math.nan
        return means | {"jsd": jsd}
