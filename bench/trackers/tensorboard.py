"""TensorBoard's event files, to be looked at with ``tensorboard --logdir runs``."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter


class TensorBoard:
    """Writes one event file.

    TensorBoard's step, a whole number, is the number of generated images: kimg × 1000. Trainings with
    different batch sizes then lie on one axis.
    """

    def __init__(self, folder: Path) -> None:
        self._writer = SummaryWriter(folder)

    def scalars(self, values: Mapping[str, float], kimg: float) -> None:
        """Add a point to each of these curves."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, round(kimg * 1000))

    def picture(self, name: str, path: Path, kimg: float) -> None:
        """Add a picture to those of this name."""
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        self._writer.add_image(name, pixels, round(kimg * 1000), dataformats="HWC")
        self._writer.flush()  # after each evaluation: somebody may be watching

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


open_tracker = TensorBoard
