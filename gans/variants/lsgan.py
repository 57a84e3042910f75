"""LSGAN: X. Mao et al., "Least Squares Generative Adversarial Networks", arXiv 1611.04076.

| setting | here | paper, authors' code | most later code |
|---|---|---|---|
| loss | a = 0, b = c = 1 (eq. 9) | the same | the same |
| Adam lr, β1 | 2e-4, .5 | 1e-3, .5 | 2e-4, .5 |
| z | N(0, 1)¹⁰⁰ | U(−1, 1)¹⁰²⁴ | 100 or 128 |
| batch | the command line's (64) | 64 | 64 |
| networks | DCGAN's | VGG-like with batch norm | DCGAN's |

The paper's rate and noise are `--set lsgan.lr=1e-3 --set lsgan.nz=1024`; `--set lsgan.network=mlp` puts
the loss on multi-layer perceptrons.
"""

from gans.networks import DCGAN
from gans.noise import Normal
from gans.optimisers import Adam
from gans.registry import register
from gans.variant import Variant


@register("lsgan")
def lsgan() -> Variant:
    """DCGAN's networks, least squares."""
    return Variant(
        summary="Least-squares GAN: DCGAN's networks, squared distance to the targets 1 and 0",
        reference="arXiv 1611.04076, eq. 9",
        network=DCGAN(ngf=64, ndf=64),
        noise=Normal(nz=100),
        loss="least-squares",
        optimiser_g=Adam(lr=2e-4, beta1=0.5),
        optimiser_d=Adam(lr=2e-4, beta1=0.5),
        fake_batch="shared",
    )
