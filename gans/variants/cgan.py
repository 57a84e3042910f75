"""CGAN: M. Mirza, S. Osindero, "Conditional Generative Adversarial Nets", arXiv 1411.1784.

The common convolutional form: the label's embedding is joined to z and, as one more channel, to D's input.
The paper's own networks (quoted from memory) are fully connected: z → 200 and y → 1000, joined in 1200
ReLU; D's x → maxout 240 × 5 and y → maxout 50 × 5, joined in maxout 240 × 4; SGD as in GAN 2014. What
comes nearest is `--set cgan.network=maxout --set cgan.optimiser_g=sgd --set cgan.optimiser_d=sgd`.

Generated labels are drawn with the training samples' own shares. Adam, noise and weights are DCGAN's.
"""

from gans.conditioning import Joined
from gans.networks import DCGAN
from gans.noise import Normal
from gans.optimisers import Adam
from gans.registry import register
from gans.variant import Variant


@register("cgan")
def cgan() -> Variant:
    """DCGAN's networks with the label beside z and beside D's input."""
    return Variant(
        summary="Conditional GAN: DCGAN's networks, the label joined to z and to D's input",
        reference="arXiv 1411.1784, eq. 2, in the common convolutional form",
        network=DCGAN(ngf=64, ndf=64),
        noise=Normal(nz=100),
        loss="non-saturating",
        conditioning=Joined(),
        optimiser_g=Adam(lr=2e-4, beta1=0.5),
        optimiser_d=Adam(lr=2e-4, beta1=0.5),
        fake_batch="shared",
    )
