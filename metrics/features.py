"""Feature extractors: images in, features and class logits out."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from metrics.errors import MetricError

SHIPPED_CLASSIFIERS: tuple[str, ...] = ("digits-classifier", "mnist-classifier")
"""Domain classifiers whose weights come with this package."""

INCEPTION = "inception-v3-compat"
"""Name of torch-fidelity's Inception v3, the network of published FID values."""

_WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, kw_only=True)
class Features:
    """What an extractor makes of N images; both tensors lie on the CPU."""

    features: Tensor
    """float32 (N, d)."""
    logits: Tensor
    """float32 (N, k); their softmax is p(y|x)."""


class Extractor(ABC):
    """A fixed network that turns images into features and class logits.

    A subclass sets the attributes and implements `_forward`.
    """

    name: str
    """Name that stands behind the ``@`` of a score's qualified name."""
    sha256: str
    """SHA-256 of the weights file, 64 hex digits."""
    dim: int
    """Number of features d."""
    image_size: int
    """Height and width in pixels that the network sees."""
    channels: int
    """Number of channels that the network sees, 1 or 3."""
    resize: str
    """Words: how images of another size are resized."""
    grayscale: str
    """Words: what happens to images with the other number of channels."""
    class_names: tuple[str, ...] | None
    """Names of the k classes if the network was trained to tell the classes of one data set apart,
    None if its classes (ImageNet's) say nothing about which class a sample belongs to."""
    caveat: str | None = None
    """What weakens every score made with it, as a clause; None if nothing does."""
    device: torch.device
    """Where the network runs; images are moved there batch by batch."""

    def extract(self, images: Tensor, batch_size: int = 64) -> Features:
        """Features and logits of each image, in full float32 whatever the caller's settings.

        Parameters
        ----------
        images
            uint8 (N, C, H, W) in 0..255 with C = 1 or 3 and N ≥ 1, on any device.
        batch_size
            How many images go through the network at once; memory, not the result, depends on it.

        Raises
        ------
        MetricError
            If `images` is anything else.
        """
        check_images(images)
        features, logits = [], []
        # Autocast or TF32 left on by a trainer would move FID by up to 1.5e-2 relative.
        with (
            torch.no_grad(),
            torch.autocast(self.device.type, enabled=False),
            _ieee_float32(self.device),
        ):
            for batch in torch.split(images, batch_size):
                batch_features, batch_logits = self._forward(batch.to(self.device))
                features.append(batch_features.to(device="cpu", dtype=torch.float32))
                logits.append(batch_logits.to(device="cpu", dtype=torch.float32))
        return Features(features=torch.cat(features), logits=torch.cat(logits))

    @abstractmethod
    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, d) and logits (n, k) of uint8 (n, C, H, W) images with C = 1 or 3."""


def check_images(images: Tensor) -> None:
    """Raise MetricError unless `images` is uint8 (N, C, H, W) with C = 1 or 3 and N ≥ 1."""
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise MetricError(
            f"images must be uint8 of shape (N, C, H, W), got {images.dtype} of shape {tuple(images.shape)}"
        )
    if images.shape[1] not in (1, 3) or 0 in images.shape:
        raise MetricError(
            f"images must be at least one, not empty, with 1 or 3 channels, got shape {tuple(images.shape)}"
        )


def load_extractor(name_or_path: str | Path, device: str | torch.device = "cpu") -> Extractor:
    """Load a feature extractor.

    Parameters
    ----------
    name_or_path
        ``"digits-classifier"`` or ``"mnist-classifier"``, which come with this package; the path
        of a ``.safetensors`` file that `DomainClassifier.save` wrote; ``"inception-v3-compat"``,
        whose weights are looked for in torch.hub's folder and downloaded if they are not there;
        or ``"inception-v3-compat:PATH"`` with torch-fidelity's weights file at PATH.
    device
        Where the network is to run.

    Raises
    ------
    MetricError
        If there is no such extractor, or its weights are missing, damaged or of another network.
    """
    # Imported here, not above: both modules build on this one, and torch-fidelity is slow to load.
    text = str(name_or_path)
    if text == INCEPTION or text.startswith(f"{INCEPTION}:"):
        from metrics.inception import InceptionExtractor

        _, _, weights = text.partition(":")
        return InceptionExtractor(Path(weights) if weights else None, device)

    from metrics.classifier import DomainClassifierExtractor

    if text in SHIPPED_CLASSIFIERS:
        return DomainClassifierExtractor(_WEIGHTS / f"{text}.safetensors", device)
    if text.endswith(".safetensors"):
        return DomainClassifierExtractor(Path(text), device)
    known = ", ".join((*SHIPPED_CLASSIFIERS, INCEPTION))
    raise MetricError(
        f"there is no extractor '{text}': give one of {known}, or the path of a .safetensors file"
    )


@contextmanager
def _ieee_float32(device: torch.device) -> Iterator[None]:
    """Switch TF32 off on a CUDA device, and back to what it was."""
    if device.type != "cuda":
        yield
        return
    # The switch that trainers use, too: torch refuses a mix of this one and `fp32_precision`.
    product, convolution = torch.backends.cuda.matmul, torch.backends.cudnn
    before = product.allow_tf32, convolution.allow_tf32
    product.allow_tf32 = convolution.allow_tf32 = False
    try:
        yield
    finally:
        product.allow_tf32, convolution.allow_tf32 = before
