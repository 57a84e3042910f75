"""The plain GAN: two multi-layer perceptrons and cross entropy.

I. Goodfellow et al., "Generative Adversarial Nets", arXiv 1406.2661, in the form that tutorials teach:
four linear layers a player, LeakyReLU, dropout .5 in D, Adam. The paper's own network (maxout, SGD
with momentum) differs in all of that. `loss` is the non-saturating one of §3; `--set
vanilla.loss=minimax` is eq. 1 to the letter. Noise is normal; `--set vanilla.noise=uniform` is the
paper's choice. On points the same network ends linearly.
"""

from gans.networks import MLP
from gans.noise import Normal
from gans.optimisers import Adam
from gans.registry import register
from gans.variant import Variant


@register("vanilla")
def vanilla() -> Variant:
    """MLP, non-saturating cross entropy, alternating updates with fresh noise."""
    return Variant(
        summary="Plain GAN: multi-layer perceptrons, cross entropy, dropout in D",
        reference="arXiv 1406.2661, as tutorials teach it",
        network=MLP(),
        noise=Normal(nz=100),
        loss="non-saturating",
        optimiser_g=Adam(lr=2e-4, beta1=0.5),
        optimiser_d=Adam(lr=2e-4, beta1=0.5),
    )
