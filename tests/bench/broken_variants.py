"""A variant whose own code fails, for as long as a test needs it."""

from dataclasses import dataclass, replace

import pytest
from torch import Tensor, nn

import gans
import gans.registry
from gans.networks import MLP


class LooseWidget(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("the widget is loose\nand a second line")


@dataclass(frozen=True, kw_only=True)
class FailsInForward(MLP, kind="fails-in-forward"):
    def build(self, shape, nz):
        _, discriminator = super().build(shape, nz)
        return LooseWidget(nz, 1), discriminator


@dataclass(frozen=True, kw_only=True)
class FailsInBuild(MLP, kind="fails-in-build"):
    def build(self, shape, nz):
        return 1 / 0


def register(monkeypatch: pytest.MonkeyPatch, name: str, network: MLP) -> None:
    def recipe() -> gans.Variant:
        return replace(gans.get("vanilla"), summary="broken", network=network)

    monkeypatch.setattr(gans.registry, "_recipes", dict(gans.registry._recipes))
    gans.register(name)(recipe)
