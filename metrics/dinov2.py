"""DINOv2's vision transformers, whose class token the Fréchet distance FD-DINOv2 is taken of.

Oquab et al., DINOv2: Learning robust visual features without supervision (2023); Stein et al., Exposing
flaws of generative model evaluation metrics and their unfair treatment of diffusion models (2023).
torch-fidelity runs code from torch.hub for them and takes no weights file; here they are in full, with the
names of Facebook's weights files, so that a file is all that is needed.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from metrics.features import DINOV2, GRAY_TO_RGB, PRECISIONS, Extractor, best_batch_size, check_choice
from metrics.network_weights import downloaded, load_into, read_state_dict, sha256_of
from metrics.resizing import PIL_BICUBIC_8_BIT, TENSORFLOW1_BILINEAR

_PATCH = 14
_TRAINED_GRID = 37  # 518 / 14 patches a side
_SIZE = 224
_GRID = _SIZE // _PATCH
_HEAD = 64

# Width, number of blocks, and whether the feed-forward layers are gated.
_SHAPES = {
    "dinov2-vit-s-14": (384, 12, False),
    "dinov2-vit-b-14": (768, 12, False),
    "dinov2-vit-l-14": (1024, 24, False),
    "dinov2-vit-g-14": (1536, 40, True),
}

_RESIZES = {"dgm-eval": PIL_BICUBIC_8_BIT, "torch-fidelity": TENSORFLOW1_BILINEAR}

DINOV2_PREPROCESSINGS: tuple[str, ...] = tuple(_RESIZES)
"""Whose resize `DinoV2Extractor` can follow; the first, of FD-DINOv2's authors, is the default."""

# Of ImageNet, in 0..1.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class DinoV2(nn.Module):
    """The vision transformer, for images of 224 × 224 pixels.

    Patches of 14 × 14 → linear, + positions → blocks x ← x + γ₁ attention(norm(x)), x ← x + γ₂ mlp(norm(x))
    → norm → the class token.

    Parameters
    ----------
    width
        Of the tokens; a multiple of 64, the width of an attention head.
    depth
        Number of blocks.
    gated
        Whether the feed-forward layers are SwiGLU instead of GELU.
    """

    def __init__(self, width: int, depth: int, gated: bool) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + _TRAINED_GRID**2, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # in the files, though only training uses it
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, _PATCH, _PATCH)})
        self.blocks = nn.ModuleList(_Block(width, gated) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, images: Tensor) -> Tensor:
        """Class tokens (n, width) of standardised images (n, 3, 224, 224)."""
        patches = self.patch_embed["proj"](images).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.cls_token.expand(len(images), -1, -1), patches), dim=1)
        tokens = tokens + self._positions().to(tokens.dtype)
        for block in self.blocks:
            tokens = block(tokens)
        # Tokens meet only in attention: the other ones' norms are not needed.
        return self.norm(tokens[:, 0])

    def _positions(self) -> Tensor:
        """Position embeddings (1, 1 + 16², width), interpolated from the trained grid of 37²."""
        of_class, of_patches = self.pos_embed.float().tensor_split((1,), dim=1)
        grid = of_patches.view(1, _TRAINED_GRID, _TRAINED_GRID, -1).permute(0, 3, 1, 2)
        # The tenth of a patch is the authors'; it moves every sampling point, so it has to stay.
        factor = (_GRID + 0.1) / _TRAINED_GRID
        grid = F.interpolate(grid, scale_factor=(factor, factor), mode="bicubic", antialias=False)
        return torch.cat((of_class, grid.flatten(2).transpose(1, 2)), dim=1)


class _Block(nn.Module):
    def __init__(self, width: int, gated: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = _Attention(width), _Gated(width) if gated else _Mlp(width)
        self.ls1, self.ls2 = _LayerScale(width), _LayerScale(width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        # (n, tokens, 3 · heads · 64) → three times (n, heads, tokens, 64)
        n, length, width = tokens.shape
        heads = self.qkv(tokens).view(n, length, 3, width // _HEAD, _HEAD)
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(queries, keys, values)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens)))


class _Gated(nn.Module):
    """SwiGLU: w₃(silu(w₁ x) · w₂ x), with two thirds of an MLP's hidden width, rounded up to eights."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = (4 * width * 2 // 3 + 7) // 8 * 8
        self.w12, self.w3 = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        gate, values = self.w12(tokens).chunk(2, dim=-1)
        return self.w3(F.silu(gate) * values)


class _LayerScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.gamma


class DinoV2Extractor(Extractor):
    """The class token of a DINOv2 transformer at 224 × 224 pixels; no logits.

    Parameters
    ----------
    name
        One of `DINOV2`.
    weights
        Facebook's weights file of that network (without registers), or None for the one in torch.hub's
        folder, which is downloaded if it is not there.
    device
        Where the network is to run.
    preprocessing
        One of `DINOV2_PREPROCESSINGS`; None for ``"dgm-eval"``, the code of FD-DINOv2's authors.
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
        check_choice("extractor", name, DINOV2, "DINOv2")
        preprocessing = DINOV2_PREPROCESSINGS[0] if preprocessing is None else preprocessing
        check_choice("preprocessing", preprocessing, DINOV2_PREPROCESSINGS, name)
        check_choice("precision", precision, PRECISIONS, name)
        model = f"dinov2_vit{name.split('-')[2]}14"
        url = f"https://dl.fbaipublicfiles.com/dinov2/{model}/{model}_pretrain.pth"
        if weights is None:
            weights = downloaded(url, f"{model}_pretrain.pth", name)
        what = f"the weights of {name}, which are at {url}"
        width, depth, gated = _SHAPES[name]
        state = read_state_dict(weights, what)
        # Not initialised, as every number comes from the file.
        with torch.device("meta"):
            network = DinoV2(width, depth, gated)
        network.to_empty(device="cpu")
        load_into(network, state, weights, what)
        self.device = torch.device(device)
        self._precision = getattr(torch, precision)
        self._resize = _RESIZES[preprocessing]
        self.preprocessing = preprocessing
        self._network = network.requires_grad_(False).eval().to(device=self.device, dtype=self._precision)
        self._mean = 255 * torch.tensor(_MEAN, device=self.device).view(3, 1, 1)
        self._deviation = 255 * torch.tensor(_DEVIATION, device=self.device).view(3, 1, 1)
        self.name = name
        self.sha256 = sha256_of(weights)
        self.dim = width
        self.n_logits = None
        self.image_size = _SIZE
        self.channels = 3
        self.resize = self._resize.describe(_SIZE)
        self.grayscale = GRAY_TO_RGB
        self.value_range = "uint8 0..255, x / 255 standardised by ImageNet's channel means and deviations"
        self.outputs = "class token after the last norm"
        self.dtype = precision
        self.class_names = None
        self.batch_size = best_batch_size(self.device, 8, 128)

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self._resize(images.to(torch.float32), _SIZE)
        x = (x - self._mean) / self._deviation
        return self._network(x.to(self._precision)), None
