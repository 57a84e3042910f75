"""The one loop that trains every variant."""

import contextlib
import copy
import math
import time
from collections.abc import Generator, Iterator

import torch
from torch import Tensor, nn

from gans.batches import Batches, SampleSource
from gans.classes import Classes
from gans.compilation import StepRunner
from gans.errors import Diverged, Unsupported, VariantError
from gans.images import scaled
from gans.monitor import Monitor
from gans.networks.batch_norm import synchronise_batch_norm
from gans.networks.network import adapt
from gans.players import check_players
from gans.precision import backend_flags
from gans.processes import Processes
from gans.randomness import RandomStreams
from gans.sampler import Sampler
from gans.seeding import seeded
from gans.settings import Settings
from gans.step import Step
from gans.variant import Variant

MONITOR_EVERY = 50  # generator steps between two reads of the monitors


class Trainer:
    """Trains `variant` on `data`.

    Parameters
    ----------
    variant
        The recipe.
    data
        Training samples: images uint8 `(n, C, H, W)` or points float32 `(n, d)`, which are kept on the
        training device, or a `gans.SampleSource` of images, which are streamed to it.
    settings
        Budget, batch size, seed, device and arithmetic.
    labels
        Classes of the training samples, int64 `(n,)`: needed by conditional variants, unused by others.
    class_names
        Their names, one a class; without them they are called 0, 1, …
    players
        (G, D) of your own instead of the variant's network, as they are: G maps z `(n, nz)` to samples
        in [−1, 1] (or points), D maps samples to raw outputs `(n,)` or `(n, 1)`. Of a conditional variant,
        G takes `labels` as a keyword; so does D with `joined`, while D with a class head returns
        `(n, 1 + classes)`.
    processes
        Those that train together, each of which makes the same trainer and calls the same methods; batches,
        monitors and `real_images` are of all of them.

    Raises
    ------
    VariantError
        For data of another kind, labels that do not fit them or are missing, a batch larger than the
        data or smaller than the number of processes, or a shape that the networks cannot make.
    Unsupported
        If this machine cannot do what the settings ask.

    Notes
    -----
    With the same arguments on the same machine with the same number of threads, a CPU gives the same
    weights bit for bit. Everything random comes from the seed's own streams; torch's global generator
    is left as it was.
    """

    def __init__(
        self,
        variant: Variant,
        data: Tensor | SampleSource,
        settings: Settings,
        *,
        labels: Tensor | None = None,
        class_names: tuple[str, ...] | None = None,
        players: tuple[nn.Module, nn.Module] | None = None,
        processes: Processes | None = None,
    ) -> None:
        settings.require_support()
        if processes is not None:
            require_shareable(settings, processes)
        self.processes = processes
        self.variant, self.settings = variant, settings
        self.device = torch.device(settings.device)
        if (len(data.shape), data.dtype) not in ((4, torch.uint8), (2, torch.float32)):
            raise VariantError(
                "Training data must be uint8 images (n, C, H, W) or float32 points (n, d), "
                f"not {str(data.dtype).removeprefix('torch.')} of shape {tuple(data.shape)}."
            )
        self.shape = tuple(data.shape[1:])
        self.classes: Classes | None = None
        if variant.conditional:
            if labels is None:
                raise VariantError(f"{variant.name} needs labels, and these data have none.")
            if len(labels) != len(data):
                raise VariantError(f"There are {len(labels)} labels for {len(data)} training samples.")
            self.classes = Classes.of(labels, class_names)
        self.random = RandomStreams(settings.seed, self.device)
        layout = torch.channels_last if len(self.shape) == 3 else torch.contiguous_format
        samples = data
        if isinstance(data, Tensor):
            samples = data.to(self.device).contiguous(memory_format=layout)
        self.batches = Batches(
            samples,
            labels.to(self.device) if self.classes is not None and labels is not None else None,
            settings.batch_size,
            self.random.generators["data"],
            slice(None) if processes is None else processes.share(settings.batch_size),
        )
        if players is None:
            # On the CPU whatever the device, so that every device starts from the same weights.
            with seeded(settings.seed, "initialisation"):
                players = variant.build(self.shape, None if self.classes is None else len(self.classes))
            adapt(players[0], self._mean_in_network)
        else:
            check_players(variant, players, self.shape, self.classes)
        for player in players:
            synchronise_batch_norm(player, processes)
        generator, discriminator = players
        self.generator = generator.to(self.device).to(memory_format=layout).train()
        self.discriminator = discriminator.to(self.device).to(memory_format=layout).train()
        self.average: nn.Module | None = None
        if variant.ema_kimg > 0:
            self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.optimiser_g = variant.optimiser_g.build(self.generator.parameters())
        self.optimiser_d = variant.optimiser_d.build(self.discriminator.parameters())
        self.step_function = Step(
            variant,
            self.generator,
            self.discriminator,
            self.optimiser_g,
            self.optimiser_d,
            precision=settings.precision,
            device_type=self.device.type,
            processes=processes,
            weight=1.0 if processes is None else processes.weight(settings.batch_size),
        )
        self.run_step = StepRunner(self.step_function, settings.compile)
        self.monitor = Monitor(MONITOR_EVERY, self.device)
        self.steps = 0
        self.real_images = 0
        self.training_sec = 0.0
        self._stopping = False

    @property
    def kimg(self) -> float:
        """Generator steps × batch / 1000 so far."""
        return self.steps * self.settings.batch_size / 1000

    def train(self, until_kimg: float | None = None) -> Generator[dict[str, float], None, None]:
        """Train to the end of the budget, or until `until_kimg`, yielding monitors as it goes.

        Every `MONITOR_EVERY` generator steps, and at the end, it yields step, kimg, training_sec,
        real_images, the means of `gans.step.MONITORS` since the last record (`d_fake_before_g`: of the last
        step alone), `jsd`, and `d_fake_after_g`: D(G(z)) of the last step's noise after G's update. With
        several D steps a G step, monitors are those of the last. The clock stands still while the caller
        handles a record. `stop` ends it early; what has been gathered for the next record then waits for
        the steps that complete it, here or in a trainer that this one's state is loaded into.

        Raises
        ------
        Diverged
            When a loss or a weight is no longer finite, after the record that shows it.
        """
        budget = self.settings.kimg if until_kimg is None else until_kimg
        last = min(self.settings.steps_at(budget), self.settings.total_steps)
        while self.steps < last:
            # To the next multiple of MONITOR_EVERY, so that stopping on the way leaves the grid of records.
            window = MONITOR_EVERY - self.steps % MONITOR_EVERY
            record = self._train_window(min(self.steps + window, last))
            if record is None:
                self._stopping = False
                return
            ended = self.steps == last or not math.isfinite(record["loss_d"] + record["loss_g"])
            try:
                yield record
            except GeneratorExit:
                if self.processes is not None and not ended:
                    self.processes.any(True)  # the others are about to begin the next window
                raise
            if not math.isfinite(record["loss_d"] + record["loss_g"]):
                raise Diverged(self.steps, "A loss")
        self._stopping = False
        weights = [*self.generator.parameters(), *self.discriminator.parameters()]
        if not bool(torch.stack([w.isfinite().all() for w in weights]).all()):
            raise Diverged(self.steps, "A weight")

    def stop(self) -> None:
        """End `train` after the generator step it is in, or before its next one: for signal handlers, too.

        A call while nothing trains ends the next `train` before its first step.
        """
        self._stopping = True

    def step(self) -> Tensor:
        """One generator step with the discriminator steps before it; the monitors, on the device.

        A captured step (`cudagraphs`) overwrites them at the next call: clone what is to be kept.
        """
        variant, total = self.variant, self.settings.total_steps
        factor = variant.learning_rate_factor(self.steps, total)
        epoch = 1 + self.real_images // len(self.batches.samples)
        for piece, state in (
            (variant.optimiser_g, self.optimiser_g),
            (variant.optimiser_d, self.optimiser_d),
        ):
            if piece.scheduled or variant.schedule != "constant":
                piece.adjust(state, factor=factor, step=self.steps, epoch=epoch)
        critic_steps = variant.critic.steps(self.steps)
        for i in range(critic_steps):
            values = self.discriminator_step(train_generator=i == critic_steps - 1)
        self.steps += 1
        self._update_average()
        return values

    def discriminator_step(self, *, train_generator: bool = False) -> Tensor:
        """One discriminator step, and the generator's after it if asked; the monitors, on the device.

        What `step` is made of, for who times or checks one by itself: schedules, the count of steps and the
        average of G's weights stay as they are.
        """
        n = self.settings.batch_size
        random = self.random.draw(
            self.variant,
            (self.generator, self.discriminator),
            self.classes,
            n,
            train_generator=train_generator,
        )
        self.last_random = random if self.processes is None else self.processes.mine(random, n)
        self.real_images += n
        with backend_flags(self.settings.precision):
            return self.run_step(self.batches.next(), self.last_random, train_generator)

    def sampler(self) -> Sampler:
        """A sampler of the generator as it is now (its average if the variant keeps one)."""
        source = self.average if self.average is not None else self.generator
        return Sampler(self.variant, copy.deepcopy(source), self.shape, self.classes)

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that decides how training goes on, as one flat dict of tensors (live ones)."""
        state = {f"generator.{k}": v for k, v in self.generator.state_dict().items()}
        state |= {f"discriminator.{k}": v for k, v in self.discriminator.state_dict().items()}
        if self.average is not None:
            state |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        state |= {f"optimiser_g.{k}": v for k, v in self.optimiser_g.tensors.items()}
        state |= {f"optimiser_d.{k}": v for k, v in self.optimiser_d.tensors.items()}
        if (scale := self.step_function.loss_scale) is not None:
            state |= {f"loss_scale.{k}": v for k, v in scale.tensors.items()}
        state |= {f"random.{k}": v.get_state() for k, v in self.random.generators.items()}
        state |= {f"batches.{k}": v for k, v in self.batches.state().items()}
        state["monitor.window"] = self.monitor.gathered
        state["progress.steps"] = torch.tensor(self.steps)
        state["progress.real_images"] = torch.tensor(self.real_images)
        state["progress.training_sec"] = torch.tensor(self.training_sec, dtype=torch.float64)
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from where `state_dict` was taken, with the same variant, data and settings.

        Raises
        ------
        VariantError
            If it was taken of other networks, optimisers or data. The trainer is of no use then.
        """
        try:
            self._load(state)
        except (KeyError, RuntimeError) as error:
            raise VariantError(
                f"The state does not fit this training of {self.variant.name} version "
                f"{self.variant.version}: {' '.join(str(error).split())}"
            ) from error

    def _load(self, state: dict[str, Tensor]) -> None:
        def part(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}

        self.generator.load_state_dict(part("generator."))
        self.discriminator.load_state_dict(part("discriminator."))
        if self.average is not None:
            self.average.load_state_dict(part("average."))
        for name, optimiser in (
            ("optimiser_g.", self.optimiser_g),
            ("optimiser_d.", self.optimiser_d),
        ):
            saved = part(name)
            for key, tensor in optimiser.tensors.items():
                tensor.copy_(saved[key])
        if (scale := self.step_function.loss_scale) is not None:
            saved = part("loss_scale.")
            for key, tensor in scale.tensors.items():
                tensor.copy_(saved[key])
        for stream, generator in self.random.generators.items():
            generator.set_state(state[f"random.{stream}"].cpu())
        self.batches.restore(part("batches."))
        # Files of before trainings could be stopped within a window have none.
        self.monitor.restore(state.get("monitor.window", self.monitor.window[:0]))
        self.steps = int(state["progress.steps"])
        self.real_images = int(state["progress.real_images"])
        self.training_sec = float(state["progress.training_sec"])

    def _train_window(self, last: int) -> dict[str, float] | None:
        """Train up to that step: the record of the window, or None if `stop` came before its end."""
        start = time.perf_counter()
        try:
            while self.steps < last:
                if self._asked_to_stop():
                    if self.device.type == "cuda":
                        torch.cuda.synchronize(self.device)  # the steps in its queue are in the time
                    return None
                self.monitor.record(self.step())
            with backend_flags(self.settings.precision):
                after = self._discriminator_after_generator()
                means = self.monitor.read(self.variant.output)  # waits for the device
        finally:
            self.training_sec += time.perf_counter() - start
        return {
            "step": self.steps,
            "kimg": self.kimg,
            "training_sec": self.training_sec,
            "real_images": self.real_images,
            **means,
            "d_fake_after_g": after.item(),
        }

    def _asked_to_stop(self) -> bool:
        """Whether `stop` was called; by whichever process, all of them stop before the same step."""
        return self._stopping if self.processes is None else self.processes.any(self._stopping)

    def _mean_in_network(self) -> Tensor:
        mean = self.batches.mean()
        return scaled(mean) if len(self.shape) == 3 else mean

    @torch.no_grad()
    def _discriminator_after_generator(self) -> Tensor:
        # The same noise and dropout as the last G step, so that the change is G's alone (and D's, with
        # simultaneous updates: D has moved since the value before was taken). And an observer must not
        # change what it observes, so batch-norm statistics are put back.
        with unchanged_buffers(self.generator, self.discriminator):
            latents, draws = self.last_random.latents_generator, self.last_random.draws_generator
            fake = self.step_function.generate(latents)
            out = self.step_function.discriminate(fake, latents.labels, draws)
        return self.step_function.mean_of_all(self.step_function.mean_output(out.source))

    @torch.no_grad()
    def _update_average(self) -> None:
        if self.average is None:
            return
        decay = 0.5 ** (self.settings.batch_size / (self.variant.ema_kimg * 1000))
        averages: list[Tensor] = list(self.average.parameters())
        current: list[Tensor] = list(self.generator.parameters())
        torch._foreach_lerp_(averages, current, 1 - decay)
        # Batch-norm statistics are running averages already.
        for mine, theirs in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            mine.copy_(theirs)


def require_shareable(settings: Settings, processes: Processes) -> None:
    """Raise if several processes cannot carry out a training with these settings together."""
    if settings.batch_size < processes.count:
        raise VariantError(
            f"A batch of {settings.batch_size} cannot be shared by {processes.count} processes."
        )
    captures = ("cudagraphs", "max-autotune") if settings.device.startswith("cuda") else ("cudagraphs",)
    if settings.compile in captures:
        raise Unsupported(
            f"A step that several processes share cannot be captured into a CUDA graph; --compile default "
            f"runs it, {settings.compile} does not."
        )


@contextlib.contextmanager
def unchanged_buffers(*modules: nn.Module) -> Iterator[None]:
    """Put the modules' buffers back to what they were."""
    buffers = [buffer for module in modules for buffer in module.buffers()]
    saved = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        for buffer, value in zip(buffers, saved, strict=True):
            buffer.copy_(value)
