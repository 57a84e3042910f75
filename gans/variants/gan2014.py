"""GAN 2014: I. Goodfellow et al., "Generative Adversarial Nets", arXiv 1406.2661: their own MNIST recipe.

Settings of the authors' `mnist.yaml` and `AdversaryCost2` (github.com/goodfeli/adversarial):

| setting | here and there |
|---|---|
| z | U(−√3, √3)¹⁰⁰ |
| G | ReLU 1200 → ReLU 1200 → sigmoid; weights U(±.05); output bias: logit of the pixel means |
| D | maxout 240 × 5, twice → logit; weights U(±.005) |
| dropout in D | keeps .8 of the input and .5 of each hidden layer, scaled; active in G's step, too |
| noise, dropout in G | none (`noise_g`, `dropout_g` are there, off) |
| loss | D ½ (BCE real + BCE fake); G non-saturating |
| gradients | both at the same point, of one forward of D on one generated batch, one set of dropout masks |
| SGD | lr .1, divided by 1.000004 each batch, at least 1e-6; momentum .5 → .7 linearly over epochs 1 … 250 |
| data | in [0, 1], the first 50,000 of MNIST's training file |
| batch | 100: the command line's, `--batch-size 100` |

k = 1, as in their experiments; `--set gan2014.n_critic=K` is algorithm 1's k. For CIFAR-10 their fully
connected recipe is `--set gan2014.hidden_g=8000-8000 --set gan2014.hidden_d=1600 --set gan2014.noise=normal
--set gan2014.lr=.025`, but for its output, which is linear.
"""

import math

from gans.networks import Maxout
from gans.noise import Uniform
from gans.optimisers import SGD
from gans.registry import register
from gans.variant import Variant


@register("gan2014")
def gan2014() -> Variant:
    """Maxout and rectifiers, dropout, SGD with momentum."""
    return Variant(
        summary="The 2014 paper's own MNIST recipe: maxout D with dropout, SGD; with --batch-size 100",
        reference="arXiv 1406.2661; settings as in the authors' mnist.yaml",
        version=2,  # 2: a maxout unit's pieces lie 240 rows apart in the weights, no longer side by side
        network=Maxout(),
        noise=Uniform(nz=100, bound=math.sqrt(3)),
        loss="non-saturating-half",
        optimiser_g=SGD(),
        optimiser_d=SGD(),
        update="simultaneous",
        fake_batch="shared",
    )
