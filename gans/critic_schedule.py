"""How many discriminator (critic) steps come before each generator step."""

from dataclasses import dataclass

from gans.errors import VariantError
from gans.pieces import Piece, require_positive


@dataclass(frozen=True, kw_only=True)
class CriticSchedule(Piece):
    """The slot of schedules: k of GAN 2014's algorithm 1, n_critic of WGAN's."""

    n_critic: int = 1

    def __post_init__(self) -> None:
        require_positive(self, n_critic=self.n_critic)

    def steps(self, step: int) -> int:
        """Discriminator steps before generator step `step`, counted from 0."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Constant(CriticSchedule, kind="constant"):
    """The same number each time."""

    def steps(self, step: int) -> int:
        """Always `n_critic`."""
        return self.n_critic


@dataclass(frozen=True, kw_only=True)
class Boosted(CriticSchedule, kind="boosted"):
    """More of them early on and now and then.

    The defaults are those of WGAN's code: 100 in the first 25 generator steps and at every 500th.
    """

    n_critic: int = 5
    boost: int = 100
    first: int = 25
    every: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, boost=self.boost, every=self.every)
        if self.first < 0:
            raise VariantError(f"first of Boosted must be at least 0, not {self.first}.")

    def steps(self, step: int) -> int:
        """`boost` while step < `first` and where `every` divides it, else `n_critic`."""
        return self.boost if step < self.first or step % self.every == 0 else self.n_critic
