"""Inception v3 as the original FID and Inception score used it, under anyone's preprocessing."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch_fidelity.feature_extractor_inceptionv3 import (
    URL_INCEPTION_V3,
    BasicConv2d,
    FeatureExtractorInceptionV3,
)
from torch_fidelity.utils import create_feature_extractor

from metrics import resizing
from metrics.errors import MetricError
from metrics.features import GRAY_TO_RGB, INCEPTION, PRECISIONS, Extractor, best_batch_size, check_choice
from metrics.network_weights import downloaded, read_state_dict, sha256_of
from metrics.resizing import Resizing

_FILE_NAME = URL_INCEPTION_V3.rsplit("/", 1)[1]
# The file's name ends in the first digits of its SHA-256, as torch.hub wants it.
_SHA256_PREFIX = _FILE_NAME.removesuffix(".pth").rsplit("-", 1)[1]

_SIZE = 299
_WHAT = f"torch-fidelity's Inception v3 weights, which are at {URL_INCEPTION_V3}"


@dataclass(frozen=True, kw_only=True)
class _Scaling:
    """Values in 0..255 → (x − shift) / unit."""

    words: str
    shift: float
    unit: float


_TENSORFLOW = _Scaling(words="uint8 0..255, (x − 128) / 128", shift=128.0, unit=128.0)
_SYMMETRIC = _Scaling(words="uint8 0..255, 2 x / 255 − 1", shift=127.5, unit=127.5)


@dataclass(frozen=True, kw_only=True)
class _Preprocessing:
    """What one library does to an image before Inception sees it, and which logits it takes."""

    resizing: Resizing
    scaling: _Scaling
    biased_logits: bool = False
    """Whether the last layer's bias is added, which the Inception score's authors left out."""


_PREPROCESSINGS = {
    "torch-fidelity": _Preprocessing(resizing=resizing.TENSORFLOW1_BILINEAR, scaling=_TENSORFLOW),
    # pytorch-fid and clean-fid have no Inception score: there it gets everyone else's logits.
    "pytorch-fid": _Preprocessing(resizing=resizing.BILINEAR, scaling=_SYMMETRIC),
    "torchmetrics": _Preprocessing(resizing=resizing.ANTIALIASED_BILINEAR, scaling=_TENSORFLOW),
    "clean-fid": _Preprocessing(resizing=resizing.PIL_BICUBIC, scaling=_TENSORFLOW),
    # PyTorch-StudioGAN's tables were made with --post_resizer friendly; the default of its command line
    # is "legacy". Both with --eval_backbone InceptionV3_tf, the training set as reference, one IS split.
    "studiogan": _Preprocessing(resizing=resizing.PIL_BILINEAR, scaling=_SYMMETRIC, biased_logits=True),
    "studiogan-legacy": _Preprocessing(resizing=resizing.BILINEAR, scaling=_SYMMETRIC, biased_logits=True),
}

INCEPTION_PREPROCESSINGS: tuple[str, ...] = tuple(_PREPROCESSINGS)
"""Whose preprocessing `InceptionExtractor` can follow; the first is the default."""


class InceptionExtractor(Extractor):
    """2,048 pool features, and the 1,008 logits that the Inception score takes.

    The network is torch-fidelity's with each batch norm folded into its convolution, and channels last
    in memory: the same features up to float32 rounding (a relative 1e-6), 1.7 to 1.9 times as fast on a
    CPU.

    Parameters
    ----------
    weights
        torch-fidelity's weights file, or pytorch-fid's, which holds the same; None for the one in
        torch.hub's folder, which is downloaded if it is not there.
    device
        Where the network is to run.
    preprocessing
        One of `INCEPTION_PREPROCESSINGS`; None for ``"torch-fidelity"``.
    precision
        ``"float32"``, or ``"bfloat16"`` for the convolutions.

    Raises
    ------
    MetricError
        If the weights are neither there nor to be had, or are not Inception's; or there is no such
        preprocessing or precision.
    """

    def __init__(
        self,
        weights: Path | None,
        device: str | torch.device = "cpu",
        *,
        preprocessing: str | None = None,
        precision: str = "float32",
    ) -> None:
        preprocessing = INCEPTION_PREPROCESSINGS[0] if preprocessing is None else preprocessing
        check_choice("preprocessing", preprocessing, INCEPTION_PREPROCESSINGS, INCEPTION)
        check_choice("precision", precision, PRECISIONS, INCEPTION)
        followed = _PREPROCESSINGS[preprocessing]
        if weights is None:
            weights = downloaded(URL_INCEPTION_V3, _FILE_NAME, INCEPTION, _SHA256_PREFIX)
        network = _network(weights)
        self._preprocessing = followed
        self._precision = getattr(torch, precision)
        self.device = torch.device(device)
        self._weight: Tensor = network.fc.weight.to(self.device)
        self._bias: Tensor = network.fc.bias.to(self.device)
        self._trunk = _folded_trunk(network).to(device=self.device, dtype=self._precision)
        self.name = INCEPTION
        self.preprocessing = preprocessing
        self.sha256 = sha256_of(weights)
        self.dim = 2048
        self.n_logits = self._weight.shape[0]
        self.image_size = _SIZE
        self.channels = 3
        self.resize = followed.resizing.describe(_SIZE)
        self.grayscale = GRAY_TO_RGB
        self.value_range = followed.scaling.words
        self.outputs = f"average pool, logits {'with' if followed.biased_logits else 'without'} bias"
        self.dtype = precision
        self.class_names = None
        self.batch_size = best_batch_size(self.device, 8, 256)

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        # Gray images are repeated after the resize: a third of the work.
        x = self._preprocessing.resizing(images.to(torch.float32), _SIZE)
        x = (x - self._preprocessing.scaling.shift) / self._preprocessing.scaling.unit
        x = x.expand(-1, 3, -1, -1).to(dtype=self._precision, memory_format=torch.channels_last)
        # In float32, or the pool would round the mean of 64 places to 8 bits.
        features = self._trunk(x).to(torch.float32).mean(dim=(2, 3))
        logits = features @ self._weight.T
        return features, logits + self._bias if self._preprocessing.biased_logits else logits


def _network(path: Path) -> FeatureExtractorInceptionV3:
    """torch-fidelity's network with the weights of a file."""
    # torch-fidelity unpickles its file without restriction: it gets a copy of what was read as tensors.
    copy = BytesIO()
    torch.save(read_state_dict(path, _WHAT), copy)
    copy.seek(0)
    try:
        return create_feature_extractor(
            INCEPTION, ["2048", "logits"], cuda=False, verbose=False, feature_extractor_weights_path=copy
        )
    except RuntimeError as error:
        raise MetricError(f"{path} does not hold {_WHAT}: it is of another network") from error


def _folded_trunk(network: FeatureExtractorInceptionV3) -> nn.Sequential:
    """All layers before the average pool: uint8 scaled (n, 3, 299, 299) → (n, 2048, 8, 8)."""
    *layers, _pool, _fc = network.children()
    trunk = nn.Sequential(*layers)
    for module in list(trunk.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, BasicConv2d):
                # Folded in float64, so that each weight is rounded once.
                folded = fuse_conv_bn_eval(child.conv.double(), child.bn.double()).float()
                setattr(module, name, nn.Sequential(folded, nn.ReLU(inplace=True)))
    return trunk.to(memory_format=torch.channels_last)
