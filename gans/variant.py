"""What a recipe is: plain data that the one trainer reads.

A variant is a frozen dataclass put together from pieces. Everything that makes two GANs different
algorithms is a field here; nothing else is.
"""

from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from gans.conditioning import Conditioning, Unconditional
from gans.critic_schedule import Constant, CriticSchedule
from gans.errors import VariantError
from gans.losses import LOSSES
from gans.networks import Network
from gans.networks.network import Shape
from gans.noise import Noise
from gans.optimisers import Optimiser
from gans.penalties import NoPenalty, Penalty
from gans.pieces import require_positive


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A named GAN recipe."""

    name: str = ""  # filled in by the registry
    summary: str  # one line for --list
    reference: str  # the paper, and the code that its settings were checked against
    version: int = 1  # raised whenever the recipe or a piece of it changes what is learned

    network: Network
    noise: Noise
    loss: str
    optimiser_g: Optimiser
    optimiser_d: Optimiser
    schedule: Literal["constant", "linear"] = "constant"  # learning rates: as they are, or down to 0

    conditioning: Conditioning = field(default_factory=Unconditional)  # how labels enter
    penalty: Penalty = field(default_factory=NoPenalty)  # added to D's loss

    critic: CriticSchedule = field(default_factory=Constant)  # discriminator steps a generator step
    weight_clip: float | None = None  # clamp D's weights to ± this before each of its steps

    update: Literal["alternating", "simultaneous"] = "alternating"
    # "shared": one generated batch serves D's (last) step and G's. "fresh": G's step draws its own.
    fake_batch: Literal["shared", "fresh"] = "fresh"
    # "combined" puts real and fake through D in one batch: another algorithm where there is batch norm.
    discriminator_batch: Literal["separate", "combined"] = "separate"
    ema_kimg: float = 0.0  # half-life of the average of G's weights that samples are drawn from; 0: off

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise VariantError(f"There is no loss {self.loss!r}; there are {', '.join(LOSSES)}.")
        if self.weight_clip is not None:
            require_positive(self, weight_clip=self.weight_clip)
        if self.ema_kimg < 0:
            raise VariantError(f"ema_kimg must be at least 0, not {self.ema_kimg}.")

    @property
    def output(self) -> Literal["probability", "score"]:
        """What D's raw output means under this loss (`gans.losses`)."""
        return LOSSES[self.loss].output

    @property
    def conditional(self) -> bool:
        """Whether it learns from labels and is asked for a class."""
        return self.conditioning.conditional

    def build(self, shape: Shape, n_classes: int | None = None) -> tuple[nn.Module, nn.Module]:
        """Initialised (G, D) on the CPU, for samples of this shape with so many classes (None: no labels).

        Raises
        ------
        VariantError
            If the networks cannot make that shape, or for a conditional variant without classes.
        """
        if self.conditional and n_classes is None:
            raise VariantError(f"{self.name or 'This variant'} needs labels, and these data have none.")
        return self.conditioning.build(self.network, shape, self.noise.nz, n_classes or 0)

    def learning_rate_factor(self, step: int, total_steps: int) -> float:
        """What the optimisers' rates are multiplied by at generator step `step` of `total_steps`."""
        # Who steps on past the budget stands still rather than climb.
        return 1.0 if self.schedule == "constant" else max(0.0, 1.0 - step / total_steps)
