"""Wasserstein GAN with weight clipping: M. Arjovsky, S. Chintala, L. Bottou, arXiv 1701.07875.

Settings of algorithm 1 and of the authors' `main.py`: RMSProp 5e-5; every critic weight (batch-norm
scales too) clamped to ±.01 before each critic step; 5 critic steps a generator step, but 100 during
the first 25 generator steps and at every 500th; batch 64; z ~ N(0, 1)¹⁰⁰; DCGAN's networks with batch
norm and no sigmoid; fresh noise for G's step. What their code does and this does not: it cuts the
critic's steps short at the end of an epoch, where its data loader runs out.
"""

from gans.critic_schedule import Boosted
from gans.networks import DCGAN
from gans.noise import Normal
from gans.optimisers import RMSProp
from gans.registry import register
from gans.variant import Variant


@register("wgan")
def wgan() -> Variant:
    """DCGAN's networks, the critic's loss, clipped weights."""
    return Variant(
        summary="Wasserstein GAN: critic with clipped weights, 5 critic steps a generator step",
        reference="arXiv 1701.07875; settings as in the authors' code",
        network=DCGAN(ngf=64, ndf=64),
        noise=Normal(nz=100),
        loss="wasserstein",
        optimiser_g=RMSProp(lr=5e-5),
        optimiser_d=RMSProp(lr=5e-5),
        critic=Boosted(n_critic=5, boost=100, first=25, every=500),
        weight_clip=0.01,
    )
