"""WGAN-GP: I. Gulrajani et al., "Improved Training of Wasserstein GANs", arXiv 1704.00028.

| setting | here | authors' MNIST code | authors' CIFAR-10 ResNet |
|---|---|---|---|
| λ | 10 | 10 | 10 |
| n_critic | 5 | 5 | 5 |
| Adam lr, betas | 1e-4, (.5, .9) | 1e-4, (.5, .9) | 2e-4, (0, .9), linear to 0 |
| batch | the command line's (64) | 50 | 64 |
| z | N(0, 1)¹²⁸ | N(0, 1)¹²⁸ | N(0, 1)¹²⁸ |
| batch norm | in G, not in D | in neither | in G |
| networks | DCGAN's | 5 × 5 convolutions | ResNet |

`--set wgan_gp.norm_g=none` takes it out of G, too. The penalty is a piece: `--set acgan.penalty=gradient
--set acgan.norm_d=none` puts it on another variant.
"""

from gans.critic_schedule import Constant
from gans.networks import DCGAN
from gans.noise import Normal
from gans.optimisers import Adam
from gans.penalties import GradientPenalty
from gans.registry import register
from gans.variant import Variant


@register("wgan_gp")
def wgan_gp() -> Variant:
    """DCGAN's networks without batch norm in the critic, the gradient penalty."""
    return Variant(
        summary="Wasserstein GAN with gradient penalty, 5 critic steps a generator step",
        reference="arXiv 1704.00028, algorithm 1; settings as in the authors' MNIST code",
        network=DCGAN(ngf=64, ndf=64, norm_d="none"),
        noise=Normal(nz=128),
        loss="wasserstein",
        optimiser_g=Adam(lr=1e-4, beta1=0.5, beta2=0.9),
        optimiser_d=Adam(lr=1e-4, beta1=0.5, beta2=0.9),
        critic=Constant(n_critic=5),
        penalty=GradientPenalty(weight=10.0),
    )
