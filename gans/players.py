"""Other people's networks: are they what the step will call?"""

import copy

import torch
from torch import nn

from gans.classes import Classes
from gans.errors import VariantError
from gans.networks.network import draw, draw_shapes, forward
from gans.variant import Variant


@torch.no_grad()
def check_players(
    variant: Variant, players: tuple[nn.Module, nn.Module], shape: tuple[int, ...], classes: Classes | None
) -> None:
    """Call copies of (G, D) once as the training step does, in evaluation mode on the CPU.

    Raises
    ------
    VariantError
        If one cannot be called so, G makes samples of another shape, or D gives other outputs than
        `(n,)` or `(n, 1)`, or `(n, 1 + classes)` with a class head.
    """
    n, source = 2, torch.Generator().manual_seed(0)
    generator, discriminator = (copy.deepcopy(player).cpu().eval() for player in players)
    labels = None if classes is None else classes.draw(n, source)
    given = labels if variant.conditioning.labels_to_discriminator else None
    try:
        z = variant.noise.draw(n, source)
        made = forward(generator, z, draw(draw_shapes(generator), n, source), labels)
        if tuple(made.shape) != (n, *shape):
            raise VariantError(f"G makes {tuple(made.shape[1:])}, and the training samples are {shape}.")
        out = forward(discriminator, made, draw(draw_shapes(discriminator), n, source), given)
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        if isinstance(error, VariantError):
            raise
        raise VariantError(
            f"The players cannot be called as {variant.name or 'this variant'} calls them "
            f"({type(error).__name__}: {error})."
        ) from error
    expected = {(n,), (n, 1)}
    if variant.conditioning.class_head and classes is not None:
        expected = {(n, 1 + len(classes))}
    if tuple(out.shape) not in expected:
        wanted = " or ".join(str(("n", *one[1:])).replace("'", "") for one in sorted(expected))
        raise VariantError(f"D must give {wanted}, not {('n', *out.shape[1:])}.".replace("'", ""))
