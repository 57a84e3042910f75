"""The plain GAN: two multi-layer perceptrons and cross entropy.

I. Goodfellow et al., "Generative Adversarial Nets", arXiv 1406.2661, in the form that tutorials teach.
The paper's own MNIST network and optimiser are another recipe:

| setting | here | the paper's code |
|---|---|---|
| G's hidden layers | 256, 512, 1024, LeakyReLU .2 | 1200, 1200, ReLU |
| D's hidden layers | 1024, 512, 256, LeakyReLU .2 | maxout 240 × 5, twice |
| dropout in D | .5 after each hidden layer | .2 on the input, .5 elsewhere |
| output | tanh, data in [−1, 1] | sigmoid, data in [0, 1] |
| optimiser | Adam 2e-4, β1 .5 | SGD .1 decayed, momentum .5 → .7 |
| batch | the command line's (64) | 100 |
| z | N(0, 1)¹⁰⁰ | U(−√3, √3)¹⁰⁰ |
| D's loss | BCE + BCE | ½ (BCE + BCE) |
| gradients | alternating | both at the same point |

`loss` is the non-saturating one of §3; `--set vanilla.loss=minimax` is eq. 1 to the letter. The paper's
noise is `--set vanilla.noise=uniform --set vanilla.bound=1.7320508`. On points G ends linearly.
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
