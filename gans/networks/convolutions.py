"""Convolutions between a b × b map and a single point, as what they are: matrix products.

The CPU library's convolutions do these layers at a sixth to a third of that rate, forward and backward
(torch 2.15, AVX-512). The weights, and the function up to rounding, are those of torch's own layers. The
4 × 4 convolutions between maps stay torch's: as matrix products all shapes but one were slower in float32.
"""

from torch import Tensor, nn
from torch.nn.functional import linear


class FromPoint(nn.ConvTranspose2d):
    """A transposed convolution of `(n, C, 1, 1)` to `(n, out, b, b)`, b the kernel's side."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """One product; the weights of a channels-last layer are flattened as they lie."""
        weight = self.weight.permute(0, 2, 3, 1)  # (in, b, b, out)
        maps = (x.flatten(1) @ weight.flatten(1)).view(-1, *weight.shape[1:])
        if self.bias is not None:
            maps = maps + self.bias
        return maps.permute(0, 3, 1, 2)


class ToPoint(nn.Conv2d):
    """A convolution of `(n, C, b, b)` to `(n, out, 1, 1)`, b the kernel's side."""

    def forward(self, x: Tensor) -> Tensor:
        """One product; maps and weights that are channels last are flattened as they lie."""
        weight = self.weight.permute(0, 2, 3, 1).flatten(1)
        return linear(x.permute(0, 2, 3, 1).flatten(1), weight, self.bias)[:, :, None, None]
