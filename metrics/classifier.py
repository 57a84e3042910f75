"""A small classifier of one data set, whose features stand in for Inception's on that data set."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from metrics.errors import MetricError
from metrics.features import CLIP, DINOV2, GRAY_TO_RGB, INCEPTION, Extractor, best_batch_size

# One key, because safetensors writes several in an arbitrary order and the file is hashed.
_METADATA_KEY = "gan-bench domain classifier"

_POOR_ACCURACY = 0.9
"""Below this share of right answers, one sample in ten is taken for another class than it shows."""

# ITU-R 601 luma, what PIL's convert("L") uses.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, kw_only=True)
class ClassifierMetadata:
    """What a weights file says about how its classifier came to be."""

    test_accuracy: float
    """Share of the test split that is classified correctly, 0 to 1."""
    training_data: str
    """What it was trained on, with a content fingerprint, such as ``"mnist/train@1a2b3c4d5e6f"``."""
    how_trained: str
    """The settings, in words."""
    class_names: tuple[str, ...]
    """One name a class, in the order of the labels."""


class DomainClassifier(nn.Module):
    """Three convolutions and two linear layers; 40 thousand parameters.

    conv 3×3 16 → ReLU → conv 3×3 32 stride 2 → ReLU → conv 3×3 64 stride 2 → ReLU → average pool
    to 2×2 → linear 64 → ReLU = the features → linear k = the logits.

    Parameters
    ----------
    name
        Lower-case letters, digits, ``.`` and ``-``; stands in the name of each score, as in
        ``fid@digits-classifier``. Inception's name and other known networks' are refused.
    image_size
        Height and width in pixels.
    channels
        1 or 3.
    n_classes
        k, at least 2.

    Raises
    ------
    MetricError
        If one of them is something else.
    """

    DIM = 64

    def __init__(self, *, name: str, image_size: int, channels: int, n_classes: int) -> None:
        super().__init__()
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name) or name in (INCEPTION, *DINOV2, *CLIP):
            raise MetricError(
                f"a classifier's name must consist of lower-case letters, digits, '.' and '-' and "
                f"not be '{INCEPTION}' or another known network's, got '{name}'"
            )
        if image_size < 4 or channels not in (1, 3) or n_classes < 2:
            raise MetricError(
                "a classifier needs images of at least 4 pixels a side, 1 or 3 channels and at "
                f"least 2 classes, got {image_size}, {channels} and {n_classes}"
            )
        self.name = name
        self.image_size = image_size
        self.channels = channels
        self.n_classes = n_classes
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.hidden = nn.Sequential(nn.Linear(256, self.DIM), nn.ReLU())
        self.output = nn.Linear(self.DIM, n_classes)
        for layer in (*self.convolutions, self.hidden[0]):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                # torch's own default is too small for ReLU, and needs more epochs.
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits.

        Parameters
        ----------
        images
            float32 (n, channels, image_size, image_size) in [-1, 1], as `prepare` makes them.

        Returns
        -------
        tuple of Tensor
            Features float32 (n, 64), ≥ 0, and logits float32 (n, k).
        """
        features = self.hidden(self.convolutions(images))
        return features, self.output(features)

    def prepare(self, images: Tensor) -> Tensor:
        """Turn uint8 (n, C, H, W) images into what `forward` takes.

        Scales 0..255 to [-1, 1], converts between gray and RGB, and resizes by bilinear
        interpolation with antialiasing where the size differs.
        """
        x = images.to(torch.float32) / 127.5 - 1
        if x.shape[1] > self.channels:
            x = (x * x.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        elif x.shape[1] < self.channels:
            x = x.expand(-1, self.channels, -1, -1)
        size = (self.image_size, self.image_size)
        if x.shape[2:] != size:
            x = F.interpolate(x, size=size, mode="bilinear", antialias=True)
        return x

    def save(self, path: str | Path, metadata: ClassifierMetadata) -> None:
        """Write weights and metadata to one safetensors file of about 160 kB.

        Equal weights and metadata give the same bytes, hence the same SHA-256.

        Raises
        ------
        MetricError
            If there are not as many different class names as classes.
        """
        if len(set(metadata.class_names)) != self.n_classes:
            raise MetricError(
                f"a classifier of {self.n_classes} classes needs as many different class names, got "
                f"{metadata.class_names}"
            )
        described = {
            "name": self.name,
            "image_size": self.image_size,
            "channels": self.channels,
            "n_classes": self.n_classes,
            "metadata": asdict(metadata),
        }
        tensors = {key: value.cpu().contiguous() for key, value in self.state_dict().items()}
        text = json.dumps(described, sort_keys=True)
        Path(path).write_bytes(save(tensors, metadata={_METADATA_KEY: text}))

    @classmethod
    def load(cls, path: str | Path) -> tuple["DomainClassifier", ClassifierMetadata]:
        """Read what `save` wrote; the classifier is in evaluation mode, without gradients.

        Raises
        ------
        MetricError
            If the file is missing, damaged, or not a domain classifier.
        """
        path = Path(path)
        if not path.is_file():
            raise MetricError(f"there is no classifier file {path}")
        try:
            with safe_open(path, framework="pt") as file:
                text = (file.metadata() or {}).get(_METADATA_KEY)
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise MetricError(
                f"{path} is not a whole safetensors file, so no classifier can be read from it"
            ) from error
        if text is None:
            raise MetricError(f"{path} is a safetensors file, but not of a domain classifier")
        try:
            described = json.loads(text)
            written = described.pop("metadata")
            written["class_names"] = tuple(written["class_names"])
            metadata = ClassifierMetadata(**written)
            if len(tensors["output.bias"]) != described["n_classes"]:  # before a layer so wide is made
                raise ValueError("the weights are of another network")
            classifier = cls(**described)
            classifier.load_state_dict(tensors)
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
            raise MetricError(f"{path} holds a domain classifier that this version can't read") from error
        return classifier.requires_grad_(False).eval(), metadata


class DomainClassifierExtractor(Extractor):
    """The 64 features and k logits of a saved `DomainClassifier`.

    Parameters
    ----------
    path
        A file that `DomainClassifier.save` wrote.
    device
        Where the network is to run.

    Raises
    ------
    MetricError
        If the file is missing, damaged, or not a domain classifier.
    """

    def __init__(self, path: str | Path, device: str | torch.device = "cpu") -> None:
        classifier, self.metadata = DomainClassifier.load(path)
        self.device = torch.device(device)
        self._classifier = classifier.to(self.device)
        self.name = classifier.name
        self.sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        self.dim = DomainClassifier.DIM
        self.image_size = classifier.image_size
        self.channels = classifier.channels
        self.resize = (
            f"bilinear with antialiasing (torch) to {self.image_size}×{self.image_size}, "
            "none where that is the size"
        )
        if self.channels == 1:
            self.grayscale = "RGB images turned to gray by ITU-R 601 luma"
        else:
            self.grayscale = GRAY_TO_RGB
        self.value_range = "uint8 0..255, x / 127.5 − 1"
        self.outputs = "the last hidden layer, logits"
        self.n_logits = classifier.n_classes
        self.batch_size = best_batch_size(self.device, 64, 2048)
        self.class_names = self.metadata.class_names
        if self.metadata.test_accuracy < _POOR_ACCURACY:
            self.caveat = (
                f"{self.name} tells only {self.metadata.test_accuracy:.0%} of the test images right, so its "
                "features and classes say less"
            )

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        return self._classifier(self._classifier.prepare(images))
