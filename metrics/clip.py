"""OpenAI's CLIP image encoders through torch-fidelity's network; CMMD is taken on their embeddings.

Radford et al., Learning transferable visual models from natural language supervision (2021); Jayasumana et
al., Rethinking FID: towards a better evaluation metric for image generation (2023).
"""

import warnings
from pathlib import Path

import torch
from torch import Tensor
from torch_fidelity.feature_extractor_clip import MODEL_METADATA, MODEL_URLS, build_model

from metrics.errors import MetricError
from metrics.features import CLIP, GRAY_TO_RGB, PRECISIONS, Extractor, best_batch_size, check_choice
from metrics.network_weights import check_weights_file, downloaded, is_torchscript, read_state_dict, sha256_of
from metrics.resizing import PIL_BICUBIC_8_BIT_SQUARE, TENSORFLOW1_BILINEAR

_RESIZES = {"cmmd": PIL_BICUBIC_8_BIT_SQUARE, "torch-fidelity": TENSORFLOW1_BILINEAR}

CLIP_PREPROCESSINGS: tuple[str, ...] = tuple(_RESIZES)
"""Whose resize `ClipExtractor` can follow; the first, of CMMD's authors, is the default."""

# Of CLIP's training data, in 0..1.
_MEAN, _DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class ClipExtractor(Extractor):
    """The image embedding, not normalised; no logits.

    OpenAI's files are TorchScript archives, and loading such an archive runs code that it holds. So one
    is loaded only if its SHA-256 is that of OpenAI's file; your own weights are given as a state dict
    (``.pt``, ``.pth`` or ``.safetensors``), of which nothing but tensors is read. As in CLIP's own code,
    weights of convolutions and linear layers are rounded to float16, in which OpenAI's are, and computed
    with in float32.

    Parameters
    ----------
    name
        One of `CLIP`.
    weights
        A file as above, or None for OpenAI's in torch.hub's folder, which is downloaded if it is not
        there.
    device
        Where the network is to run.
    preprocessing
        One of `CLIP_PREPROCESSINGS`; None for ``"cmmd"``.
    precision
        ``"float32"`` or ``"bfloat16"``.

    Raises
    ------
    MetricError
        If the weights are neither there nor to be had, or are another network's; or there is no such
        preprocessing or precision.
    """

    def __init__(
        self,
        name: str,
        weights: Path | None,
        device: str | torch.device = "cpu",
        *,
        preprocessing: str | None = None,
        precision: str = "float32",
    ) -> None:
        check_choice("extractor", name, CLIP, "CLIP")
        preprocessing = CLIP_PREPROCESSINGS[0] if preprocessing is None else preprocessing
        check_choice("preprocessing", preprocessing, CLIP_PREPROCESSINGS, name)
        check_choice("precision", precision, PRECISIONS, name)
        official = MODEL_METADATA[name]["hash"]
        if weights is None:
            # Where torch-fidelity keeps it, too.
            weights = downloaded(MODEL_URLS[name], f"{name}-{official}.pt", name, official)
        what = f"the weights of {name}, which are at {MODEL_URLS[name]}"
        check_weights_file(weights)
        self.sha256 = sha256_of(weights)
        if is_torchscript(weights) and self.sha256 == official:
            with warnings.catch_warnings():
                # TorchScript is deprecated, under one category or another, and what the files are.
                warnings.simplefilter("ignore")
                state = torch.jit.load(weights, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
        else:
            state = read_state_dict(weights, what)
        try:
            model = build_model(dict(state), torch.float32)
        # It reads the sizes off the tensors by name: with another network's, anything may be missing.
        except Exception as error:
            raise MetricError(f"{weights} does not hold {what}: it is of another network") from error
        self.device = torch.device(device)
        self._precision = getattr(torch, precision)
        self._resize = _RESIZES[preprocessing]
        self.preprocessing = preprocessing
        self._network = model.visual.to(device=self.device, dtype=self._precision)
        self._mean = 255 * torch.tensor(_MEAN, device=self.device).view(3, 1, 1)
        self._deviation = 255 * torch.tensor(_DEVIATION, device=self.device).view(3, 1, 1)
        self.name = name
        self.image_size = self._network.input_resolution
        self.dim = state["text_projection"].shape[1]
        self.n_logits = None
        self.channels = 3
        self.resize = self._resize.describe(self.image_size)
        self.grayscale = GRAY_TO_RGB
        self.value_range = "uint8 0..255, x / 255 standardised by CLIP's channel means and deviations"
        self.outputs = "image embedding, not normalised"
        self.dtype = precision
        self.class_names = None
        self.batch_size = best_batch_size(self.device, 8, 128)

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self._resize(images.to(torch.float32), self.image_size)
        x = (x - self._mean) / self._deviation
        return self._network(x.to(self._precision)), None
