"""Conditioning: how class labels enter the two players.

A conditioning wraps whatever pair a network makes, so that any network can be conditioned in any way.
G is handed the label beside z; what D does with labels is the difference.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from gans.networks.network import Network, Shape, draw_shapes, forward, is_samplewise
from gans.pieces import Piece, require_positive


class OneHot(nn.Module):
    """Labels `(n,)` to float one-hot vectors `(n, n_classes)`."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.n_classes = n_classes

    def forward(self, labels: Tensor) -> Tensor:
        """1 at the label, 0 elsewhere."""
        return one_hot(labels, self.n_classes).float()


class LabelledGenerator(nn.Module):
    """G(z, y): the label's vector stands beside z."""

    def __init__(self, network: nn.Module, embedding: nn.Module) -> None:
        super().__init__()
        self.network, self.draws = network, draw_shapes(network)
        self.embedding = embedding

    def forward(self, z: Tensor, labels: Tensor, draws: tuple[Tensor, ...] = ()) -> Tensor:
        """Z `(n, nz)` and labels `(n,)` to samples."""
        return forward(self.network, torch.cat((z, self.embedding(labels)), 1), draws)


class LabelledDiscriminator(nn.Module):
    """D(x, y): the label's embedding is one more channel of an image, or more coordinates of a point."""

    def __init__(self, network: nn.Module, n_classes: int, label_shape: Shape) -> None:
        super().__init__()
        self.network, self.draws, self.label_shape = network, draw_shapes(network), label_shape
        self.samplewise = is_samplewise(network)
        self.embedding = nn.Embedding(n_classes, int(torch.Size(label_shape).numel()))

    def forward(self, x: Tensor, labels: Tensor, draws: tuple[Tensor, ...] = ()) -> Tensor:
        """Samples and labels `(n,)` to raw outputs `(n,)`."""
        label = self.embedding(labels).unflatten(1, self.label_shape)
        return forward(self.network, torch.cat((x, label), 1), draws)


@dataclass(frozen=True, kw_only=True)
class Conditioning(Piece):
    """The slot of ways to use labels."""

    conditional: ClassVar[bool] = True
    labels_to_discriminator: ClassVar[bool] = False  # D is called with labels
    class_head: ClassVar[bool] = False  # D's raw output is (n, 1 + classes): source, then class logits

    def build(self, network: Network, shape: Shape, nz: int, n_classes: int) -> tuple[nn.Module, nn.Module]:
        """Initialised (G, D) on the CPU."""
        raise NotImplementedError

    def class_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """What a class head adds to both players' losses for samples `(n, classes)` of these labels."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Unconditional(Conditioning, kind="none"):
    """Labels are not used."""

    conditional: ClassVar[bool] = False

    def build(self, network: Network, shape: Shape, nz: int, n_classes: int) -> tuple[nn.Module, nn.Module]:
        """The network's own pair."""
        return network.build(shape, nz)


@dataclass(frozen=True, kw_only=True)
class Joined(Conditioning, kind="joined"):
    """CGAN (arXiv 1411.1784, eq. 2): the label is joined to z and to D's input.

    `embedding` is the size of the label's vector beside z, and beside a point in D; for images D sees it
    as one learned channel.
    """

    labels_to_discriminator: ClassVar[bool] = True
    embedding: int = 50

    def __post_init__(self) -> None:
        require_positive(self, embedding=self.embedding)

    def build(self, network: Network, shape: Shape, nz: int, n_classes: int) -> tuple[nn.Module, nn.Module]:
        """The network's pair with a wider z and a wider input of D."""
        label_shape = (1, *shape[1:]) if len(shape) == 3 else (self.embedding,)
        wider = (shape[0] + label_shape[0], *shape[1:])
        generator, discriminator = network.build(shape, nz + self.embedding, input_shape=wider)
        return (
            LabelledGenerator(generator, nn.Embedding(n_classes, self.embedding)),
            LabelledDiscriminator(discriminator, n_classes, label_shape),
        )


@dataclass(frozen=True, kw_only=True)
class ClassHead(Conditioning, kind="class-head"):
    """ACGAN (arXiv 1610.09585, §3): D also names the class, and both players want it to be right.

    `weight` multiplies the class log-likelihood L_C beside the source's L_S. The label stands one-hot beside
    z, as in the paper. (A learned embedding of 50 numbers was tried: D's head, which also learns from
    generated images, agreed with G on one image a class.)
    """

    class_head: ClassVar[bool] = True
    weight: float = 1.0

    def __post_init__(self) -> None:
        require_positive(self, weight=self.weight)

    def build(self, network: Network, shape: Shape, nz: int, n_classes: int) -> tuple[nn.Module, nn.Module]:
        """The network's pair with a wider z and 1 + n_classes outputs of D."""
        generator, discriminator = network.build(shape, nz + n_classes, outputs=1 + n_classes)
        return LabelledGenerator(generator, OneHot(n_classes)), discriminator

    def class_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """`weight` · −E log P(C = c | X)."""
        return self.weight * cross_entropy(logits, labels)
