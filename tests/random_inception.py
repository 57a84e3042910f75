"""An Inception with random weights whose features spread as a trained network's do.

The real weights can't be had offline. With convolutions initialised for ReLU and batch norms calibrated on
images like those to be scored, no feature is an outlier.
"""

import torch
from torch import nn
from torch_fidelity import feature_extractor_inceptionv3 as inception


def smooth_images(n, seed, brightness, size=32):
    """uint8 (n, 3, size, size): coarse noise, interpolated."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 3, 4, 4, generator=generator) * brightness
    return nn.functional.interpolate(coarse, size, mode="bilinear").mul(255).to(torch.uint8)


def random_inception_weights(path):
    """Write the state dict of such a network to `path`, in the layout of torch-fidelity's file."""

    class Untrained(inception.FeatureExtractorInceptionV3):
        # The constructor downloads weights and loads them; there are none.
        def load_state_dict(self, *_args, **_kwargs):
            pass

    original = inception.load_state_dict_from_url
    inception.load_state_dict_from_url = lambda *_, **__: {}
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = Untrained("inception-v3-compat", ["2048"])
            for module in network.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight)
                elif isinstance(module, nn.BatchNorm2d):
                    module.momentum = None
    finally:
        inception.load_state_dict_from_url = original
    network.train()
    with torch.no_grad():
        network(smooth_images(8, 0, 1.0))
    torch.save(network.state_dict(), path)
    return path
