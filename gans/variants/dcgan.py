"""DCGAN: A. Radford, L. Metz, S. Chintala, arXiv 1511.06434.

| setting | here | paper | well-known PyTorch code |
|---|---|---|---|
| Adam lr, β1 | 2e-4, .5 | 2e-4, .5 | 2e-4, .5 |
| batch | the command line's (64) | 128 | 64 |
| z | N(0, 1)¹⁰⁰ | U(−1, 1)¹⁰⁰ (quoted from memory) | N(0, 1)¹⁰⁰ |
| LeakyReLU slope | .2 | .2 | .2 |
| weights | N(0, .02), batch-norm scales N(1, .02) | N(0, .02) | N(0, .02), batch-norm scales N(1, .02) |
| images | b · 2ⁿ | 64 | 64 |

Real and fake go through D in separate batches, and one generated batch serves both updates, as in the
well-known code. `--set dcgan.noise=uniform` is the paper's noise.

Of that code's options nz, ngf, ndf, lr and beta1 are fields (`--set`); data root, batch size, image size,
epochs (or kimg) and device are options of `bench.run`; the number of channels comes from the data; and
`workers` has no counterpart, because the data lie on the training device as uint8 and nothing is loaded.
"""

from gans.networks import DCGAN
from gans.noise import Normal
from gans.optimisers import Adam
from gans.registry import register
from gans.variant import Variant


@register("dcgan")
def dcgan() -> Variant:
    """Strided convolutions, batch norm, non-saturating cross entropy."""
    return Variant(
        summary="Deep convolutional GAN: strided convolutions, batch norm, cross entropy",
        reference="arXiv 1511.06434; settings as in the PyTorch DCGAN tutorial",
        network=DCGAN(ngf=64, ndf=64),
        noise=Normal(nz=100),
        loss="non-saturating",
        optimiser_g=Adam(lr=2e-4, beta1=0.5),
        optimiser_d=Adam(lr=2e-4, beta1=0.5),
        fake_batch="shared",
    )
