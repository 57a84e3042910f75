"""Does a precision or compile mode learn what eager fp32 learns? Asked before anything is timed.

Two fresh trainers of one variant, seed and data go side by side. In the first half of the steps the candidate
starts every update from the reference's state, with the same data and noise, so that what differs comes from
that one update: rounding, or another algorithm. In the second half both start anew, each from its own steps.

Figures, all relative, 0 for equal:

| figure | difference of | as a share of |
|---|---|---|
| `start` | tensors of the state, their types too, before the first step | counted |
| `loss` | the monitors of `gans.step.MONITORS`, gradient norms left out: the largest | max(1, the monitor) |
| `gradient_d`, `gradient_g` | a player's gradient, with a penalty's double backward | its norm |
| `update` | what the optimiser made of its own gradient, against eager fp32 doing it | its move |
| `statistics` | batch norm's running statistics | their move |
| `weights` | the weights of both players at the end | the way they went since they parted |

Losses, gradients, statistics and weights carry the rounding of the precision; `update` does not, because
optimisers work in float32 whatever the precision. Gradients are read back from what the update left in the
optimiser, so that nothing needs to be compiled twice.

`gans/agreement_bounds.py` says how far each may be.
"""

import copy
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gans.agreement_bounds import FIGURES, bounds_of
from gans.errors import VariantError
from gans.optimisers import SGD, OptimiserState
from gans.step import MONITORS
from gans.trainer import Trainer

# Of the compared updates' differences the median counts: in a small batch, one rectifier that falls on the
# other side of 0 moves a gradient further than all other rounding, in one update and not in the next. A wrong
# algorithm is wrong in each.
MEDIANS = ("loss", "gradient_d", "gradient_g", "statistics")

# A half-precision step whose gradients overflow is skipped, and the scale halved: from 2¹⁶ that cannot go on.
MOST_SKIPPED = 24

# D's learning rate is raised so much in the compared updates, or a G step on a stale D would not be seen: at
# its own rate a D step changes G's gradient by no more than bfloat16's rounding does. Not that of plain
# gradient descent, whose steps grow with the gradient, and which needs no help.
RATE = 30.0


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far a candidate was from eager fp32, and how far it may be: `docs/speed.md`."""

    figures: Mapping[str, float]
    bounds: Mapping[str, float]
    steps: int
    skipped: int = 0  # updates repeated because fp16's loss scale had overflowed
    where: Mapping[str, str] = field(default_factory=dict)  # what the largest difference was found in

    @property
    def failed(self) -> tuple[str, ...]:
        """Figures beyond their bounds, the worst first."""
        beyond = [name for name in self.figures if not self.figures[name] <= self.bounds[name]]
        return tuple(sorted(beyond, key=self._excess, reverse=True))

    @property
    def ok(self) -> bool:
        """Whether every figure is within its bound."""
        return not self.failed

    def words(self) -> str:
        """One sentence: which figures are beyond which bounds, or how near the nearest came."""
        if self.ok:
            name = max(self.figures, key=self._excess)
            return (
                f"Agrees with eager fp32 over {self.steps} steps; nearest to its bound: {self._told(name)}."
            )
        told = "; ".join(self._told(name) for name in self.failed)
        return f"Differs from eager fp32 within {self.steps} steps: {told}."

    def _excess(self, name: str) -> float:
        figure, bound = self.figures[name], self.bounds[name]
        if math.isnan(figure):
            return math.inf
        return figure / bound if bound else math.inf if figure else 0.0

    def _told(self, name: str) -> str:
        where = f" in {self.where[name]}" if name in self.where else ""
        return f"{name} {self.figures[name]:.2g}{where} (bound {self.bounds[name]:.2g})"


def agreement(candidate: Trainer, reference: Trainer, *, steps: int = 8) -> Agreement:
    """Run both for `steps` generator steps and compare.

    Parameters
    ----------
    candidate
        Any precision and compile mode.
    reference
        Eager fp32. Both are fresh, of the same variant, data, seed and batch size. A critic schedule counts
        as it stands: hand over one without boosted steps to save time.
    steps
        At least 2; half of them, rounded up, from the reference's state each.

    Raises
    ------
    VariantError
        If the two are not such a pair.
    """
    _check_pair(candidate, reference, steps)
    run = _Comparison(candidate, reference)
    run.compare_start()
    if not run.figure("start"):
        run.compare_steps(steps)
    return Agreement(
        figures={name: run.figure(name) for name in FIGURES},
        bounds=bounds_of(candidate.settings.precision),
        steps=steps,
        skipped=run.skipped,
        where={name: where for name in FIGURES if (where := run.where(name))},
    )


def _check_pair(candidate: Trainer, reference: Trainer, steps: int) -> None:
    if (reference.settings.precision, reference.settings.compile) != ("fp32", "off"):
        raise VariantError("The reference of an agreement is eager fp32.")
    mine, theirs = candidate.settings, reference.settings
    if candidate.variant != reference.variant or (mine.seed, mine.batch_size) != (
        theirs.seed,
        theirs.batch_size,
    ):
        raise VariantError("An agreement is between trainers of one variant, seed and batch size.")
    if candidate.steps or reference.steps:
        raise VariantError("An agreement is between trainers that have not been trained yet.")
    if steps < 2:
        raise VariantError(f"An agreement takes at least 2 steps, not {steps}.")


class _Comparison:
    """The two trainers, and what was found to differ."""

    def __init__(self, candidate: Trainer, reference: Trainer) -> None:
        self.candidate, self.reference = candidate, reference
        self.noted: dict[str, list[dict[str, float]]] = {name: [] for name in FIGURES}
        self.skipped = 0
        self.may_skip = candidate.settings.precision == "amp-fp16"
        self.start = {name: tensor.clone() for name, tensor in reference.state_dict().items()}

    def note(self, figure: str, differences: Mapping[str, float]) -> None:
        """Keep one update's differences, by what they were found in; NaN is larger than all."""
        self.noted[figure].append({k: math.inf if math.isnan(v) else v for k, v in differences.items()})

    def figure(self, name: str) -> float:
        """The largest difference of each update, and of those the median, or the largest."""
        largest = [max(differences.values(), default=0.0) for differences in self.noted[name]] or [0.0]
        return statistics.median(largest) if name in MEDIANS else max(largest)

    def where(self, name: str) -> str:
        """What the largest difference of all was found in; "" where nothing differed."""
        found = {k: v for differences in self.noted[name] for k, v in differences.items() if v}
        return max(found, key=found.__getitem__, default="")

    def compare_start(self) -> None:
        """Count the tensors that differ in value or type."""
        mine, theirs = self.candidate.state_dict(), self.reference.state_dict()
        differ = [
            name
            for name, value in theirs.items()
            if name not in mine or mine[name].dtype != value.dtype or not torch.equal(mine[name], value)
        ]
        self.note("start", {differ[0]: float(len(differ))} if differ else {})

    def compare_steps(self, steps: int) -> None:
        """Both halves."""
        apart, variant = steps // 2, self.reference.variant
        several = variant.critic.steps(0) > 1
        if not isinstance(variant.optimiser_d, SGD):
            self.reference.optimiser_d.lr.mul_(RATE)  # the candidate takes it over with the rest of the state
        for _ in range(steps - apart):
            if several:  # the update of D alone is another graph than that of both
                self.compare_update(train_generator=False)
            self.compare_update(train_generator=True)
        self.compare_weights(apart)

    def follow(self) -> None:
        """Put the candidate where the reference is; what only the candidate has (a loss scale) it keeps."""
        self.candidate.load_state_dict(self.candidate.state_dict() | self.reference.state_dict())

    def compare_update(self, *, train_generator: bool) -> None:
        """One D step, and G's if asked, of both from the reference's state."""
        candidate, reference = self.candidate, self.reference
        before = _Before(reference)
        for _ in range(MOST_SKIPPED):
            self.follow()
            mine = candidate.discriminator_step(train_generator=train_generator).double().cpu()
            if not self.may_skip or not before.skipped(candidate, train_generator):
                break
            self.skipped += 1
        theirs = reference.discriminator_step(train_generator=train_generator).double().cpu()
        self.note("loss", _monitors_apart(mine, theirs))
        self._compare_player("D", before.optimiser_d, candidate.optimiser_d, reference.optimiser_d)
        if train_generator:
            self._compare_player("G", before.optimiser_g, candidate.optimiser_g, reference.optimiser_g)
        new, expected = _buffers(candidate), _buffers(reference)
        self.note(
            "statistics", {k: _relative([new[k]], [expected[k]], [v]) for k, v in before.buffers.items()}
        )

    def _compare_player(
        self, player: str, before: OptimiserState, mine: OptimiserState, theirs: OptimiserState
    ) -> None:
        gradients, expected = mine.last_gradients(before), theirs.last_gradients(before)
        self.note(f"gradient_{player.lower()}", {f"{player}'s gradient": _relative(gradients, expected)})
        # The eager optimiser, on the gradients that the candidate had, must arrive where the candidate did.
        after = copy.deepcopy(before)
        after.update([gradient.float() for gradient in gradients])
        # A unit in the weights' last place is no fault, and of a small rate's move it is a good part.
        rounding = torch.finfo(torch.float32).eps * _norm(after.params)
        off, way = _distance(mine.params, after.params), _distance(after.params, before.params)
        moved = max(0.0, off - rounding) / way if way else off
        self.note(
            "update",
            {f"{player}'s weights": moved}
            | {
                f"{player}'s {name}": _relative([tensor], [after.tensors[name]], [before.tensors[name]])
                for name, tensor in mine.tensors.items()
            },
        )

    def compare_weights(self, steps: int) -> None:
        """Both go `steps` generator steps from where they started, each by itself."""
        self.reference.load_state_dict(self.start)
        self.follow()
        start = {player: [w.detach().clone() for w in ws] for player, ws in _weights(self.reference).items()}
        for _ in range(steps):
            self.candidate.step()
            self.reference.step()
        mine, theirs = _weights(self.candidate), _weights(self.reference)
        self.note("weights", {p: _relative(mine[p], theirs[p], origin) for p, origin in start.items()})


class _Before:
    """What the reference was like before an update, as far as it is compared."""

    def __init__(self, trainer: Trainer) -> None:
        self.optimiser_d = copy.deepcopy(trainer.optimiser_d)
        self.optimiser_g = copy.deepcopy(trainer.optimiser_g)
        if (clip := trainer.variant.weight_clip) is not None:  # clamped before the update, so no part of it
            for weight in self.optimiser_d.params:
                weight.detach().clamp_(-clip, clip)
        self.buffers = {name: buffer.clone() for name, buffer in _buffers(trainer).items()}

    def skipped(self, trainer: Trainer, train_generator: bool) -> bool:
        """Whether an update left an optimiser of the trainer as it was."""
        pairs = [(trainer.optimiser_d, self.optimiser_d)]
        if train_generator:
            pairs.append((trainer.optimiser_g, self.optimiser_g))
        return any(
            all(torch.equal(new.tensors[name], old.tensors[name]) for name in old.tensors)
            for new, old in pairs
        )


def _monitors_apart(mine: Tensor, theirs: Tensor) -> dict[str, float]:
    """Gradient norms are left out: the gradients themselves are compared."""
    pairs = zip(MONITORS, mine.tolist(), theirs.tolist(), strict=True)
    return {
        name: abs(one - other) / max(1.0, abs(other))
        for name, one, other in pairs
        if not name.startswith("grad_norm") and not (math.isnan(one) and math.isnan(other))
    }


def _buffers(trainer: Trainer) -> dict[str, Tensor]:
    players = {"G": trainer.generator, "D": trainer.discriminator}
    return {
        f"{name}'s {key}": value for name, player in players.items() for key, value in player.named_buffers()
    }


def _weights(trainer: Trainer) -> dict[str, list[Tensor]]:
    players = {"G": trainer.generator, "D": trainer.discriminator, "the average of G": trainer.average}
    return {name: list(player.parameters()) for name, player in players.items() if player is not None}


def _relative(
    mine: Sequence[Tensor], theirs: Sequence[Tensor], origin: Sequence[Tensor] | None = None
) -> float:
    """Euclidean distance of two lists of tensors, as a share of the second's norm, seen from `origin`."""
    distance = _distance(mine, theirs)
    size = _norm(theirs) if origin is None else _distance(theirs, origin)
    return distance / size if size else math.inf if distance else 0.0


def _distance(mine: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    return _norm(
        [one.detach().double() - other.detach().double() for one, other in zip(mine, theirs, strict=True)]
    )


def _norm(tensors: Sequence[Tensor]) -> float:
    return torch.stack([tensor.detach().double().norm() for tensor in tensors]).norm().item()
