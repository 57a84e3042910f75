"""Training loops as tutorials write them: eager float32, `torch.optim`, `.backward()`, losses read for a log.

What the shared trainer's speed is compared with. Each `plain_…` returns a function that does one iteration
(one generator step with the discriminator steps before it). The batches come ready from `next_real`, so that
no data loader is counted against them.
"""

from collections.abc import Callable

import torch
from plain_networks import (
    JoinedDiscriminator,
    JoinedGenerator,
    dcgan_discriminator,
    dcgan_generator,
    gan2014_discriminator,
    gan2014_generator,
    mlp_discriminator,
    mlp_generator,
)
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

Loop = Callable[[], object]
NextReal = Callable[[], tuple[Tensor, Tensor]]  # samples in the network's range (n, …), labels (n,)

ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}


def batches(samples: Tensor, labels: Tensor, batch: int) -> NextReal:
    """Random batches of float samples in memory."""

    def next_real() -> tuple[Tensor, Tensor]:
        picked = torch.randint(len(samples), (batch,), device=samples.device)
        return samples[picked], labels[picked]

    return next_real


def plain_dcgan(next_real: NextReal, batch: int, device: str = "cpu") -> Loop:
    """pytorch/examples' algorithm: real and fake through D apart, one generated batch for both updates."""
    return _shared_batch(next_real, batch, nn.BCEWithLogitsLoss(), device)


def plain_lsgan(next_real: NextReal, batch: int, device: str = "cpu") -> Loop:
    """DCGAN's loop with least squares."""
    return _shared_batch(next_real, batch, lambda out, target: 0.5 * mse_loss(out, target), device)


def _shared_batch(
    next_real: NextReal, batch: int, criterion: Callable[[Tensor, Tensor], Tensor], device: str
) -> Loop:
    generator, discriminator = dcgan_generator(100).to(device), dcgan_discriminator().to(device)
    optimiser_d = torch.optim.Adam(discriminator.parameters(), **ADAM)
    optimiser_g = torch.optim.Adam(generator.parameters(), **ADAM)
    ones, zeros = torch.ones(batch, device=device), torch.zeros(batch, device=device)

    def iterate() -> list[float]:
        discriminator.zero_grad()
        out_real = discriminator(next_real()[0]).view(-1)
        loss_real = criterion(out_real, ones)
        loss_real.backward()
        d_x = out_real.mean().item()
        fake = generator(torch.randn(batch, 100, 1, 1, device=device))
        out_fake = discriminator(fake.detach()).view(-1)
        loss_fake = criterion(out_fake, zeros)
        loss_fake.backward()
        d_g_z1 = out_fake.mean().item()
        optimiser_d.step()
        generator.zero_grad()
        out = discriminator(fake).view(-1)
        loss_g = criterion(out, ones)
        loss_g.backward()
        optimiser_g.step()
        return [d_x, d_g_z1, out.mean().item(), (loss_real + loss_fake).item(), loss_g.item()]

    return iterate


def plain_wgan(next_real: NextReal, batch: int, n_critic: int = 5) -> Loop:
    """WGAN's authors' loop: clamp, then a critic step, `n_critic` times; then G's with fresh noise."""
    generator, critic = dcgan_generator(100), dcgan_discriminator()
    optimiser_d = torch.optim.RMSprop(critic.parameters(), lr=5e-5)
    optimiser_g = torch.optim.RMSprop(generator.parameters(), lr=5e-5)

    def iterate() -> list[float]:
        for parameter in critic.parameters():
            parameter.requires_grad = True
        for _ in range(n_critic):
            for parameter in critic.parameters():
                parameter.data.clamp_(-0.01, 0.01)
            critic.zero_grad()
            loss_real = -critic(next_real()[0]).mean()
            loss_real.backward()
            with torch.no_grad():
                fake = generator(torch.randn(batch, 100, 1, 1))
            loss_fake = critic(fake).mean()
            loss_fake.backward()
            optimiser_d.step()
        for parameter in critic.parameters():
            parameter.requires_grad = False  # as their code does "to avoid computation"
        generator.zero_grad()
        loss_g = -critic(generator(torch.randn(batch, 100, 1, 1))).mean()
        loss_g.backward()
        optimiser_g.step()
        return [loss_real.item(), loss_fake.item(), loss_g.item()]

    return iterate


def plain_cgan(next_real: NextReal, batch: int) -> Loop:
    """DCGAN's loop with labels handed to both."""
    generator = JoinedGenerator(dcgan_generator(150), 50)
    discriminator = JoinedDiscriminator(dcgan_discriminator(channels=4), 64)
    optimiser_d = torch.optim.Adam(discriminator.parameters(), **ADAM)
    optimiser_g = torch.optim.Adam(generator.parameters(), **ADAM)
    criterion, ones, zeros = nn.BCEWithLogitsLoss(), torch.ones(batch), torch.zeros(batch)

    def iterate() -> list[float]:
        images, labels = next_real()
        optimiser_d.zero_grad()
        loss_real = criterion(discriminator(images, labels).view(-1), ones)
        loss_real.backward()
        asked = torch.randint(10, (batch,))
        fake = generator(torch.randn(batch, 100, 1, 1), asked)
        loss_fake = criterion(discriminator(fake.detach(), asked).view(-1), zeros)
        loss_fake.backward()
        optimiser_d.step()
        optimiser_g.zero_grad()
        loss_g = criterion(discriminator(fake, asked).view(-1), ones)
        loss_g.backward()
        optimiser_g.step()
        return [loss_real.item(), loss_fake.item(), loss_g.item()]

    return iterate


def plain_acgan(next_real: NextReal, batch: int) -> Loop:
    """DCGAN's loop, D with a class head and dropout, the class loss added to both players'."""
    generator = dcgan_generator(120)
    discriminator = dcgan_discriminator(outputs=11, dropout=0.5)
    optimiser_d = torch.optim.Adam(discriminator.parameters(), **ADAM)
    optimiser_g = torch.optim.Adam(generator.parameters(), **ADAM)
    criterion, ones, zeros = nn.BCEWithLogitsLoss(), torch.ones(batch), torch.zeros(batch)

    def loss(x: Tensor, target: Tensor, labels: Tensor) -> Tensor:
        out = discriminator(x).flatten(1)
        return criterion(out[:, 0], target) + cross_entropy(out[:, 1:], labels)

    def iterate() -> list[float]:
        images, labels = next_real()
        optimiser_d.zero_grad()
        loss_real = loss(images, ones, labels)
        loss_real.backward()
        asked = torch.randint(10, (batch,))
        z = torch.cat((torch.randn(batch, 110), nn.functional.one_hot(asked, 10)), 1)
        fake = generator(z[:, :, None, None])
        loss_fake = loss(fake.detach(), zeros, asked)
        loss_fake.backward()
        optimiser_d.step()
        optimiser_g.zero_grad()
        loss_g = loss(fake, ones, asked)
        loss_g.backward()
        optimiser_g.step()
        return [loss_real.item(), loss_fake.item(), loss_g.item()]

    return iterate


def plain_vanilla(
    next_real: NextReal,
    batch: int,
    *,
    nz: int = 100,
    outputs: int = 784,
    hidden_g: tuple[int, ...] = (256, 512, 1024),
    hidden_d: tuple[int, ...] = (1024, 512, 256),
    dropout: float = 0.5,
) -> Loop:
    """Perceptrons on flattened images (or points), fresh noise for G's step, Adam."""
    generator = mlp_generator(nz, hidden_g, outputs, images=outputs != 2)
    discriminator = mlp_discriminator(outputs, hidden_d, dropout)
    optimiser_d = torch.optim.Adam(discriminator.parameters(), **ADAM)
    optimiser_g = torch.optim.Adam(generator.parameters(), **ADAM)
    criterion, ones, zeros = nn.BCEWithLogitsLoss(), torch.ones(batch, 1), torch.zeros(batch, 1)

    def iterate() -> list[float]:
        real = next_real()[0].view(batch, -1)
        loss_real = criterion(discriminator(real), ones)
        fake = generator(torch.randn(batch, nz))
        loss_fake = criterion(discriminator(fake.detach()), zeros)
        optimiser_d.zero_grad()
        (loss_real + loss_fake).backward()
        optimiser_d.step()
        loss_g = criterion(discriminator(generator(torch.randn(batch, nz))), ones)
        optimiser_g.zero_grad()
        loss_g.backward()
        optimiser_g.step()
        return [(loss_real + loss_fake).item(), loss_g.item()]

    return iterate


def plain_gan2014(next_real: NextReal, batch: int) -> Loop:
    """Maxout and dropout, SGD with momentum; one generated batch for both updates."""
    generator, discriminator = gan2014_generator(), gan2014_discriminator()
    optimiser_d = torch.optim.SGD(discriminator.parameters(), lr=0.1, momentum=0.5)
    optimiser_g = torch.optim.SGD(generator.parameters(), lr=0.1, momentum=0.5)
    criterion, ones, zeros = nn.BCEWithLogitsLoss(), torch.ones(batch, 1), torch.zeros(batch, 1)

    def iterate() -> list[float]:
        real = next_real()[0].view(batch, -1)
        fake = generator((torch.rand(batch, 100) * 2 - 1) * 3**0.5)
        loss_d = 0.5 * (criterion(discriminator(real), ones) + criterion(discriminator(fake.detach()), zeros))
        optimiser_d.zero_grad()
        loss_d.backward()
        optimiser_d.step()
        loss_g = criterion(discriminator(fake), ones)
        optimiser_g.zero_grad()
        loss_g.backward()
        optimiser_g.step()
        return [loss_d.item(), loss_g.item()]

    return iterate
