"""Pairs of networks that a variant picks from; importing this package registers them."""

from gans.networks.dcgan import DCGAN
from gans.networks.maxout import Maxout
from gans.networks.mlp import MLP
from gans.networks.network import Network

__all__ = ["DCGAN", "MLP", "Maxout", "Network"]
