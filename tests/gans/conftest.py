import pytest
import torch

from gans.images import to_network


@pytest.fixture
def float64(monkeypatch):
    """Whatever is float32 in training, parameters and samples alike, is float64."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    monkeypatch.setattr("gans.step.to_network", lambda samples: to_network(samples).double())
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
