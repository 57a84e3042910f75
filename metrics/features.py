"""Feature extractors: images in, features and class logits out."""

import difflib
import hashlib
import json
import sys
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

DINOV2: tuple[str, ...] = tuple(f"dinov2-vit-{size}-14" for size in "sblg")
"""Names of the vision transformers of DINOv2."""

CLIP: tuple[str, ...] = (
    *("clip-rn50", "clip-rn101", "clip-rn50x4", "clip-rn50x16", "clip-rn50x64"),
    *("clip-vit-b-32", "clip-vit-b-16", "clip-vit-l-14", "clip-vit-l-14-336px"),
)
"""Names of OpenAI's image encoders."""

PRECISIONS: tuple[str, ...] = ("float32", "bfloat16")
"""What a large network's arithmetic can be done in; the first is the default."""

GRAY_TO_RGB = "one-channel images repeated to RGB"

_WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, kw_only=True)
class Features:
    """What an extractor makes of N images; both tensors lie on the CPU."""

    features: Tensor
    """float32 (N, d)."""
    logits: Tensor | None
    """float32 (N, k); their softmax is p(y|x). None if the network tells no classes apart."""

    @property
    def class_logits(self) -> Tensor:
        """`logits`, or a MetricError where there are none."""
        if self.logits is None:
            raise MetricError("a score that asks for classes needs an extractor that tells classes apart")
        return self.logits


class Extractor(ABC):
    """A fixed network that turns images into features and, if it has classes, their logits.

    A subclass sets the attributes and implements `_forward`.
    """

    name: str
    """Name that stands behind the ``@`` of a score's qualified name."""
    sha256: str
    """SHA-256 of the weights file, 64 hex digits."""
    dim: int
    """Number of features d."""
    n_logits: int | None
    """Number of classes k, or None if there are no logits."""
    image_size: int
    """Height and width in pixels that the network sees."""
    channels: int
    """Number of channels that the network sees, 1 or 3."""
    resize: str
    """Words: how images of another size are resized."""
    grayscale: str
    """Words: what happens to images with the other number of channels."""
    value_range: str
    """Words: how values 0..255 are scaled for the network."""
    outputs: str
    """Words: which layers the features and the logits are."""
    dtype: str = "float32"
    """Words: the precision of the network's arithmetic."""
    class_names: tuple[str, ...] | None
    """Names of the k classes if the network was trained to tell the classes of one data set apart,
    None if its classes (ImageNet's) say nothing about which class a sample belongs to."""
    caveat: str | None = None
    """What weakens every score made with it, as a clause; None if nothing does."""
    preprocessing: str | None = None
    """Whose preprocessing it follows; None for a network that has only its own."""
    device: torch.device
    """Where the network runs; images are moved there batch by batch."""
    batch_size: int = 64
    """How many images it is fastest to put through the network at once, on its device."""

    @property
    def key(self) -> str:
        """SHA-256, 64 hex digits, of all that decides the features: equal keys, equal features."""
        decisive = (
            *(self.name, self.sha256, self.resize, self.grayscale),
            *(self.value_range, self.outputs, self.dtype),
        )
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()

    def extract(self, images: Tensor, batch_size: int | None = None) -> Features:
        """Features and logits of each image, in the extractor's precision whatever the caller's settings.

        Parameters
        ----------
        images
            uint8 (N, C, H, W) in 0..255 with C = 1 or 3 and N ≥ 1, on any device.
        batch_size
            How many images go through the network at once, by default `batch_size`. Time and memory
            depend on it; the result only by float32 rounding, as another size may take another
            order of sums: 1e-5 of the largest feature at most in Inception and in the transformers.

        Raises
        ------
        MetricError
            If `images` is anything else, or `batch_size` below 1.
        """
        check_images(images)
        if batch_size is None:
            batch_size = self.batch_size
        if batch_size < 1:
            raise MetricError(
                f"images go through an extractor at least one at a time, got batch size {batch_size}"
            )
        features: list[Tensor] = []
        logits: list[Tensor] = []
        # Autocast or TF32 left on by a trainer would move FID by up to 1.5e-2 relative.
        with (
            torch.no_grad(),
            torch.autocast(self.device.type, enabled=False),
            _ieee_float32(self.device),
        ):
            for batch in torch.split(images, batch_size):
                # Copied, because strides that mean nothing (of one channel) can choose another kernel,
                # and then the same images in a file and in memory would differ in the last digit.
                copied = torch.empty(batch.shape, dtype=batch.dtype, device=self.device).copy_(batch)
                batch_features, batch_logits = self._forward(copied)
                features.append(batch_features.to(device="cpu", dtype=torch.float32))
                if batch_logits is not None:
                    logits.append(batch_logits.to(device="cpu", dtype=torch.float32))
        return Features(features=torch.cat(features), logits=torch.cat(logits) if logits else None)

    @abstractmethod
    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (n, d) and logits (n, k), or None, of uint8 (n, C, H, W) images with C = 1 or 3."""


def best_batch_size(device: torch.device, cpu: int, accelerator: int) -> int:
    """How many images to put through a network at once: few on a CPU, whose cache holds few."""
    return cpu if device.type == "cpu" else accelerator


def check_images(images: Tensor) -> None:
    """Raise MetricError unless `images` is uint8 (N, C, H, W) with C = 1 or 3 and N ≥ 1.

    The message says what to do: which conversion floats need, which axes are in the wrong place.
    """
    if not isinstance(images, Tensor):
        raise MetricError(f"images must be a torch tensor, uint8 (N, C, H, W), got {type(images).__name__}")
    needed = "images must be uint8 of shape (N, C, H, W)"
    got = f"got {images.dtype} of shape {tuple(images.shape)}"
    if 0 in images.shape or images.ndim == 0:
        raise MetricError(f"images must be at least one, not empty, {got}")
    if images.ndim == 3:
        raise MetricError(f"{needed}, {got}: give one image as images[None]")
    if images.ndim != 4:
        raise MetricError(f"{needed}, {got}")
    if images.shape[1] not in (1, 3):
        if images.shape[3] in (1, 3):
            raise MetricError(f"{needed}, {got}: its channels are last, give images.permute(0, 3, 1, 2)")
        raise MetricError(f"images must have 1 or 3 channels, {got}")
    if images.dtype != torch.uint8:
        raise MetricError(f"{needed} in 0..255, {got}: {_what_to_do_with(images)}")


def _what_to_do_with(images: Tensor) -> str:
    """A clause for images that are not uint8."""
    if images.dtype == torch.bool:
        return "give images.to(torch.uint8) * 255"
    if images.is_complex():
        return "complex numbers are no images"
    if images.is_floating_point() and not torch.isfinite(images).all():
        return "some values are NaN or infinite"
    low, high = float(images.min()), float(images.max())
    span = f"values lie in {low:g}..{high:g}"
    if not images.is_floating_point():
        fits = low >= 0 and high <= 255
        return f"{span}, give images.to(torch.uint8)" if fits else f"{span}, beyond 0..255"
    if low >= 0 and high <= 1:
        return f"{span}, give (images * 255).round().to(torch.uint8)"
    if low >= -1 and high <= 1:
        return f"{span}, give ((images + 1) * 127.5).round().to(torch.uint8)"
    if low >= 0 and high <= 255:
        return f"{span}, give images.round().to(torch.uint8)"
    return f"{span}, which is none of 0..1, -1..1 and 0..255"


def load_extractor(
    name_or_path: str | Path,
    device: str | torch.device = "cpu",
    *,
    preprocessing: str | None = None,
    precision: str = "float32",
) -> Extractor:
    """Load a feature extractor.

    Parameters
    ----------
    name_or_path
        NAME or NAME:WEIGHTS, where WEIGHTS is the path of a weights file; without one it is looked for
        in torch.hub's folder and downloaded if it is not there. NAME is one of

        - ``"digits-classifier"``, ``"mnist-classifier"``: come with this package (no WEIGHTS), or
          instead the path of a ``.safetensors`` file that `DomainClassifier.save` wrote;
        - ``"inception-v3-compat"``: torch-fidelity's weights file, or pytorch-fid's, which is the same;
        - ``"dinov2-vit-{s,b,l,g}-14"``: Facebook's ``dinov2_vit{s,b,l,g}14_pretrain.pth``;
        - ``"clip-vit-l-14-336px"`` and the other names of `CLIP`: OpenAI's ``.pt``, or a state dict;
        - whatever you registered with `torch_fidelity.register_feature_extractor`.
    device
        Where the network is to run.
    preprocessing
        Whose preprocessing to follow: ``"torch-fidelity"``, ``"pytorch-fid"``, ``"torchmetrics"``,
        ``"clean-fid"``, ``"studiogan"``, ``"studiogan-legacy"`` for Inception; ``"dgm-eval"`` or
        ``"torch-fidelity"`` for DINOv2; ``"cmmd"`` or ``"torch-fidelity"`` for CLIP. The first of each is
        the default.
    precision
        ``"float32"``, or ``"bfloat16"``: faster on a GPU, at the price of a moved score, which is why it
        is part of the protocol. For Inception, DINOv2 and CLIP.

    Raises
    ------
    MetricError
        If there is no such extractor or preprocessing, or its weights are missing, damaged or of another
        network.
    """
    # Imported here, not above: all of them build on this module, and torch-fidelity is slow to load.
    text = str(name_or_path)
    name, _, rest = text.partition(":")
    weights = Path(rest) if rest else None
    device = torch.device(device)
    _check_no_namesake(name)
    if name == INCEPTION:
        from metrics.inception import InceptionExtractor

        return InceptionExtractor(weights, device, preprocessing=preprocessing, precision=precision)
    if name in DINOV2:
        from metrics.dinov2 import DinoV2Extractor

        return DinoV2Extractor(name, weights, device, preprocessing=preprocessing, precision=precision)
    if name in CLIP:
        from metrics.clip import ClipExtractor

        return ClipExtractor(name, weights, device, preprocessing=preprocessing, precision=precision)
    if precision != "float32":
        raise MetricError(
            f"precision '{precision}' is for {INCEPTION}, dinov2-… and clip-…, not for '{text}'"
        )
    if preprocessing not in (None, "torch-fidelity") or (preprocessing is not None and _is_classifier(text)):
        raise MetricError(
            f"'{text}' has a preprocessing of its own: '{preprocessing}' is for {INCEPTION}, dinov2-… and "
            "clip-…"
        )
    if _is_classifier(text):
        from metrics.classifier import DomainClassifierExtractor

        shipped = text in SHIPPED_CLASSIFIERS
        return DomainClassifierExtractor(_WEIGHTS / f"{text}.safetensors" if shipped else Path(text), device)

    from metrics.registered import RegisteredExtractor, registered_names

    # Its preprocessing is its own, and so torch-fidelity's, which would run the very same class.
    if name in registered_names():
        return RegisteredExtractor(name, weights, device)
    own = (*SHIPPED_CLASSIFIERS, INCEPTION, *DINOV2, *CLIP)
    known = (*own, *(other for other in registered_names() if other not in own))
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    raise MetricError(
        f"there is no extractor '{text}'{hint}: give one of {', '.join(known)}, or the path of a "
        ".safetensors file"
    )


def _is_classifier(text: str) -> bool:
    return text in SHIPPED_CLASSIFIERS or text.endswith(".safetensors")


def check_choice(what: str, given: str, possible: tuple[str, ...], extractor: str) -> None:
    """Raise MetricError unless `given` is one of the possible names of a `what`."""
    if given not in possible:
        close = difflib.get_close_matches(given, possible, n=1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        raise MetricError(f"{extractor} has no {what} '{given}'{hint}: give one of {', '.join(possible)}")


def _check_no_namesake(name: str) -> None:
    """Raise MetricError if someone registered another network under the name of one of this package's."""
    if "torch_fidelity" not in sys.modules or name not in SHIPPED_CLASSIFIERS:
        return
    from metrics.registered import registered_names

    if name in registered_names():
        raise MetricError(
            f"'{name}' comes with this package and is also registered with torch-fidelity: register yours "
            "under another name"
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
