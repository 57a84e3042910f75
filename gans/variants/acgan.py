"""ACGAN: A. Odena, C. Olah, J. Shlens, "Conditional Image Synthesis with Auxiliary Classifier GANs".

arXiv 1610.09585. D has a source head and a class head; both players maximise the class log-likelihood
L_C (of real and generated images in D's loss, of generated ones in G's), D maximises L_S + L_C, G L_C − L_S
(here with the non-saturating form of L_S, as in most code).

| setting | here | paper, CIFAR-10 (quoted from memory) |
|---|---|---|
| Adam lr, betas | 2e-4, (.5, .999) | 2e-4, (.5, .999) |
| batch | the command line's (64) | 100 |
| z | N(0, 1)¹¹⁰ and the label, one-hot | 110 numbers and the label, one-hot |
| dropout in D | .5 | .5 |
| weights | N(0, .02) | N(0, .02) |
| networks | DCGAN's | convolutions of 3 × 3, some with stride 2 |
"""

from gans.conditioning import ClassHead
from gans.networks import DCGAN
from gans.noise import Normal
from gans.optimisers import Adam
from gans.registry import register
from gans.variant import Variant


@register("acgan")
def acgan() -> Variant:
    """DCGAN's networks, a class head on D."""
    return Variant(
        summary="Auxiliary-classifier GAN: D also names the class, dropout in D",
        reference="arXiv 1610.09585, §3",
        network=DCGAN(ngf=64, ndf=64, dropout=0.5),
        noise=Normal(nz=110),
        loss="non-saturating",
        conditioning=ClassHead(),
        optimiser_g=Adam(lr=2e-4, beta1=0.5),
        optimiser_d=Adam(lr=2e-4, beta1=0.5),
        fake_batch="shared",
    )
