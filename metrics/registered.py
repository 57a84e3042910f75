"""Anyone's network, by the name under which it was registered with torch-fidelity."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY
from torch_fidelity.utils import create_feature_extractor

from metrics.errors import MetricError
from metrics.features import GRAY_TO_RGB, Extractor, best_batch_size
from metrics.network_weights import check_weights_file


def registered_names() -> tuple[str, ...]:
    """Names of all feature extractors that are registered with torch-fidelity, its own ones too."""
    return tuple(FEATURE_EXTRACTORS_REGISTRY)


class RegisteredExtractor(Extractor):
    """A network that `torch_fidelity.register_feature_extractor` made known.

    Its features are the layer that its class names as the default for ``"fid"``, or if it names none the
    first one that is not logits; its logits are the default for ``"isc"``, if that is another layer. It is
    told apart by its name and the SHA-256 of its weights: code that changes with the weights staying as
    they are needs a new name.

    Parameters
    ----------
    name
        As registered.
    weights
        Passed on to the class as ``feature_extractor_weights_path``, if given.
    device
        Where the network is to run.

    Raises
    ------
    MetricError
        If nothing is registered under that name, the class can't be made, or its features are not one
        row an image.
    """

    preprocessing = "torch-fidelity"

    def __init__(self, name: str, weights: Path | None, device: str | torch.device = "cpu") -> None:
        if name not in FEATURE_EXTRACTORS_REGISTRY:
            raise MetricError(f"no feature extractor '{name}' is registered with torch-fidelity")
        if weights is not None:
            check_weights_file(weights)
        kind = FEATURE_EXTRACTORS_REGISTRY[name]
        self.device = torch.device(device)
        self.name = name
        self._layers = _layers(name, kind)
        given = {} if weights is None else {"feature_extractor_weights_path": str(weights)}
        # The class is someone else's, and so is whatever it raises.
        try:
            network = create_feature_extractor(name, list(self._layers), cuda=False, **given)
        except Exception as error:
            raise MetricError(f"the registered extractor '{name}' can't be made: {error}") from error
        self._network = network.to(self.device)
        self.sha256 = state_dict_sha256(network.state_dict())
        self.image_size = getattr(kind, "INPUT_IMAGE_SIZE", 64)
        self.channels = 3
        self.resize = f"whatever the registered extractor '{name}' does"
        self.grayscale = GRAY_TO_RGB
        self.value_range = "uint8 0..255, as the registered extractor scales them"
        self.outputs = ", ".join(self._layers)
        self.class_names = None
        self.batch_size = best_batch_size(self.device, 8, 64)
        blank = torch.zeros(2, 3, self.image_size, self.image_size, dtype=torch.uint8, device=self.device)
        with torch.no_grad():
            features, logits = self._forward(blank)
        self.dim = features.shape[1]
        self.n_logits = None if logits is None else logits.shape[1]

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        n = images.shape[0]
        try:
            made = self._network(images.expand(-1, 3, -1, -1).contiguous())
        except Exception as error:
            raise MetricError(
                f"the registered extractor '{self.name}' fails on uint8 images of shape "
                f"{(n, 3, *images.shape[2:])}: {error}"
            ) from error
        if not isinstance(made, tuple) or len(made) != len(self._layers):
            raise MetricError(
                f"the registered extractor '{self.name}' must return a tuple of its layers ({self.outputs}), "
                f"got {type(made).__name__}"
            )
        for layer, output in zip(self._layers, made, strict=True):
            if not isinstance(output, Tensor) or output.ndim != 2 or output.shape[0] != n:
                shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
                raise MetricError(
                    f"the registered extractor '{self.name}' must make one row of '{layer}' an image, "
                    f"got {shape} of {n} images"
                )
        return made[0], made[1] if len(made) == 2 else None


def state_dict_sha256(weights: Mapping[str, Tensor]) -> str:
    """SHA-256, 64 hex digits, over names, dtypes, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # As bytes, for numpy has no bfloat16.
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _layers(name: str, kind: type) -> tuple[str, ...]:
    """The features' layer, and the logits' if there is one."""
    try:
        provided = tuple(kind.get_provided_features_list())  # type: ignore[attr-defined]
    except Exception as error:
        raise MetricError(f"the registered extractor '{name}' does not say which features it has") from error

    def default(metric: str) -> str | None:
        # Not every class names a layer for each metric; torch-fidelity's base class raises.
        try:
            layer = kind.get_default_feature_layer_for_metric(metric)  # type: ignore[attr-defined]
        except (NotImplementedError, KeyError):
            return None
        return layer if layer in provided else None

    features = default("fid") or next((layer for layer in provided if "logits" not in layer), provided[0])
    logits = default("isc") or next((layer for layer in provided if "logits" in layer), None)
    return (features,) if logits in (None, features) else (features, logits)
