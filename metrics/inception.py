"""Inception v3 as the original FID and Inception score used it, through torch-fidelity."""

import hashlib
import pickle
from pathlib import Path

import torch
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
from torch_fidelity.utils import create_feature_extractor

from metrics.errors import MetricError
from metrics.features import INCEPTION, Extractor

_FILE_NAME = URL_INCEPTION_V3.rsplit("/", 1)[1]
# The file's name ends in the first digits of its SHA-256, as torch.hub wants it.
_SHA256_PREFIX = _FILE_NAME.removesuffix(".pth").rsplit("-", 1)[1]


class InceptionExtractor(Extractor):
    """2,048 pool features, and the 1,008 logits without bias that the Inception score takes.

    Parameters
    ----------
    weights
        torch-fidelity's weights file, or None for the one in torch.hub's folder, which is
        downloaded if it is not there.
    device
        Where the network is to run.

    Raises
    ------
    MetricError
        If the weights are neither there nor to be had, or are not Inception's.
    """

    def __init__(self, weights: Path | None, device: str | torch.device = "cpu") -> None:
        path = _downloaded_weights() if weights is None else weights
        try:
            contents = path.read_bytes()
            # torch-fidelity unpickles without restriction; a file that passes here first can
            # hold nothing but tensors.
            torch.load(path, map_location="cpu", weights_only=True)
            network = create_feature_extractor(
                INCEPTION,
                ["2048", "logits_unbiased"],
                cuda=False,
                feature_extractor_weights_path=str(path),
            )
        except OSError as error:
            raise MetricError(f"Inception weights can't be read from {path}: {error}") from error
        except (RuntimeError, pickle.UnpicklingError, EOFError, TypeError, AttributeError) as error:
            raise MetricError(
                f"{path} does not hold torch-fidelity's Inception v3 weights, which are at {URL_INCEPTION_V3}"
            ) from error
        self.device = torch.device(device)
        self._network = network.to(self.device)
        self.name = INCEPTION
        self.sha256 = hashlib.sha256(contents).hexdigest()
        self.dim = 2048
        self.image_size = network.INPUT_IMAGE_SIZE
        self.channels = 3
        self.resize = "TensorFlow 1 bilinear to 299×299 without antialiasing (torch-fidelity)"
        self.grayscale = "one-channel images repeated to RGB"
        self.class_names = None

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self._network(images.expand(-1, 3, -1, -1))


def _downloaded_weights() -> Path:
    """Path of the weights in torch.hub's folder, downloaded if need be."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / _FILE_NAME
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(
            URL_INCEPTION_V3, str(path), hash_prefix=_SHA256_PREFIX, progress=False
        )
    except (OSError, RuntimeError) as error:
        raise MetricError(
            f"Inception weights are not at {path} and can't be downloaded ({error}): fetch "
            f"{URL_INCEPTION_V3} and put it there, or give its place as '{INCEPTION}:PATH'"
        ) from error
    return path
