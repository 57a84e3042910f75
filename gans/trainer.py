"""The one loop that trains every variant."""

import contextlib
import copy
import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gans.batches import DeviceBatches
from gans.errors import Diverged, VariantError
from gans.monitor import Monitor
from gans.networks.network import draw, draw_shapes
from gans.precision import backend_flags
from gans.sampler import Sampler
from gans.seeding import generator_for, seeded
from gans.settings import Settings
from gans.step import Randomness, Step
from gans.variant import Variant

MONITOR_EVERY = 50  # generator steps between two reads of the monitors


class Trainer:
    """Trains `variant` on `data`.

    Parameters
    ----------
    variant
        The recipe.
    data
        Training samples: images uint8 `(n, C, H, W)` or points float32 `(n, 2)`. They are kept on the
        training device.
    settings
        Budget, batch size, seed, device and arithmetic.

    Raises
    ------
    VariantError
        For data of another kind, a batch larger than the data, or a shape that the networks cannot make.
    Unsupported
        If this machine cannot do what the settings ask.

    Notes
    -----
    With the same arguments on the same machine with the same number of threads, a CPU gives the same
    weights bit for bit. Everything random comes from the seed's own streams; torch's global generator
    is left as it was.
    """

    def __init__(self, variant: Variant, data: Tensor, settings: Settings) -> None:
        settings.require_support()
        self.variant, self.settings = variant, settings
        self.device = torch.device(settings.device)
        if (data.dim(), data.dtype) not in ((4, torch.uint8), (2, torch.float32)):
            raise VariantError(
                "Training data must be uint8 images (n, C, H, W) or float32 points (n, 2), "
                f"not {str(data.dtype).removeprefix('torch.')} of shape {tuple(data.shape)}."
            )
        self.shape = tuple(data.shape[1:])
        # On the CPU whatever the device, so that every device starts from the same weights.
        with seeded(settings.seed, "initialisation"):
            generator, discriminator = variant.build(self.shape)
        image = data.dim() == 4
        layout = torch.channels_last if image else torch.contiguous_format
        self.generator = generator.to(self.device).to(memory_format=layout).train()
        self.discriminator = discriminator.to(self.device).to(memory_format=layout).train()
        self.average: nn.Module | None = None
        if variant.ema_kimg > 0:
            self.average = copy.deepcopy(self.generator).requires_grad_(False)

        self.random = {
            stream: generator_for(settings.seed, stream, self.device)
            for stream in ("data", "noise", "dropout")
        }
        samples = data.to(self.device)
        if image:
            samples = samples.contiguous(memory_format=layout)
        self.batches = DeviceBatches(samples, settings.batch_size, self.random["data"])
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
        )
        self.run_step = self.step_function.__call__
        if settings.compile != "off":
            # Dynamo counts recompilations per code object, and every trainer runs the same code.
            torch._dynamo.reset()
            torch._dynamo.config.trace_autograd_ops = True
            self.run_step = torch.compile(self.run_step, fullgraph=True, dynamic=False)
        self.draw_shapes = draw_shapes(self.discriminator)
        self.monitor = Monitor(MONITOR_EVERY, self.device)
        self.steps = 0
        self.real_images = 0
        self.training_sec = 0.0

    @property
    def kimg(self) -> float:
        """Generator steps × batch / 1000 so far."""
        return self.steps * self.settings.batch_size / 1000

    def train(self, until_kimg: float | None = None) -> Iterator[dict[str, float]]:
        """Train to the end of the budget, or until `until_kimg`, yielding monitors as it goes.

        Every `MONITOR_EVERY` generator steps, and at the end, it yields step, kimg, training_sec,
        real_images and the means of the monitors since the last (`gans.step.MONITORS`, of the last D step
        before each G step; `jsd`; and
        `d_fake_after_g`: D(G(z)) of the last step's noise after G's update). The clock stands still
        while the caller handles a record.

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
            record = self._train_window(min(window, last - self.steps))
            yield record
            if not math.isfinite(record["loss_d"] + record["loss_g"]):
                raise Diverged(self.steps, "A loss")
        weights = [*self.generator.parameters(), *self.discriminator.parameters()]
        if not bool(torch.stack([w.isfinite().all() for w in weights]).all()):
            raise Diverged(self.steps, "A weight")

    def step(self) -> Tensor:
        """One generator step with the discriminator steps before it; the monitors, on the device."""
        variant, total = self.variant, self.settings.total_steps
        if variant.schedule != "constant":
            factor = variant.learning_rate_factor(self.steps, total)
            self.optimiser_g.lr.fill_(variant.optimiser_g.lr * factor)
            self.optimiser_d.lr.fill_(variant.optimiser_d.lr * factor)
        critic_steps = variant.critic.steps(self.steps)
        for i in range(critic_steps):
            self.last_random = self._draw(train_generator=i == critic_steps - 1)
            with backend_flags(self.settings.precision):
                values = self.run_step(self.batches.next(), self.last_random, i == critic_steps - 1)
        self.steps += 1
        self.real_images += critic_steps * self.settings.batch_size
        self._update_average()
        return values

    def sampler(self) -> Sampler:
        """A sampler of the generator as it is now (its average if the variant keeps one)."""
        source = self.average if self.average is not None else self.generator
        return Sampler(self.variant, copy.deepcopy(source), self.shape)

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that decides how training goes on, as one flat dict of tensors (live ones)."""
        state = {f"generator.{k}": v for k, v in self.generator.state_dict().items()}
        state |= {f"discriminator.{k}": v for k, v in self.discriminator.state_dict().items()}
        if self.average is not None:
            state |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        state |= {f"optimiser_g.{k}": v for k, v in self.optimiser_g.tensors.items()}
        state |= {f"optimiser_d.{k}": v for k, v in self.optimiser_d.tensors.items()}
        state |= {f"random.{k}": v.get_state() for k, v in self.random.items()}
        state |= {f"batches.{k}": v for k, v in self.batches.state().items()}
        state["progress.steps"] = torch.tensor(self.steps)
        state["progress.real_images"] = torch.tensor(self.real_images)
        state["progress.training_sec"] = torch.tensor(self.training_sec, dtype=torch.float64)
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from where `state_dict` was taken, with the same variant, data and settings."""

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
        for stream, generator in self.random.items():
            generator.set_state(state[f"random.{stream}"].cpu())
        self.batches.restore(part("batches."))
        self.steps = int(state["progress.steps"])
        self.real_images = int(state["progress.real_images"])
        self.training_sec = float(state["progress.training_sec"])

    def _train_window(self, steps: int) -> dict[str, float]:
        start = time.perf_counter()
        self.monitor.filled = 0  # what an interrupted window left
        for _ in range(steps):
            self.monitor.record(self.step())
        with backend_flags(self.settings.precision):
            after = self._discriminator_after_generator()
            means = self.monitor.read(self.variant.output)  # waits for the device
        self.training_sec += time.perf_counter() - start
        return {
            "step": self.steps,
            "kimg": self.kimg,
            "training_sec": self.training_sec,
            "real_images": self.real_images,
            **means,
            "d_fake_after_g": after.item(),
        }

    def _draw(self, *, train_generator: bool) -> Randomness:
        n, noise = self.settings.batch_size, self.random["noise"]
        z = self.variant.noise.draw(n, noise)
        fresh = train_generator and self.variant.fake_batch == "fresh"
        dropout = self.random["dropout"]
        return Randomness(
            z=z,
            z_generator=self.variant.noise.draw(n, noise) if fresh else z,
            draws_real=draw(self.draw_shapes, n, dropout),
            draws_fake=draw(self.draw_shapes, n, dropout),
            draws_generator=draw(self.draw_shapes, n, dropout) if train_generator else (),
        )

    @torch.no_grad()
    def _discriminator_after_generator(self) -> Tensor:
        # The same noise and dropout as the last G step, so that the change is G's alone (and D's, with
        # simultaneous updates: D has moved since the value before was taken). And an observer must not
        # change what it observes, so batch-norm statistics are put back.
        with unchanged_buffers(self.generator, self.discriminator):
            fake = self.step_function.generate(self.last_random.z_generator)
            out = self.step_function.discriminate(fake, self.last_random.draws_generator)
        return self.step_function.mean_output(out)

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
