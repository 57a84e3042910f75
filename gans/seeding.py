"""Independent streams of randomness from one seed.

Each use of randomness in a cell (initialisation, data order, noise, dropout, …) has a stream of its
own, named and derived by hashing, so that adding one never shifts another.
"""

import contextlib
import hashlib
from collections.abc import Iterator

import torch


def derive_seed(seed: int, stream: str) -> int:
    """A 63-bit seed for the named stream."""
    digest = hashlib.sha256(f"{seed}:{stream}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator_for(seed: int, stream: str, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator on `device` for the named stream."""
    return torch.Generator(device).manual_seed(derive_seed(seed, stream))


@contextlib.contextmanager
def seeded(seed: int, stream: str) -> Iterator[None]:
    """Run code that can only draw from torch's global CPU generator as if from a stream of its own.

    `torch.nn` layers initialise themselves from the global generator; it is put back afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed: that would seed the CUDA devices' generators too, and for good.
        torch.default_generator.manual_seed(derive_seed(seed, stream))
        yield
